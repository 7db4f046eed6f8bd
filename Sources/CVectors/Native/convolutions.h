// Direct convolutions and the gradients of their inputs: windows over images in place, weights packed in panels.
#pragma once
#include "image-lanes.h"

// Of a panel, about so many floats stay in the second-level cache while the images go by.
enum { cached_panel = 98304, fewest_elements = 65536 };

static struct share share_of(const struct convolving *it, size_t part, size_t parts) {
  struct share share = {0, it->batch, 0, it->extents[0]};
  if (it->batch % parts == 0 || it->batch >= 8 * parts) {
    share.first_image = it->batch * part / parts;
    share.last_image = it->batch * (part + 1) / parts;
  } else {
    share.first_row = it->extents[0] * part / parts;
    share.last_row = it->extents[0] * (part + 1) / parts;
  }
  return share;
}

// The pixels of a line are cut into tiles; what remains of several lines makes others.
INLINE void convolve_runs_of(
    int wide, const struct convolving *it, const struct share *share, const struct run *down, const struct run *along,
    const struct window *window, const float *left, const float *panel, float *result, const struct finish *finish) {
  ptrdiff_t pixel = (ptrdiff_t)(it->left_channels * it->groups), line = (ptrdiff_t)it->left_extents[1] * pixel;
  size_t result_pixel = it->channels * it->groups, result_line = it->extents[1] * result_pixel;
  ptrdiff_t left_step = along->left_step * pixel;
  size_t result_step = along->step * result_pixel, height = (size_t)rows_of(wide), high = 0;
  const float *rest[most_rows];
  float *rest_results[most_rows];
  for (size_t image = share->first_image; image < share->last_image; image++)
    for (size_t y = 0; y < down->count; y++) {
      ptrdiff_t from_line = (ptrdiff_t)(image * it->left_extents[0]) + down->left + (ptrdiff_t)y * down->left_step;
      const float *from = left + from_line * line + along->left * pixel;
      float *to = result + (image * it->extents[0] + down->first + y * down->step) * result_line + along->first * result_pixel;
      size_t x = along->count;
      for (; x >= height; x -= height) {
        const float *lefts[most_rows];
        float *results[most_rows];
#pragma clang loop unroll(full)
        for (int r = 0; r < rows_of(wide); r++) {
          lefts[r] = from;
          results[r] = to;
          from += left_step;
          to += result_step;
        }
        window_tile(rows_of(wide), wide, height, window, lefts, panel, results, finish);
      }
      for (; x > 0; x--) {
        rest[high] = from;
        rest_results[high++] = to;
        from += left_step;
        to += result_step;
        if (high < height) continue;
        window_tile_of(wide, high, window, rest, panel, rest_results, finish);
        high = 0;
      }
    }
  if (high == 0) return;
  for (size_t r = high; r < height; r++) rest[r] = rest[high - 1];
  window_tile_of(wide, high, window, rest, panel, rest_results, finish);
}

// A panel at all positions of a pair of runs.
static void convolve_runs(
    const struct convolving *it, const struct share *share, const struct run *down, const struct run *along,
    const float *left, const float *panel, float *result, const struct finish *finish) {
  int wide = (int)((finish->across + width - 1) / width);
  size_t across = (size_t)wide * width, pixel = it->left_channels * it->groups, line = it->left_extents[1] * pixel;
  size_t tap = it->left_channels * across, tap_line = it->axes[1].kernel * tap;
  struct window window = {
      .taps = {down->taps, along->taps}, .length = it->left_channels,
      .left_steps = {down->tap_left * (ptrdiff_t)line, along->tap_left * (ptrdiff_t)pixel},
      .right_steps = {(ptrdiff_t)(down->tap_step * tap_line), (ptrdiff_t)(along->tap_step * tap)}};
  if (window.left_steps[1] == (ptrdiff_t)window.length && along->tap_step == 1) {
    window.length *= window.taps[1];
    window.taps[1] = 1;
  }
  panel += down->tap * tap_line + along->tap * tap;
#define RUNS(n)                                                                              \
  case n:                                                                                    \
    convolve_runs_of(n, it, share, down, along, &window, left, panel, result, finish);       \
    break
  switch (wide) {
    RUNS(1);
#if NATIVE_VECTORS > 1
    RUNS(2);
#endif
#if NATIVE_VECTORS > 2
    RUNS(3);
    RUNS(4);
#endif
  }
#undef RUNS
}

// Of a panel's kernel rows, `[first_tap, last_tap)`.
static void convolve_panel(
    const struct convolving *it, const struct share *share, size_t first_tap, size_t last_tap, const float *left,
    const float *panel, float *result, struct finish finish) {
  const float *bias = finish.bias;
  int cuts = finish.cuts;
  const struct axis *vertical = &it->axes[0], *horizontal = &it->axes[1];
  size_t phases = vertical->is_turned ? vertical->stride : 1, columns_phases = horizontal->is_turned ? horizontal->stride : 1;
  for (size_t phase = share->first_row; phase < share->first_row + phases && phase < share->last_row; phase++)
    for (size_t y = phase; y < share->last_row;) {
      struct run down = run_from(vertical, y, share->last_row);
      y += down.count * down.step;
      // Those of its taps that are among the kernel rows; where there are none at all, the first rows give the zeros.
      size_t end = down.tap + down.taps * down.tap_step;
      finish.goes_on = down.tap < first_tap && down.taps > 0;
      while (down.taps > 0 && down.tap < first_tap) {
        down.tap += down.tap_step;
        down.taps--;
        down.left += down.tap_left;
      }
      while (down.taps > 0 && down.tap + (down.taps - 1) * down.tap_step >= last_tap) down.taps--;
      if (down.taps == 0 && (finish.goes_on || first_tap > 0 || end > last_tap)) continue;
      int is_last = down.tap + down.taps * down.tap_step == end;
      finish.bias = is_last ? bias : NULL;
      finish.cuts = is_last && cuts;
      for (size_t start = 0; start < columns_phases && start < it->extents[1]; start++)
        for (size_t x = start; x < it->extents[1];) {
          struct run along = run_from(horizontal, x, it->extents[1]);
          x += along.count * along.step;
          convolve_runs(it, share, &down, &along, left, panel, result, &finish);
        }
    }
}

// The next images of a share, or rows of one image: so few that they stay in a cache while all panels see them, and so many that
// the panels are seldom read.
static struct share chunk_after(const struct convolving *it, const struct share *share, const struct share *last) {
  size_t weights = it->taps * it->left_channels * it->channels * it->groups;
  size_t image = it->left_extents[0] * it->left_extents[1] * it->left_channels * it->groups, rows_there = it->extents[0];
  size_t elements = weights * 2 > fewest_elements ? weights * 2 : fewest_elements;
  struct share chunk = *share;
  if (it->channels * it->groups <= panel_columns) elements = SIZE_MAX;
  chunk.first_image = last->last_row < share->last_row ? last->first_image : last->last_image;
  if (image <= elements) {
    size_t images = image ? elements / image : elements;
    if (images < chunk.last_image - chunk.first_image) chunk.last_image = chunk.first_image + images;
    return chunk;
  }
  size_t some = elements / (image / rows_there + 1) + 1;
  chunk.last_image = chunk.first_image + 1;
  chunk.first_row = last->last_row < share->last_row ? last->last_row : share->first_row;
  if (some < chunk.last_row - chunk.first_row) chunk.last_row = chunk.first_row + some;
  return chunk;
}

static void convolve_chunk(
    const struct convolving *it, const struct share *chunk, const float *left, const float *panels, const float *bias, int cuts,
    float *result) {
  for (size_t group = 0; group < it->groups; group++)
    for (size_t first = 0, count; first < it->channels; first += count) {
      count = columns_next(it->channels - first);
      size_t tap_line = it->axes[1].kernel * it->left_channels * whole_vectors(count);
      size_t block = tap_line && tap_line < cached_panel ? cached_panel / tap_line : 1;
      size_t column = group * it->channels + first;
      struct finish finish = {.across = count, .cuts = cuts, .bias = bias ? bias + column : NULL};
      for (size_t tap = 0; tap < it->axes[0].kernel; tap += block)
        convolve_panel(it, chunk, tap, tap + block, left + group * it->left_channels, panels, result + column, finish);
      panels += it->axes[0].kernel * tap_line;
    }
}

static void convolve_all(
    const struct convolving *it, const float *left, const float *panels, const float *bias, int cuts, float *result,
    size_t part, size_t parts) {
  struct share share = share_of(it, part, parts);
  if (share.first_row == share.last_row) return;
#ifndef NATIVE_HALF
  if (fits_lanes(it, &share)) share.first_image += convolve_lanes(it, &share, left, panels, bias, cuts, result);
#endif
  struct share chunk = share;
  chunk.last_image = share.first_image;
  while (chunk.last_image < share.last_image || chunk.last_row < share.last_row) {
    chunk = chunk_after(it, &share, &chunk);
    convolve_chunk(it, &chunk, left, panels, bias, cuts, result);
  }
}

#ifndef NATIVE_HALF

static void convolve(
    const struct native_convolution *shape, const float *input, const float *panels, const float *bias, int cuts,
    float *output, size_t part, size_t parts) {
  struct convolving it = convolving(shape, 0);
  const struct native_kernels *other = narrower(it.channels, width);
  if (other) return other->convolve(shape, input, panels, bias, cuts, output, part, parts);
  convolve_all(&it, input, panels, bias, cuts, output, part, parts);
}

static void convolve_back(
    const struct native_convolution *shape, const float *output_gradient, const float *panels, float *input_gradient,
    size_t part, size_t parts) {
  struct convolving it = convolving(shape, 1);
  const struct native_kernels *other = narrower(it.channels, width);
  if (other) return other->convolve_back(shape, output_gradient, panels, input_gradient, part, parts);
  convolve_all(&it, output_gradient, panels, NULL, 0, input_gradient, part, parts);
}

#endif
