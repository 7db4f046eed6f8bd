// The kernels of bf16 of an instruction set, whose name and vectors the including file has given. What they share with those of
// float32 is one source (`numbers.h`); here is what packs factors in pairs, and what goes between bf16 and float32.
#pragma once
#include "convolutions.h"
#include "half-channels.h"
#include "products.h"
#include "winograd-gradient.h"
#include "winograd.h"

static void narrow(const float *from, number *to, size_t count) {
  size_t i = 0;
  for (; i + width <= count; i += width) store_number(to + i, load(from + i));
  if (i < count) store_numbers(to + i, load_part(from + i, count - i), count - i);
}

static void widen(const number *from, float *to, size_t count) {
  size_t i = 0;
  for (; i + width <= count; i += width) store(to + i, load_number(from + i));
  if (i < count) store_part(to + i, load_numbers(from + i, count - i), count - i);
}

enum { together = 32 };

// Rows of a matrix whose columns are places of chains lie as pairs side by side.
static void pair_rows(size_t height, size_t inner, const float *from, size_t from_step, float *to) {
  for (size_t row = 0; row < height; row++, from += from_step, to += paired(inner)) {
    narrow(from, (number *)to, inner);
    if (inner % 2) ((number *)to)[inner] = 0;
  }
}

// Rows that are places of chains, as pairs: `across` columns of each, the last vector filled with what lies behind them if it may
// be read, else with zeros.
static void pair_places(size_t inner, size_t across, const float *from, size_t from_step, float *to, size_t to_step) {
  for (size_t k = 0; k < inner; k++, from += from_step)
    for (size_t v = 0; v < across; v += width) {
      size_t count = across - v < width ? across - v : width;
      keep_place(to + k / 2 * to_step + v, count == width ? load(from + v) : load_part(from + v, count), k);
    }
}

// As `pair_places`, of a matrix that lies turned.
static void pair_turned(size_t inner, size_t across, const float *from, size_t from_step, float *to, size_t to_step) {
  float some[together * columns];
  for (size_t v = 0; v < across; v += columns) {
    size_t count = across - v < columns ? across - v : columns;
    for (size_t k = 0; k < inner; k += together) {
      size_t length = inner - k < together ? inner - k : together;
      turn(length, count, from + v * from_step + k, from_step, some, columns, whole_vectors(count));
      pair_places(length, whole_vectors(count), some, columns, to + k / 2 * to_step + v, to_step);
    }
  }
}

// A product's left factor: pairs of each row side by side, or where it lies turned the rows' pairs of a place, in whole vectors.
static void pair_left(size_t height, size_t inner, struct native_matrix left, float *to) {
  if (left.column_step == 1)
    pair_rows(height, inner, left.data, (size_t)left.row_step, to);
  else
    pair_places(inner, height, left.data, (size_t)left.column_step, to, whole_vectors(height));
}

static void pack(size_t inner, size_t across, struct native_matrix right, float *panels) {
  for (size_t first = 0; first < across; first += columns, panels += paired(inner) * columns) {
    size_t count = across - first < columns ? across - first : columns;
    const float *from = right.data + (ptrdiff_t)first * right.column_step;
    if (whole_vectors(count) < columns) memset(panels, 0, paired(inner) * columns * sizeof(float));
    if (right.column_step == 1)
      pair_places(inner, count, from, (size_t)right.row_step, panels, columns);
    else
      pair_turned(inner, count, from, (size_t)right.column_step, panels, columns);
  }
}

// Panels of a group lie behind one another, each `[kernel row, kernel column, pair of left channels, column]`.
static void pack_convolution(const struct native_convolution *shape, int is_gradient, const float *weights, float *panels) {
  struct convolving it = convolving(shape, is_gradient);
  size_t taps = it.taps, inner = (is_gradient ? shape->out_channels : shape->in_channels) / shape->groups;
  size_t column_step = is_gradient ? taps : inner * taps, inner_step = is_gradient ? it.channels * taps : taps;
  float some[together * panel_columns];
  for (size_t group = 0; group < it.groups; group++, weights += inner * it.channels * taps)
    for (size_t first = 0, count; first < it.channels; first += count) {
      count = columns_next(it.channels - first);
      size_t across = whole_vectors(count), tap_step = it.left_channels * across;
      for (size_t i = 0; i < inner; i++)
        for (size_t tap = 0; tap < taps; tap += together) {
          size_t few = taps - tap < together ? taps - tap : together;
          turn(few, count, weights + first * column_step + i * inner_step + tap, column_step, some, across, across);
          for (size_t t = 0; t < few; t++)
            for (size_t v = 0; v < across; v += width)
              keep_place(panels + (tap + t) * tap_step + i / 2 * across + v, load(some + t * across + v), i);
        }
      panels += taps * tap_step;
    }
}

// Images whose results, as float32, stay in a cache until they are narrowed.
static size_t images_together(const struct convolving *it) {
  size_t image = it->extents[0] * it->extents[1] * it->channels * it->groups;
  return image == 0 || image >= 131072 ? 1 : 131072 / image;
}

static size_t convolve_scratch_count(const struct native_convolution *shape, int is_gradient) {
  struct convolving it = convolving(shape, is_gradient);
  size_t step = images_together(&it);
  return (step < shape->batch ? step : shape->batch) * it.extents[0] * it.extents[1] * it.channels * it.groups;
}

static void convolve(
    const struct native_convolution *shape, int is_gradient, const number *images, const float *panels, const float *bias,
    int cuts, number *result, float *scratch, size_t part, size_t parts) {
  struct convolving it = convolving(shape, is_gradient);
  size_t step = images_together(&it), end = shape->batch * (part + 1) / parts;
  size_t left = it.left_extents[0] * it.left_extents[1] * it.left_channels * it.groups * 2;
  size_t right = it.extents[0] * it.extents[1] * it.channels * it.groups;
  for (size_t image = shape->batch * part / parts; image < end; image += step) {
    it.batch = end - image < step ? end - image : step;
    convolve_all(&it, (const float *)(images + image * left), panels, bias, cuts, scratch, 0, 1);
    narrow(scratch, result + image * right, it.batch * right);
  }
}

#define NATIVE_HALF_KERNELS(isa)                                                                                  \
  const struct native_half_kernels native_half_##isa = {                                                          \
      .width = width, .columns = columns, .narrow = narrow, .widen = widen, .pack = pack, .pair_left = pair_left, \
      .multiply = multiply, .pack_convolution = pack_convolution,                                                 \
      .convolve_scratch_count = convolve_scratch_count, .convolve = convolve, .winograd_pack = winograd_pack,     \
      .winograd_scratch_count = winograd_scratch_count, .winograd_convolve = winograd_convolve,                   \
      .winograd_gradient_scratch_count = winograd_gradient_scratch_count,                                         \
      .winograd_weights_gradient = winograd_weights_gradient, .add = half_add, .cut = half_cut,                   \
      .cut_back = half_cut_back, .normalize = half_normalize, .normalize_back = half_normalize_back,              \
      .moments = half_moments, .sums = half_sums,                                                                 \
  }
