// Matrix products: packed panels of the right factor, rows of the left one read where they lie.
#pragma once
#include "tile.h"
#include "turning.h"

// Of a panel, so many rows stay in the second-level cache while the left factor's rows go by.
enum { panel_rows = 512, panels_together = 4 };

#ifndef NATIVE_HALF

static void pack(size_t inner, size_t across, struct native_matrix right, float *panels) {
  for (size_t first = 0; first < across; first += columns, panels += inner * columns) {
    size_t count = across - first < columns ? across - first : columns;
    const float *from = right.data + (ptrdiff_t)first * right.column_step;
    if (right.column_step != 1) {
      turn(inner, count, from, (size_t)right.column_step, panels, columns, columns);
      continue;
    }
    for (size_t k = 0; k < inner; k++) {
      memcpy(panels + k * columns, from + (ptrdiff_t)k * right.row_step, count * sizeof(float));
      if (count < columns) memset(panels + k * columns + count, 0, (columns - count) * sizeof(float));
    }
  }
}

#endif

// Rows and columns of a block that stays in the caches: of a few panels, all rows go by while they are there.
static void multiply_block(
    size_t height, size_t across, size_t inner, struct native_matrix left, struct native_panels right, float *result,
    size_t stride, int goes_on) {
  struct chain chain = {.length = inner, .left_step = left.column_step, .right_step = (ptrdiff_t)right.row_step};
  for (size_t i = 0, high; i < height; i += high) {
    high = next_rows(height - i);
    const float *each[rows];
    for (size_t r = 0; r < high; r++) each[r] = left.data + (ptrdiff_t)(i + r) * left.row_step;
    for (size_t j = 0; j < across; j += columns)
      tile(
          high, across - j < columns ? across - j : columns, &chain, each, right.data + j / columns * right.panel_step,
          result + i * stride + j, (ptrdiff_t)stride, goes_on);
  }
}

static void multiply(
    size_t height, size_t across, size_t inner, struct native_matrix left, struct native_panels right, float *result,
    size_t stride, int goes_on) {
  // Where all rows are a tile or two, a panel is read once.
  size_t block = height > 2 * rows ? panel_rows : inner;
  for (size_t k = 0; k < inner || k == 0; k += block) {
    size_t length = inner - k < block ? inner - k : block;
    for (size_t j = 0; j < across; j += panels_together * columns) {
      size_t wide = across - j < panels_together * columns ? across - j : panels_together * columns;
      struct native_matrix from = {left.data + (ptrdiff_t)k * left.column_step, left.row_step, left.column_step};
      struct native_panels panels = {
          right.data + j / columns * right.panel_step + k * right.row_step, right.panel_step, right.row_step};
      multiply_block(height, wide, length, from, panels, result + j, stride, goes_on || k > 0);
    }
    if (block == 0) break;
  }
}
