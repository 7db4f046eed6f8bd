// The gradients of a convolution's weights, block by block, panel by panel, tile by tile.
#pragma once
#include "borders.h"

// A panel of a block's output gradients, laid side by side. What lies behind them in the last vector comes along: nobody reads
// what becomes of it.
static void pack_pixels(size_t pixels, size_t count, const float *from, size_t from_step, float *to, const float *end) {
  size_t across = whole_vectors(count);
  for (size_t i = 0; i < pixels; i++, from += from_step, to += across)
    for (size_t v = 0; v < across; v += width)
      store(to + v, end - (from + v) >= width ? load(from + v) : load_part(from + v, smaller(count - v, width)));
}

// What each tap sees or, where tiles mix them, each row; in memory that need not be aligned for more than floats.
INLINE size_t seen_count(const struct native_convolution *shape, const struct gradient_share *share) {
  return shape->kernel_height * shape->kernel_width * (share->mixes_taps ? shape->in_channels / shape->groups : 1);
}
enum { seen_elements = sizeof(struct seen) / sizeof(float) };

static void see(const struct native_convolution *shape, const struct gradient_share *share, float *table) {
  size_t step = share->mixes_taps ? 1 : shape->in_channels / shape->groups;
  for (size_t i = 0; i < seen_count(shape, share); i++) {
    struct seen seen = seen_of(shape, i * step);
    memcpy(table + i * seen_elements, &seen, sizeof seen);
  }
}

// All tiles of a panel: of each row of sums, `across` whole vectors.
static void gradient_panel(
    const struct native_convolution *shape, const struct gradient_share *share, struct block block, const float *table,
    const float *left, const float *right, size_t right_pixel, size_t across, float *sums, int goes_on) {
  size_t extents[2] = {native_out_extent(shape, 0), native_out_extent(shape, 1)};
  size_t taps = shape->kernel_height * shape->kernel_width;
  struct tile_steps steps = {.left_pixel = (ptrdiff_t)(shape->stride[1] * shape->in_channels)};
  steps.left_line = (ptrdiff_t)(shape->stride[0] * shape->in_width * shape->in_channels);
  steps.left_image = (ptrdiff_t)(shape->in_height * shape->in_width * shape->in_channels);
  steps.right_pixel = (ptrdiff_t)right_pixel;
  steps.right_line = (ptrdiff_t)extents[1] * steps.right_pixel;
  steps.right_image = (ptrdiff_t)extents[0] * steps.right_line;
  // Where lines and images join, all pixels are one line.
  int joins = taps == 1 && shape->padding[0] == 0 && shape->padding[1] == 0 &&
              steps.left_line == (ptrdiff_t)extents[1] * steps.left_pixel &&
              steps.left_image == (ptrdiff_t)extents[0] * steps.left_line;
  if (joins) {
    left += (ptrdiff_t)block.first_image * steps.left_image + (ptrdiff_t)block.first_line * steps.left_line;
    extents[1] *= (block.last_image - block.first_image) * (block.last_line - block.first_line);
    steps.left_ahead = (ptrdiff_t)extents[1] * steps.left_pixel;
    block = (struct block){0, 1, 0, 1};
  }
  int wide = (int)(across / width);
  size_t inner = share->mixes_taps ? 1 : taps, some = share->last_row - share->first_row;
  struct seen seen[most_rows];
  for (size_t row = share->first_row, high; row < share->last_row; row += high) {
    high = rows_next(wide, share->last_row - row);
    for (size_t tap = 0; tap < inner; tap++) {
      memcpy(seen, table + (share->mixes_taps ? row : tap) * seen_elements, (share->mixes_taps ? high : 1) * sizeof *seen);
      if (!share->mixes_taps) seen[0].left += (ptrdiff_t)row;
      for (size_t r = 0; joins && r < high; r++) seen[r].count[1] = extents[1];
      float *results = sums + (tap * some + row - share->first_row) * across;
      gradient_tile_of(wide, high, share->mixes_taps, &block, seen, &steps, left, right, results, goes_on);
    }
  }
}

// From a panel's rows `[kernel row, kernel column, input channel]` to `[output channel, input channel, kernel row, kernel column]`.
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

INLINE int may_border(const struct native_convolution *shape, const struct gradient_share *share) {
  return share->mixes_taps && (shape->padding[0] > 0 || shape->padding[1] > 0);
}

// Scratch memory holds what taps see, a panel of output gradients, a block's images with borders, and sums.
static size_t convolve_weights_scratch_count(const struct native_convolution *shape, size_t part, size_t parts) {
  const struct native_kernels *other = narrower(shape->out_channels / shape->groups, width / 2);
  if (other) return other->convolve_weights_scratch_count(shape, part, parts);
  struct gradient_share share = gradient_share_of(shape, part, parts);
  size_t panels = share.last_panel - share.first_panel;
  return (most_block_pixels(shape) + gradient_rows(shape, &share) * panels) * panel_columns +
         (may_border(shape, &share) ? most_bordered(shape) : 0) + 2 * seen_count(shape, &share) * seen_elements;
}

// What a block adds to the sums of a group.
static void gradient_block(
    const struct native_convolution *shape, const struct gradient_share *share, size_t group, const struct block *block,
    int borders, const float *table, const float *input, const float *output_gradient, const float *end, float *scratch,
    float *sums, int goes_on) {
  size_t lines = native_out_extent(shape, 0), line = native_out_extent(shape, 1), out = shape->out_channels / shape->groups;
  size_t before = (block->first_image * lines + block->first_line) * line;
  size_t pixels = (block->last_image - block->first_image) * (block->last_line - block->first_line) * line;
  struct native_convolution left_shape = *shape;
  struct block left_block = *block;
  input += group * (shape->in_channels / shape->groups);
  if (borders) {
    float *with_border = scratch + most_block_pixels(shape) * panel_columns;
    left_shape = bordered(shape, block);
    left_block = (struct block){0, left_shape.batch, 0, block->last_line - block->first_line};
    copy_bordered(shape, &left_shape, block, input, with_border);
    input = with_border;
  }
  for (size_t panel = share->first_panel; panel < share->last_panel; panel++) {
    size_t column = panel * panel_columns, count = smaller(out - column, panel_columns), across = whole_vectors(count);
    const float *right = output_gradient + before * shape->out_channels + group * out + column;
    size_t pixel = shape->out_channels;
    // A panel that is all of a pixel stays where it lies, if the last vector does not go on behind the memory's end.
    if (count != pixel || end - right < (ptrdiff_t)((pixels - 1) * pixel + across)) {
      pack_pixels(pixels, count, right, pixel, scratch, end);
      right = scratch;
      pixel = across;
    }
    gradient_panel(&left_shape, share, left_block, table, input, right, pixel, across, sums, goes_on);
    sums += gradient_rows(shape, share) * panel_columns;
  }
}

static void convolve_weights(
    const struct native_convolution *shape, const float *input, const float *output_gradient, float *weights_gradient,
    float *scratch, size_t part, size_t parts) {
  const struct native_kernels *other = narrower(shape->out_channels / shape->groups, width / 2);
  if (other) return other->convolve_weights(shape, input, output_gradient, weights_gradient, scratch, part, parts);
  struct gradient_share share = gradient_share_of(shape, part, parts);
  size_t channels = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
  size_t lines = native_out_extent(shape, 0), line = native_out_extent(shape, 1);
  size_t panel_sums = gradient_rows(shape, &share) * panel_columns, taps = shape->kernel_height * shape->kernel_width;
  size_t outputs = shape->batch * lines * line * shape->out_channels, seen = seen_count(shape, &share) * seen_elements;
  if (panel_sums == 0) return;
  int may = may_border(shape, &share);
  float *table = scratch;
  see(shape, &share, table);
  if (may && outputs > 0) {
    struct block first = block_after(shape, (struct block){0, 0, lines, lines});
    struct native_convolution with_border = bordered(shape, &first);
    see(&with_border, &share, table + seen);
  }
  scratch += 2 * seen;
  float *sums = scratch + most_block_pixels(shape) * panel_columns + (may ? most_bordered(shape) : 0);
  for (size_t group = 0; group < shape->groups; group++) {
    memset(sums, 0, (share.last_panel - share.first_panel) * panel_sums * sizeof(float));
    struct block block = {0, 0, lines, lines};
    int goes_on = 0, borders = may;
    while (lines && line && (block.last_image < shape->batch || block.last_line < lines)) {
      block = block_after(shape, block);
      // Once a sum may be -0, there are no borders any more.
      borders = borders && zeros_change_nothing(shape, &block, input, output_gradient);
      gradient_block(
          shape, &share, group, &block, borders, table + (borders ? seen : 0), input, output_gradient,
          output_gradient + outputs, scratch, sums, goes_on);
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
