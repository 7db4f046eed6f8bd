// The gradients of a convolution's weights, block by block, panel by panel, tile by tile.
#pragma once
#include "gradients.h"

// A panel of a block's output gradients, laid side by side.
static void pack_pixels(size_t pixels, size_t count, const float *from, size_t from_step, float *to) {
  size_t across = whole_vectors(count), whole = count / width * width;
  for (size_t i = 0; i < pixels; i++, from += from_step, to += across) {
    for (size_t v = 0; v < whole; v += width) store(to + v, load(from + v));
    if (whole < count) store(to + whole, load_part(from + whole, count - whole));
  }
}

// All tiles of a panel: of each row of sums, `across` whole vectors.
static void gradient_panel(
    const struct native_convolution *shape, const struct gradient_share *share, struct block block, const float *left,
    const float *right, size_t across, float *sums, int goes_on) {
  size_t extents[2] = {native_out_extent(shape, 0), native_out_extent(shape, 1)};
  size_t channels = shape->in_channels / shape->groups, taps = shape->kernel_height * shape->kernel_width;
  struct tile_steps steps = {.left_pixel = (ptrdiff_t)(shape->stride[1] * shape->in_channels)};
  steps.left_line = (ptrdiff_t)(shape->stride[0] * shape->in_width * shape->in_channels);
  steps.left_image = (ptrdiff_t)(shape->in_height * shape->in_width * shape->in_channels);
  steps.right_line = (ptrdiff_t)(extents[1] * across);
  steps.right_image = (ptrdiff_t)extents[0] * steps.right_line;
  int wide = (int)(across / width);
  size_t height = (size_t)rows_of(wide), rows_there = gradient_rows(shape, share);
  // Where lines and images join, all pixels are one line.
  struct seen first = seen_of(shape, 0);
  int joins =
      taps == 1 && first.first[0] == 0 && first.first[1] == 0 && first.end[0] == extents[0] && first.end[1] == extents[1] &&
      steps.left_line == (ptrdiff_t)extents[1] * steps.left_pixel &&
      steps.left_image == (ptrdiff_t)extents[0] * steps.left_line;
  if (joins) {
    left += (ptrdiff_t)block.first_image * steps.left_image + (ptrdiff_t)block.first_line * steps.left_line;
    extents[1] *= (block.last_image - block.first_image) * (block.last_line - block.first_line);
    extents[0] = 1;
    block = (struct block){0, 1, 0, 1};
  }
  struct seen seen[most_rows];
  size_t inner = share->mixes_taps ? 1 : taps;
  for (size_t row = share->first_row, high; row < share->last_row; row += high) {
    high = rows_next(wide, share->last_row - row);
    for (size_t tap = 0; tap < inner; tap++) {
      for (size_t r = 0; r < height; r++) {
        seen[r] = r == 0 || (share->mixes_taps && r < high) ? seen_of(shape, tap * channels + row + r) : seen[r - 1];
        if (!share->mixes_taps && r > 0 && r < high) seen[r].left++;
        if (joins) seen[r].end[1] = extents[1];
      }
      float *results = sums + (tap * (rows_there / inner) + row - share->first_row) * across;
      gradient_tile_of(wide, high, &block, seen, &steps, left, right, results, goes_on);
    }
  }
}

// From rows `[kernel row, kernel column, input channel]` of a panel to `[output channel, input channel, kernel row, kernel column]`.
static void unpack_gradient(
    const struct native_convolution *shape, const struct gradient_share *share, size_t count, const float *sums, float *weights) {
  size_t channels = shape->in_channels / shape->groups, taps = shape->kernel_height * shape->kernel_width;
  size_t across = whole_vectors(count), some = share->last_row - share->first_row;
  if (share->mixes_taps) {
    for (size_t row = share->first_row; row < share->last_row; row++, sums += across)
      for (size_t i = 0; i < count; i++) weights[(i * channels + row % channels) * taps + row / channels] = sums[i];
  } else if (taps == 1) {
    turn(count, some, sums, across, weights + share->first_row, channels, some);
  } else {
    for (size_t c = 0; c < some; c++)
      turn(
          count, taps, sums + c * across, some * across, weights + (share->first_row + c) * taps, channels * taps, taps);
  }
}

static size_t convolve_weights_scratch_count(const struct native_convolution *shape, size_t part, size_t parts) {
  struct gradient_share share = gradient_share_of(shape, part, parts);
  size_t panels = share.last_panel - share.first_panel;
  return (most_block_pixels(shape) + gradient_rows(shape, &share) * panels) * panel_columns;
}

static void convolve_weights(
    const struct native_convolution *shape, const float *input, const float *output_gradient, float *weights_gradient,
    float *scratch, size_t part, size_t parts) {
  struct gradient_share share = gradient_share_of(shape, part, parts);
  size_t channels = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
  size_t lines = native_out_extent(shape, 0), line = native_out_extent(shape, 1);
  size_t panel_sums = gradient_rows(shape, &share) * panel_columns, taps = shape->kernel_height * shape->kernel_width;
  float *sums = scratch + most_block_pixels(shape) * panel_columns;
  if (panel_sums == 0) return;
  for (size_t group = 0; group < shape->groups; group++) {
    memset(sums, 0, (share.last_panel - share.first_panel) * panel_sums * sizeof(float));
    struct block block = {0, 0, lines, lines};
    int goes_on = 0;
    while (lines && line && (block.last_image < shape->batch || block.last_line < lines)) {
      block = block_after(shape, block);
      size_t before = (block.first_image * lines + block.first_line) * line;
      size_t pixels = (block.last_image - block.first_image) * (block.last_line - block.first_line) * line;
      for (size_t panel = share.first_panel; panel < share.last_panel; panel++) {
        size_t column = panel * panel_columns, count = smaller(out - column, panel_columns), across = whole_vectors(count);
        const float *right = output_gradient + before * shape->out_channels + group * out + column;
        if (across != shape->out_channels) {
          pack_pixels(pixels, count, right, shape->out_channels, scratch);
          right = scratch;
        }
        gradient_panel(
            shape, &share, block, input + group * channels, right, across,
            sums + (panel - share.first_panel) * panel_sums, goes_on);
      }
      goes_on = 1;
    }
    for (size_t panel = share.first_panel; panel < share.last_panel; panel++) {
      size_t column = panel * panel_columns;
      unpack_gradient(
          shape, &share, smaller(out - column, panel_columns), sums + (panel - share.first_panel) * panel_sums,
          weights_gradient + (group * out + column) * channels * taps);
    }
  }
}
