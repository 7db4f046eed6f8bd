// The one loop under every product and convolution: a tile of outputs, each a chain `sum = chained(a, b, sum)`.
#pragma once
#include "numbers.h"

// AVX2's tiles of six rows begin between two cache lines, and lose by it.
enum { places_ahead = width == 16 ? 16 : 0 };

// Rows of the next tile, where so many are left. A tile of few has too few chains to keep a processor busy: the last two are as
// even as can be.
INLINE size_t next_rows(size_t left) { return left >= 2 * rows ? rows : left > rows ? (left + 1) / 2 : left; }

// Where a chain's factors lie: the left one of row r and place k at `left[r] + k · left_step`, the right ones at
// `right + k · right_step` and the `columns` behind it.
struct chain {
  size_t length;
  ptrdiff_t left_step, right_step;
};

// `height` rows of `wide` vectors of results, `stride` elements apart. Sums go on from what lies there if `goes_on`.
INLINE void tile_of(
    int height, int wide, const struct chain *chain, const float *const *left, const float *right, float *result,
    ptrdiff_t stride, int goes_on) {
  vector sum[rows][vectors];
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++) sum[r][v] = goes_on ? load(result + r * stride + v * width) : all(0);
  const float *a[rows];
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++) a[r] = left[r];
  ptrdiff_t at = 0;
  for (size_t k = 0; k < chain->length; k++, at += chain->left_step, right += chain->right_step) {
    vector factor[vectors];
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++) factor[v] = load(right + v * width);
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++) {
      vector x = spread(a[r] + at);
#pragma clang loop unroll(full)
      for (int v = 0; v < wide; v++) sum[r][v] = chained(x, factor[v], sum[r][v]);
    }
    // A left factor of columns far apart: no processor guesses where the next one is.
    if (places_ahead > 0) __builtin_prefetch(a[0] + at + places_ahead * chain->left_step);
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++) store(result + r * stride + v * width, sum[r][v]);
}

// Results beside the matrix are computed too, in memory aside; rows that are not there are the last one once more.
static void part_of_tile(
    size_t height, size_t across, const struct chain *chain, const float *const *left, const float *right,
    float *result, ptrdiff_t stride, int goes_on) {
  float aside[rows * columns];
  const float *each[rows];
  size_t wide = (across + width - 1) / width;
  int is_whole = across == wide * width;
  for (size_t r = 0; r < rows; r++) each[r] = left[r < height ? r : height - 1];
  if (height == rows && is_whole && wide == 1) return tile_of(rows, 1, chain, left, right, result, stride, goes_on);
#if NATIVE_VECTORS > 2
  if (height == rows && is_whole && wide == 2) return tile_of(rows, 2, chain, left, right, result, stride, goes_on);
#endif
  if (goes_on)
    for (size_t r = 0; r < rows; r++)
      for (size_t v = 0; v < wide; v++) {
        size_t count = across - v * width < width ? across - v * width : width;
        store(aside + r * columns + v * width, r < height ? load_part(result + r * stride + v * width, count) : all(0));
      }
  if (height > rows / 2) {
    if (wide == 1) tile_of(rows, 1, chain, each, right, aside, columns, goes_on);
#if NATIVE_VECTORS > 2
    if (wide == 2) tile_of(rows, 2, chain, each, right, aside, columns, goes_on);
#endif
    if (wide == vectors && vectors > 1) tile_of(rows, vectors, chain, each, right, aside, columns, goes_on);
  } else {
    if (wide == 1) tile_of(rows / 2, 1, chain, each, right, aside, columns, goes_on);
#if NATIVE_VECTORS > 2
    if (wide == 2) tile_of(rows / 2, 2, chain, each, right, aside, columns, goes_on);
#endif
    if (wide == vectors && vectors > 1) tile_of(rows / 2, vectors, chain, each, right, aside, columns, goes_on);
  }
  for (size_t r = 0; r < height; r++) memcpy(result + r * stride, aside + r * columns, across * sizeof(float));
}

// At most `rows` rows and `columns` columns of results. `right` must have whole vectors.
static void tile(
    size_t height, size_t across, const struct chain *chain, const float *const *left, const float *right,
    float *result, ptrdiff_t stride, int goes_on) {
  if (across == columns) {
#define TILE(height) \
  case height:       \
    return tile_of(height, vectors, chain, left, right, result, stride, goes_on)
    switch (height) {
      // A text that is written goes step by step: no time for rows that are not there.
      TILE(1);
#if NATIVE_ROWS > 4
      TILE(rows - 2);
      TILE(rows - 1);
#endif
#if NATIVE_ROWS > 6
      TILE(rows - 3);
#endif
      TILE(rows);
    }
#undef TILE
  }
  part_of_tile(height, across, chain, left, right, result, stride, goes_on);
}
