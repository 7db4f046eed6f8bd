// Sums along rows, and the normalisation of rows by their own mean and variance.
#pragma once
#include "isa.h"

enum {
  partial_sums = 16,
  sum_vectors = partial_sums / width,
  // Numbers whose sum is float32; the sums of such runs are added in float64.
  row_run = 4096,
  // Rows down which columns are added in float32.
  column_run = 64,
};

// 16 partial sums, added in halves: j and j + 8, then j and j + 4, j + 2, j + 1.
INLINE float folded(const vector *part) {
  float sums[partial_sums];
#pragma clang loop unroll(full)
  for (int v = 0; v < sum_vectors; v++) store(sums + v * width, part[v]);
#pragma clang loop unroll(full)
  for (int step = partial_sums / 2; step > 0; step /= 2)
#pragma clang loop unroll(full)
    for (int j = 0; j < step; j++) sums[j] += sums[j + step];
  return sums[0];
}

// The first `count` of one vector, the rest of another.
INLINE vector joined(vector first, vector rest, size_t count) {
  float aside[width];
  store(aside, rest);
  store_part(aside, first, count);
  return load(aside);
}

// Declares `total`, a row's sum: `next` is made of `sum`, the partial sums before, and of the `some` numbers from `at` on.
#define SUM_ROW(total, extent, next)                                                                     \
  double total = 0;                                                                                      \
  for (size_t run = 0; run < extent; run += row_run) {                                                   \
    size_t end = extent - run < row_run ? extent : run + row_run, at = run;                              \
    vector part[sum_vectors] = {};                                                                       \
    while (at + partial_sums <= end)                                                                     \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < sum_vectors; v++, at += width) {            \
        const size_t some = width;                                                                       \
        vector sum = part[v];                                                                            \
        part[v] = next;                                                                                  \
      }                                                                                                  \
    for (int v = 0; at < end; v++, at += width) {                                                        \
      size_t some = end - at < width ? end - at : width;                                                 \
      vector sum = part[v];                                                                              \
      part[v] = joined(next, sum, some);                                                                 \
    }                                                                                                    \
    total += folded(part);                                                                               \
  }

static void normalize_rows(
    const struct native_rows *shape, const float *input, const float *weight, const float *bias, float *output, float *means,
    float *inverses) {
  size_t extent = shape->extent;
  for (size_t row = 0; row < shape->count; row++, input += extent, output += extent) {
    float centre = 0;
    if (shape->is_centred) {
      SUM_ROW(total, extent, sum + load_some(input + at, some))
      centre = (float)(total / (double)extent);
    }
    vector mean = all(centre);
    SUM_ROW(squares, extent, fused(load_some(input + at, some) - mean, load_some(input + at, some) - mean, sum))
    float inverse = (float)(1 / __builtin_sqrt(squares / (double)extent + shape->epsilon));
    means[row] = centre;
    inverses[row] = inverse;
    for (size_t at = 0; at < extent; at += width) {
      size_t some = extent - at < width ? extent - at : width;
      vector value = (load_some(input + at, some) - mean) * all(inverse);
      if (weight && bias)
        value = fused(value, load_some(weight + at, some), load_some(bias + at, some));
      else if (weight)
        value *= load_some(weight + at, some);
      store_some(output + at, value, some);
    }
  }
}

// With g' = gradient · weight and x̂ the normalised input: (g' - mean g' - x̂ mean(g' x̂)) · inverse; no mean of g' is taken
// off where none of the input's was.
static void normalize_rows_back(
    const struct native_rows *shape, const float *input, const float *gradient, const float *weight, const float *means,
    const float *inverses, float *result) {
  size_t extent = shape->extent;
  for (size_t row = 0; row < shape->count; row++, input += extent, gradient += extent, result += extent) {
    vector mean = all(means[row]), inverse = all(inverses[row]);
#define WEIGHTED                                                                                         \
  (weight ? load_some(gradient + at, some) * load_some(weight + at, some) : load_some(gradient + at, some))
#define NORMALIZED ((load_some(input + at, some) - mean) * inverse)
    float even = 0;
    if (shape->is_centred) {
      SUM_ROW(total, extent, sum + WEIGHTED)
      even = (float)(total / (double)extent);
    }
    SUM_ROW(product, extent, fused(WEIGHTED, NORMALIZED, sum))
    vector along = all((float)(product / (double)extent));
    for (size_t at = 0; at < extent; at += width) {
      size_t some = extent - at < width ? extent - at : width;
      store_some(result + at, fused(-NORMALIZED, along, WEIGHTED - all(even)) * inverse, some);
    }
#undef WEIGHTED
#undef NORMALIZED
  }
}

// Columns `first` up to `next` of Σ gradient · x̂ and Σ gradient over the rows.
static void normalize_rows_sums(
    const struct native_rows *shape, const float *input, const float *gradient, const float *means, const float *inverses,
    float *products, float *sums, size_t first, size_t next) {
  for (size_t at = first; at < next; at += width) {
    size_t some = next - at < width ? next - at : width;
    double totals[2][width] = {};
    for (size_t run = 0; run < shape->count; run += column_run) {
      size_t end = shape->count - run < column_run ? shape->count : run + column_run;
      vector product = {}, sum = {};
      for (size_t row = run; row < end; row++) {
        vector x = load_some(input + row * shape->extent + at, some), g = load_some(gradient + row * shape->extent + at, some);
        product = fused(g, (x - all(means[row])) * all(inverses[row]), product);
        sum += g;
      }
      for (int lane = 0; lane < width; lane++) totals[0][lane] += product[lane], totals[1][lane] += sum[lane];
    }
    for (size_t lane = 0; lane < some; lane++) {
      products[at + lane] = (float)totals[0][lane];
      if (sums) sums[at + lane] = (float)totals[1][lane];
    }
  }
}
