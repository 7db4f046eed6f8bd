// Pooling of channels-last images, channels in the lanes. Whole vectors are read and written where memory goes on: what is
// written beside a pixel's channels belongs to pixels that come later.
#pragma once
#include "isa.h"

INLINE vector load_as(const float *from, size_t count, int is_whole) { return is_whole ? load(from) : load_part(from, count); }
INLINE void store_as(float *to, vector value, size_t count, int is_whole) {
  if (is_whole)
    store(to, value);
  else
    store_part(to, value, count);
}
INLINE vector chosen(integers mask, vector yes, vector no) { return (vector)(((integers)yes & mask) | ((integers)no & ~mask)); }
INLINE integers all_integers(size_t value) { return (integers){} + (int32_t)value; }

// Elements ahead of a result that come near while it is computed.
enum { ahead = 512 };

struct range {
  size_t first, end;
};

INLINE size_t pooled_extent(const struct native_pooling *shape, int i) {
  size_t padded = (i ? shape->in_width : shape->in_height) + 2 * shape->padding[i];
  return padded < shape->kernel[i] ? 0 : (padded - shape->kernel[i]) / shape->stride[i] + 1;
}

// What a window sees of the input, along an axis.
INLINE struct range seen_by(const struct native_pooling *shape, int i, size_t window) {
  size_t start = window * shape->stride[i], end = start + shape->kernel[i], padding = shape->padding[i];
  size_t extent = i ? shape->in_width : shape->in_height;
  struct range range = {start > padding ? start - padding : 0, end > padding ? end - padding : 0};
  if (range.end > extent) range.end = extent;
  if (range.first > range.end) range.first = range.end;
  return range;
}

// The windows that see a place of the input, along an axis, from those that see the place before or {0, 0}.
INLINE struct range seeing(const struct native_pooling *shape, int i, size_t out, size_t place, struct range range) {
  size_t padded = place + shape->padding[i];
  while (range.end < out && range.end * shape->stride[i] <= padded) range.end++;
  while (range.first < range.end && range.first * shape->stride[i] + shape->kernel[i] <= padded) range.first++;
  return range;
}

// Whether whole vectors may be read and written where a pixel's last `count` channels are fewer: `last` is from the first sample to
// behind the last.
INLINE int goes_on_behind(
    size_t count, size_t channels, size_t last, const float *from, const float *from_end, const float *to, const float *to_end) {
  return count >= width ||
         (from_end - from >= (ptrdiff_t)(last + width) && to_end - to >= (ptrdiff_t)(channels + width));
}

// Rows of results that a part computes.
INLINE struct range part_of(size_t count, size_t part, size_t parts) {
  return (struct range){count * part / parts, count * (part + 1) / parts};
}

// A vector of a window's maxima; `from` is the first sample, `line` the elements from one line to the next.
INLINE void maxima(
    int is_whole, size_t count, const float *from, size_t lines, size_t places, size_t line, size_t channels, size_t pixel,
    size_t pixel_line, float *output, int32_t *winners) {
  __builtin_prefetch(output + ahead, 1);
  __builtin_prefetch(winners + ahead, 1);
  vector most = all(-INFINITY);
  integers winner = (integers){} - 1;
  if (lines > 0 && places > 0) {
    most = load_as(from, count, is_whole);
    winner = all_integers(pixel);
  }
  for (size_t y = 0; y < lines; y++, from += line, pixel += pixel_line) {
    const float *at = from;
    integers here = all_integers(pixel);
    for (size_t x = 0; x < places; x++, at += channels, here += 1) {
      vector value = load_as(at, count, is_whole);
      integers wins = (value > most) | (value != value);
      most = chosen(wins, value, most);
      winner = (here & wins) | (winner & ~wins);
    }
  }
  store_as(output, most, count, is_whole);
  store_as((float *)winners, (vector)winner, count, is_whole);
}

static void pool_maximum(
    const struct native_pooling *shape, const float *input, float *output, int32_t *winners, size_t part, size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  size_t line = shape->in_width * channels, image = shape->in_height * line;
  struct range mine = part_of(shape->batch * down, part, parts);
  const float *input_end = input + shape->batch * image, *end = output + mine.end * along * channels;
  for (size_t row = mine.first; row < mine.end; row++) {
    struct range lines = seen_by(shape, 0, row % down);
    for (size_t x = 0; x < along; x++) {
      struct range places = seen_by(shape, 1, x);
      size_t pixel = lines.first * shape->in_width + places.first, at = (row * along + x) * channels;
      const float *from = input + row / down * image + pixel * channels;
      size_t high = lines.end - lines.first, wide = places.end - places.first;
      size_t last = high ? (high - 1) * line + wide * channels : 0;
      for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c;
        int is_whole = goes_on_behind(count, channels, last, from, input_end, output + at, end);
        // The usual windows' loops are unrolled.
#define MAXIMA(whole, high, wide)                                                                                      \
  maxima(whole, count, from + c, high, wide, line, channels, pixel, shape->in_width, output + at + c, winners + at + c)
        if (is_whole && high == 2 && wide == 2)
          MAXIMA(1, 2, 2);
        else if (is_whole && high == 3 && wide == 3)
          MAXIMA(1, 3, 3);
        else if (is_whole)
          MAXIMA(1, high, wide);
        else
          MAXIMA(0, high, wide);
#undef MAXIMA
      }
    }
  }
}

// A vector of a pixel's gradients, of the windows that see it.
INLINE vector of_winners(
    int is_whole, size_t count, const float *gradient, const int32_t *winners, size_t lines, size_t places, size_t line,
    size_t channels, integers pixel) {
  vector sum = all(0);
  for (size_t y = 0; y < lines; y++, gradient += line, winners += line)
    for (size_t x = 0; x < places; x++) {
      vector value = load_as(gradient + x * channels, count, is_whole);
      integers winner = (integers)load_as((const float *)winners + x * channels, count, is_whole);
      sum = chosen(winner == pixel, sum + value, sum);
    }
  return sum;
}

// Whether windows lie side by side: each place is seen by one window or none.
INLINE int is_tiled(const struct native_pooling *shape) {
  return shape->padding[0] == 0 && shape->padding[1] == 0 && shape->kernel[0] == shape->stride[0] &&
         shape->kernel[1] == shape->stride[1];
}

// A line of input gradients under `windows` windows side by side, the first of which has its results at `gradient` and
// `winners`; `pixel` is the line's first.
INLINE void tiled_line_back(
    const struct native_pooling *shape, size_t windows, const float *gradient, const float *gradient_end, const int32_t *winners,
    size_t pixel, float *to, const float *end) {
  size_t channels = shape->channels, places = shape->kernel[1];
  const float *line_end = to + shape->in_width * channels;
  for (size_t window = 0; window < windows; window++, gradient += channels, winners += channels)
    for (size_t x = 0; x < places; x++, to += channels, pixel++)
      for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c;
        if (goes_on_behind(count, channels, channels, gradient, gradient_end, to, end))
          store(to + c, of_winners(1, width, gradient + c, winners + c, 1, 1, 0, channels, all_integers(pixel)));
        else
          store_part(to + c, of_winners(0, count, gradient + c, winners + c, 1, 1, 0, channels, all_integers(pixel)), count);
      }
  // Behind the last window, or below all of them.
  memset(to, 0, (char *)line_end - (char *)to);
}

static void pool_maximum_back(
    const struct native_pooling *shape, const float *output_gradient, const int32_t *winners, float *input_gradient, size_t part,
    size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels, line = along * channels;
  struct range mine = part_of(shape->batch * shape->in_height, part, parts);
  const float *gradient_end = output_gradient + shape->batch * down * line;
  const float *end = input_gradient + mine.end * shape->in_width * channels;
  float *to = input_gradient + mine.first * shape->in_width * channels;
  int has_tiles = is_tiled(shape);
  for (size_t row = mine.first; row < mine.end; row++) {
    size_t place_down = row % shape->in_height;
    if (has_tiles) {
      size_t window_down = place_down / shape->kernel[0], windows = window_down < down ? along : 0;
      size_t at = windows ? (row / shape->in_height * down + window_down) * line : 0;
      tiled_line_back(
          shape, windows, output_gradient + at, gradient_end, winners + at, place_down * shape->in_width, to, end);
      to += shape->in_width * channels;
      continue;
    }
    struct range lines = seeing(shape, 0, down, place_down, (struct range){0, 0}), places = {0, 0};
    for (size_t x = 0; x < shape->in_width; x++, to += channels) {
      places = seeing(shape, 1, along, x, places);
      size_t high = lines.end - lines.first, wide = places.end - places.first;
      size_t at = (row / shape->in_height * down + lines.first) * line + places.first * channels;
      const float *gradient = output_gradient + at;
      size_t last = high ? (high - 1) * line + wide * channels : 0;
      integers pixel = all_integers(place_down * shape->in_width + x);
      for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c;
        int is_whole = goes_on_behind(count, channels, last, gradient, gradient_end, to, end);
        if (is_whole)
          store(to + c, of_winners(1, width, gradient + c, winners + at + c, high, wide, line, channels, pixel));
        else
          store_part(to + c, of_winners(0, count, gradient + c, winners + at + c, high, wide, line, channels, pixel), count);
      }
    }
  }
}
