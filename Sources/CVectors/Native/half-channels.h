// What goes over images of bf16 once and has little to compute: batch normalisation, ReLU, sums. In float32 between reading and writing.
#pragma once
#include "numbers.h"

INLINE vector read_numbers(const number *from, size_t count) {
  return count >= width ? load_number(from) : load_numbers(from, count);
}
INLINE void write_numbers(number *to, vector value, size_t count) {
  count >= width ? store_number(to, value) : store_numbers(to, value, count);
}
INLINE vector read_floats(const float *from, size_t count) { return count >= width ? load(from) : load_part(from, count); }
INLINE vector where(integers mask, vector value) { return (vector)((integers)value & mask); }
// 0 for what is below, and NaN for NaN.
INLINE vector above_zero(vector value) { return where(~(integers)(value < 0), value); }

static void half_add(const number *left, const number *right, number *sum, size_t count) {
  for (size_t i = 0; i < count; i += width)
    write_numbers(sum + i, read_numbers(left + i, count - i) + read_numbers(right + i, count - i), count - i);
}

static void half_cut(const number *from, number *to, size_t count) {
  for (size_t i = 0; i < count; i += width) write_numbers(to + i, above_zero(read_numbers(from + i, count - i)), count - i);
}

static void half_cut_back(const number *output, const number *gradient, number *to, size_t count) {
  for (size_t i = 0; i < count; i += width) {
    integers passes = (integers)(read_numbers(output + i, count - i) > 0);
    write_numbers(to + i, where(passes, read_numbers(gradient + i, count - i)), count - i);
  }
}

static void half_normalize(
    const struct native_half_rows *shape, const number *input, const float *scale, const float *shift, int cuts, number *output) {
  for (size_t row = 0; row < shape->rows; row++, input += shape->channels, output += shape->channels)
    for (size_t c = 0; c < shape->channels; c += width) {
      size_t count = shape->channels - c;
      vector value = read_numbers(input + c, count) * read_floats(scale + c, count) + read_floats(shift + c, count);
      write_numbers(output + c, cuts ? above_zero(value) : value, count);
    }
}

// The gradient of what passed the ReLU, if there was one.
INLINE vector passed(vector value, vector gradient, const float *scale, const float *shift, size_t count, int cuts) {
  if (!cuts) return gradient;
  return where((integers)(value * read_floats(scale, count) + read_floats(shift, count) > 0), gradient);
}

static void half_normalize_back(
    const struct native_half_rows *shape, const number *input, const number *gradient, const float *a, const float *b,
    const float *c, const float *scale, const float *shift, int cuts, number *result) {
  size_t channels = shape->channels;
  for (size_t row = 0; row < shape->rows; row++, input += channels, gradient += channels, result += channels)
    for (size_t i = 0; i < channels; i += width) {
      size_t count = channels - i;
      vector value = read_numbers(input + i, count);
      vector arrives = passed(value, read_numbers(gradient + i, count), scale + i, shift + i, count, cuts);
      vector both = arrives * read_floats(a + i, count) + value * read_floats(b + i, count);
      write_numbers(result + i, both + read_floats(c + i, count), count);
    }
}

// Rows whose sums are float32; what they come to is added up in float64.
enum { rows_of_sum = 64 };

INLINE void add_doubles(double *to, vector sums, size_t count) {
  for (size_t i = 0; i < (count < width ? count : width); i++) to[i] += (double)sums[i];
}

// Of each channel the sum of what is above its origin, and of the squares of that.
static void half_moments(
    const struct native_half_rows *shape, const number *input, const float *origin, double *sums, double *squares) {
  for (size_t first = 0; first < shape->rows; first += rows_of_sum) {
    size_t end = shape->rows - first < rows_of_sum ? shape->rows : first + rows_of_sum;
    for (size_t c = 0; c < shape->channels; c += width) {
      size_t count = shape->channels - c;
      vector from = read_floats(origin + c, count), sum = all(0), square = all(0);
      for (size_t row = first; row < end; row++) {
        vector above = read_numbers(input + row * shape->channels + c, count) - from;
        sum += above;
        square = fused(above, above, square);
      }
      add_doubles(sums + c, sum, count);
      add_doubles(squares + c, square, count);
    }
  }
}

// Of each channel the sum of the gradient that passed, and of its products with what is above the mean.
static void half_sums(
    const struct native_half_rows *shape, const number *input, const number *gradient, const float *mean, const float *scale,
    const float *shift, int cuts, double *sums, double *products) {
  for (size_t first = 0; first < shape->rows; first += rows_of_sum) {
    size_t end = shape->rows - first < rows_of_sum ? shape->rows : first + rows_of_sum;
    for (size_t c = 0; c < shape->channels; c += width) {
      size_t count = shape->channels - c;
      vector middle = read_floats(mean + c, count), sum = all(0), product = all(0);
      for (size_t row = first; row < end; row++) {
        vector value = read_numbers(input + row * shape->channels + c, count);
        vector arrives = read_numbers(gradient + row * shape->channels + c, count);
        arrives = passed(value, arrives, scale + c, shift + c, count, cuts);
        sum += arrives;
        product = fused(arrives, value - middle, product);
      }
      add_doubles(sums + c, sum, count);
      add_doubles(products + c, product, count);
    }
  }
}
