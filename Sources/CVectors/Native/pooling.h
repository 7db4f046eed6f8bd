// Pooling of channels-last images, channels in the lanes. Whole vectors are read and written where memory goes on: what is
// written beside a pixel's channels belongs to pixels that come later.
#pragma once
#include "isa.h"

INLINE vector load_within(const float *from, size_t count, const float *end) {
  return count >= width || end - from >= width ? load(from) : load_part(from, count);
}
INLINE void store_within(float *to, vector value, size_t count, const float *end) {
  if (count >= width || end - to >= width)
    store(to, value);
  else
    store_part(to, value, count);
}
INLINE vector chosen(integers mask, vector yes, vector no) { return (vector)(((integers)yes & mask) | ((integers)no & ~mask)); }

struct range {
  size_t first, end;
};

static size_t pooled_extent(const struct native_pooling *shape, int i) {
  size_t padded = (i ? shape->in_width : shape->in_height) + 2 * shape->padding[i];
  return padded < shape->kernel[i] ? 0 : (padded - shape->kernel[i]) / shape->stride[i] + 1;
}

// What a window sees of the input, along an axis.
static struct range seen_by(const struct native_pooling *shape, int i, size_t window) {
  size_t start = window * shape->stride[i], end = start + shape->kernel[i], extent = i ? shape->in_width : shape->in_height;
  struct range range = {start > shape->padding[i] ? start - shape->padding[i] : 0, end > shape->padding[i] ? end - shape->padding[i] : 0};
  if (range.end > extent) range.end = extent;
  if (range.first > range.end) range.first = range.end;
  return range;
}

// The windows that see a place of the input, along an axis.
static struct range seeing(const struct native_pooling *shape, int i, size_t place) {
  size_t last = (place + shape->padding[i]) / shape->stride[i], out = pooled_extent(shape, i);
  size_t past = place + shape->padding[i] + 1;
  struct range range = {past > shape->kernel[i] ? (past - shape->kernel[i] + shape->stride[i] - 1) / shape->stride[i] : 0, last + 1};
  if (range.end > out) range.end = out;
  if (range.first > range.end) range.first = range.end;
  return range;
}

// The samples that a window's mean is of.
static float divisor_of(const struct native_pooling *shape, int counts_padding, struct range lines, struct range places) {
  if (counts_padding) return (float)(shape->kernel[0] * shape->kernel[1]);
  return (float)((lines.end - lines.first) * (places.end - places.first));
}

static void pool_maximum(
    const struct native_pooling *shape, const float *input, float *output, int32_t *winners, size_t part, size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  size_t image = shape->in_height * shape->in_width * channels;
  struct range mine = {shape->batch * down * part / parts, shape->batch * down * (part + 1) / parts};
  const float *input_end = input + shape->batch * image, *end = output + mine.end * along * channels;
  const float *winners_end = (const float *)winners + mine.end * along * channels;
  for (size_t row = mine.first; row < mine.end; row++)
    for (size_t x = 0; x < along; x++) {
      struct range lines = seen_by(shape, 0, row % down), places = seen_by(shape, 1, x);
      for (size_t c = 0; c < channels; c += width) {
        size_t at = (row * along + x) * channels + c;
        vector most = all(-INFINITY);
        integers winner = (integers){} - 1;
        for (size_t line = lines.first; line < lines.end; line++)
          for (size_t place = places.first; place < places.end; place++) {
            size_t pixel = line * shape->in_width + place;
            vector value = load_within(input + row / down * image + pixel * channels + c, channels - c, input_end);
            integers wins = (value > most) | (value != value) | (winner < 0);
            most = chosen(wins, value, most);
            winner = (((integers){} + (int32_t)pixel) & wins) | (winner & ~wins);
          }
        store_within(output + at, most, channels - c, end);
        store_within((float *)winners + at, (vector)winner, channels - c, winners_end);
      }
    }
}

static void pool_maximum_back(
    const struct native_pooling *shape, const float *output_gradient, const int32_t *winners, float *input_gradient, size_t part,
    size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  struct range mine = {shape->batch * shape->in_height * part / parts, shape->batch * shape->in_height * (part + 1) / parts};
  size_t count = shape->batch * down * along * channels;
  const float *end = input_gradient + mine.end * shape->in_width * channels;
  for (size_t row = mine.first; row < mine.end; row++)
    for (size_t place = 0; place < shape->in_width; place++) {
      struct range rows_seeing = seeing(shape, 0, row % shape->in_height), columns_seeing = seeing(shape, 1, place);
      integers pixel = (integers){} + (int32_t)(row % shape->in_height * shape->in_width + place);
      for (size_t c = 0; c < channels; c += width) {
        vector sum = all(0);
        for (size_t y = rows_seeing.first; y < rows_seeing.end; y++)
          for (size_t x = columns_seeing.first; x < columns_seeing.end; x++) {
            size_t at = ((row / shape->in_height * down + y) * along + x) * channels + c;
            vector gradient = load_within(output_gradient + at, channels - c, output_gradient + count);
            integers winner = (integers)load_within((const float *)winners + at, channels - c, (const float *)winners + count);
            sum = chosen(winner == pixel, sum + gradient, sum);
          }
        store_within(input_gradient + (row * shape->in_width + place) * channels + c, sum, channels - c, end);
      }
    }
}

static void pool_average(
    const struct native_pooling *shape, int counts_padding, const float *input, float *output, size_t part, size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  size_t image = shape->in_height * shape->in_width * channels;
  struct range mine = {shape->batch * down * part / parts, shape->batch * down * (part + 1) / parts};
  const float *input_end = input + shape->batch * image, *end = output + mine.end * along * channels;
  for (size_t row = mine.first; row < mine.end; row++)
    for (size_t x = 0; x < along; x++) {
      struct range lines = seen_by(shape, 0, row % down), places = seen_by(shape, 1, x);
      vector divisor = all(divisor_of(shape, counts_padding, lines, places));
      for (size_t c = 0; c < channels; c += width) {
        vector sum = all(0);
        for (size_t line = lines.first; line < lines.end; line++) {
          const float *from = input + row / down * image + (line * shape->in_width + places.first) * channels + c;
          vector some = all(0);
          for (size_t place = places.first; place < places.end; place++, from += channels)
            some += load_within(from, channels - c, input_end);
          sum += some;
        }
        store_within(output + (row * along + x) * channels + c, sum / divisor, channels - c, end);
      }
    }
}

static void pool_average_back(
    const struct native_pooling *shape, int counts_padding, const float *output_gradient, float *input_gradient, size_t part,
    size_t parts) {
  size_t down = pooled_extent(shape, 0), along = pooled_extent(shape, 1), channels = shape->channels;
  struct range mine = {shape->batch * shape->in_height * part / parts, shape->batch * shape->in_height * (part + 1) / parts};
  const float *gradient_end = output_gradient + shape->batch * down * along * channels;
  const float *end = input_gradient + mine.end * shape->in_width * channels;
  for (size_t row = mine.first; row < mine.end; row++)
    for (size_t place = 0; place < shape->in_width; place++) {
      struct range rows_seeing = seeing(shape, 0, row % shape->in_height), columns_seeing = seeing(shape, 1, place);
      for (size_t c = 0; c < channels; c += width) {
        vector sum = all(0);
        for (size_t y = rows_seeing.first; y < rows_seeing.end; y++)
          for (size_t x = columns_seeing.first; x < columns_seeing.end; x++) {
            const float *from = output_gradient + ((row / shape->in_height * down + y) * along + x) * channels + c;
            float divisor = divisor_of(shape, counts_padding, seen_by(shape, 0, y), seen_by(shape, 1, x));
            sum += load_within(from, channels - c, gradient_end) / all(divisor);
          }
        store_within(input_gradient + (row * shape->in_width + place) * channels + c, sum, channels - c, end);
      }
    }
}
