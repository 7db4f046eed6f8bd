// Mean values of windows, and what they are the gradients of.
#pragma once
#include "pooling.h"

// The samples that a window's mean is of.
INLINE float divisor_of(const struct native_pooling *shape, int counts_padding, struct range lines, struct range places) {
  if (counts_padding) return (float)(shape->kernel[0] * shape->kernel[1]);
  return (float)((lines.end - lines.first) * (places.end - places.first));
}

INLINE vector sum_of(int is_whole, size_t count, const float *from, size_t lines, size_t places, size_t line, size_t channels) {
  vector sum = all(0);
  for (size_t y = 0; y < lines; y++, from += line) {
    vector some = all(0);
    for (size_t x = 0; x < places; x++) some += load_as(from + x * channels, count, is_whole);
    sum += some;
  }
  return sum;
}

static void pool_average(
    const struct native_pooling *shape, int counts_padding, const float *input, float *output, size_t part, size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  size_t line = shape->in_width * channels, image = shape->in_height * line;
  struct range mine = part_of(shape->batch * down, part, parts);
  const float *input_end = input + shape->batch * image, *end = output + mine.end * along * channels;
  float *to = output + mine.first * along * channels;
  for (size_t row = mine.first; row < mine.end; row++) {
    struct range lines = seen_by(shape, 0, row % down);
    for (size_t x = 0; x < along; x++, to += channels) {
      struct range places = seen_by(shape, 1, x);
      size_t high = lines.end - lines.first, wide = places.end - places.first;
      size_t last = high ? (high - 1) * line + wide * channels : 0;
      const float *from = input + row / down * image + lines.first * line + places.first * channels;
      vector divisor = all(divisor_of(shape, counts_padding, lines, places));
      for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c;
        int is_whole = goes_on_behind(count, channels, last, from, input_end, to, end);
        if (is_whole && high == 2 && wide == 2)
          store(to + c, sum_of(1, width, from + c, 2, 2, line, channels) / divisor);
        else if (is_whole)
          store(to + c, sum_of(1, width, from + c, high, wide, line, channels) / divisor);
        else
          store_part(to + c, sum_of(0, count, from + c, high, wide, line, channels) / divisor, count);
      }
    }
  }
}

// A vector of a pixel's gradients, of the windows that see it.
INLINE vector of_means(
    int is_whole, size_t count, const struct native_pooling *shape, int counts_padding, const float *gradient, struct range lines,
    struct range places, size_t line) {
  vector sum = all(0);
  for (size_t y = lines.first; y < lines.end; y++, gradient += line)
    for (size_t x = places.first; x < places.end; x++) {
      float divisor = counts_padding ? divisor_of(shape, 1, lines, places)
                                     : divisor_of(shape, 0, seen_by(shape, 0, y), seen_by(shape, 1, x));
      sum += load_as(gradient + (x - places.first) * shape->channels, count, is_whole) / all(divisor);
    }
  return sum;
}

static void pool_average_back(
    const struct native_pooling *shape, int counts_padding, const float *output_gradient, float *input_gradient, size_t part,
    size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels, line = along * channels;
  struct range mine = part_of(shape->batch * shape->in_height, part, parts);
  const float *gradient_end = output_gradient + shape->batch * down * line;
  const float *end = input_gradient + mine.end * shape->in_width * channels;
  float *to = input_gradient + mine.first * shape->in_width * channels;
  for (size_t row = mine.first; row < mine.end; row++) {
    struct range lines = seeing(shape, 0, down, row % shape->in_height, (struct range){0, 0}), places = {0, 0};
    for (size_t x = 0; x < shape->in_width; x++, to += channels) {
      places = seeing(shape, 1, along, x, places);
      size_t high = lines.end - lines.first, wide = places.end - places.first;
      size_t last = high ? (high - 1) * line + wide * channels : 0;
      const float *gradient =
          output_gradient + (row / shape->in_height * down + lines.first) * line + places.first * channels;
      for (size_t c = 0; c < channels; c += width) {
        size_t count = channels - c;
        int is_whole = goes_on_behind(count, channels, last, gradient, gradient_end, to, end);
        if (is_whole)
          store(to + c, of_means(1, width, shape, counts_padding, gradient + c, lines, places, line));
        else
          store_part(to + c, of_means(0, count, shape, counts_padding, gradient + c, lines, places, line), count);
      }
    }
  }
}
