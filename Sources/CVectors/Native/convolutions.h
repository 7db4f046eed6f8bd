// Direct convolutions and the gradients of their inputs: windows over images in place, weights packed in panels.
#pragma once
#include "windows.h"

// Of a panel, about so many floats stay in the second-level cache while the images go by.
enum { cached_panel = 98304, fewest_elements = 65536 };

// A convolution, or the gradient of its input, as outputs that look at a left image.
struct convolving {
  size_t batch, groups, taps;
  // Channels of a group, and extents of the left image and of the result.
  size_t left_channels, left_extents[2], channels, extents[2];
  struct axis axes[2];
};

static struct convolving convolving(const struct native_convolution *shape, int is_gradient) {
  size_t in[2] = {shape->in_height, shape->in_width};
  size_t out[2] = {native_out_extent(shape, 0), native_out_extent(shape, 1)};
  size_t kernel[2] = {shape->kernel_height, shape->kernel_width};
  struct convolving it = {.batch = shape->batch, .groups = shape->groups, .taps = kernel[0] * kernel[1]};
  it.left_channels = (is_gradient ? shape->out_channels : shape->in_channels) / shape->groups;
  it.channels = (is_gradient ? shape->in_channels : shape->out_channels) / shape->groups;
  for (int i = 0; i < 2; i++) {
    it.left_extents[i] = is_gradient ? out[i] : in[i];
    it.extents[i] = is_gradient ? in[i] : out[i];
    it.axes[i] = (struct axis){
        it.left_extents[i], kernel[i], shape->stride[i], shape->padding[i], shape->dilation[i], is_gradient};
  }
  return it;
}

INLINE size_t whole_vectors(size_t count) { return (count + width - 1) / width * width; }

// `to[j][i] = from[i][j]`, of 4 × 4.
INLINE void turn_four(const float *from, size_t from_step, float *to, size_t to_step) {
  typedef float four __attribute__((vector_size(16)));
  four a, b, c, d;
  memcpy(&a, from, sizeof a);
  memcpy(&b, from + from_step, sizeof b);
  memcpy(&c, from + 2 * from_step, sizeof c);
  memcpy(&d, from + 3 * from_step, sizeof d);
  four ac = __builtin_shufflevector(a, c, 0, 4, 1, 5), bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
  four ca = __builtin_shufflevector(a, c, 2, 6, 3, 7), db = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  four row0 = __builtin_shufflevector(ac, bd, 0, 4, 1, 5), row1 = __builtin_shufflevector(ac, bd, 2, 6, 3, 7);
  four row2 = __builtin_shufflevector(ca, db, 0, 4, 1, 5), row3 = __builtin_shufflevector(ca, db, 2, 6, 3, 7);
  memcpy(to, &row0, sizeof row0);
  memcpy(to + to_step, &row1, sizeof row1);
  memcpy(to + 2 * to_step, &row2, sizeof row2);
  memcpy(to + 3 * to_step, &row3, sizeof row3);
}

// `to[t · to_step + column] = from[column · from_step + t]`, zeros behind the columns that there are.
static void turn(
    size_t taps, size_t count, const float *from, size_t from_step, float *to, size_t to_step, size_t across) {
  size_t column = 0;
  for (; column + 4 <= count; column += 4) {
    size_t t = 0;
    for (; t + 4 <= taps; t += 4) turn_four(from + column * from_step + t, from_step, to + t * to_step + column, to_step);
    for (; t < taps; t++)
      for (size_t i = column; i < column + 4; i++) to[t * to_step + i] = from[i * from_step + t];
  }
  for (; column < across; column++)
    for (size_t t = 0; t < taps; t++) to[t * to_step + column] = column < count ? from[column * from_step + t] : 0;
}

// Where half a vector has room for all channels, narrower instructions do as much, and more of them at a time.
#ifdef NATIVE_NARROWER
extern const struct native_kernels NATIVE_NARROWER;
INLINE const struct native_kernels *narrower(size_t channels) { return channels <= width / 2 ? &NATIVE_NARROWER : NULL; }
#else
INLINE const struct native_kernels *narrower(size_t channels) { return channels ? NULL : NULL; }
#endif

// Panels of a group lie behind one another, each `[kernel row, kernel column, left channel, column]`.
static void pack_convolution(const struct native_convolution *shape, int is_gradient, const float *weights, float *panels) {
  struct convolving it = convolving(shape, is_gradient);
  if (narrower(it.channels)) return narrower(it.channels)->pack_convolution(shape, is_gradient, weights, panels);
  size_t taps = it.taps, inner = it.left_channels;
  size_t column_step = is_gradient ? taps : inner * taps, inner_step = is_gradient ? it.channels * taps : taps;
  // Of one tap, a forward weight's input channels are as good as taps.
  if (taps == 1 && !is_gradient) {
    taps = inner;
    inner = 1;
  }
  for (size_t group = 0; group < it.groups; group++, weights += it.left_channels * it.channels * it.taps)
    for (size_t first = 0; first < it.channels; first += panel_columns) {
      size_t count = it.channels - first < panel_columns ? it.channels - first : panel_columns;
      size_t across = whole_vectors(count);
      for (size_t i = 0; i < inner; i++)
        turn(
            taps, count, weights + first * column_step + i * inner_step, column_step, panels + i * across, inner * across,
            across);
      panels += it.taps * it.left_channels * across;
    }
}

// What a part computes of a result: images, and rows of each.
struct share {
  size_t first_image, last_image, first_row, last_row;
};

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

// Kernel rows `[first, last)` of a panel, at all positions of a pair of runs.
static void convolve_runs(
    const struct convolving *it, const struct share *share, const struct run *down, const struct run *along,
    const float *left, const float *panel, float *result, const struct finish *finish) {
  int wide = (int)((finish->across + width - 1) / width);
  size_t across = (size_t)wide * width, height = (size_t)rows_of(wide);
  size_t pixel = it->left_channels * it->groups, line = it->left_extents[1] * pixel;
  size_t result_pixel = it->channels * it->groups, result_line = it->extents[1] * result_pixel;
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
  const float *lefts[most_rows];
  float *results[most_rows];
  size_t high = 0;
  for (size_t image = share->first_image; image < share->last_image; image++)
    for (size_t y = 0; y < down->count; y++) {
      const float *from = left + image * it->left_extents[0] * line + (down->left + (ptrdiff_t)y * down->left_step) * (ptrdiff_t)line +
                          along->left * (ptrdiff_t)pixel;
      float *to = result + image * it->extents[0] * result_line + (down->first + y * down->step) * result_line +
                  along->first * result_pixel;
      for (size_t x = 0; x < along->count; x++) {
        lefts[high] = from;
        results[high++] = to;
        from += along->left_step * (ptrdiff_t)pixel;
        to += along->step * result_pixel;
        if (high < height) continue;
        window_tile_of(wide, high, &window, lefts, panel, results, finish);
        high = 0;
      }
    }
  if (high == 0) return;
  for (size_t r = high; r < height; r++) lefts[r] = lefts[high - 1];
  window_tile_of(wide, high, &window, lefts, panel, results, finish);
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
    for (size_t first = 0; first < it->channels; first += panel_columns) {
      size_t count = it->channels - first < panel_columns ? it->channels - first : panel_columns;
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
  struct share share = share_of(it, part, parts), chunk = share;
  if (share.first_row == share.last_row) return;
  chunk.last_image = share.first_image;
  while (chunk.last_image < share.last_image || chunk.last_row < share.last_row) {
    chunk = chunk_after(it, &share, &chunk);
    convolve_chunk(it, &chunk, left, panels, bias, cuts, result);
  }
}

static void convolve(
    const struct native_convolution *shape, const float *input, const float *panels, const float *bias, int cuts,
    float *output, size_t part, size_t parts) {
  struct convolving it = convolving(shape, 0);
  if (narrower(it.channels)) return narrower(it.channels)->convolve(shape, input, panels, bias, cuts, output, part, parts);
  convolve_all(&it, input, panels, bias, cuts, output, part, parts);
}

static void convolve_back(
    const struct native_convolution *shape, const float *output_gradient, const float *panels, float *input_gradient,
    size_t part, size_t parts) {
  struct convolving it = convolving(shape, 1);
  if (narrower(it.channels))
    return narrower(it.channels)->convolve_back(shape, output_gradient, panels, input_gradient, part, parts);
  convolve_all(&it, output_gradient, panels, NULL, 0, input_gradient, part, parts);
}
