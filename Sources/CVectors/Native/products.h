// Matrix products: packed panels of the right factor, rows of the left one read where they lie.
#pragma once
#include "tile.h"

// Of a panel, so many rows stay in the second-level cache while the left factor's rows go by.
enum { panel_rows = 512, panels_together = 4 };

static void pack(size_t inner, size_t across, struct native_matrix right, float *panels) {
  for (size_t first = 0; first < across; first += columns) {
    size_t count = across - first < columns ? across - first : columns;
    const float *from = right.data + (ptrdiff_t)first * right.column_step;
    if (right.column_step == 1) {
      for (size_t k = 0; k < inner; k++, panels += columns) {
        memcpy(panels, from + (ptrdiff_t)k * right.row_step, count * sizeof(float));
        if (count < columns) memset(panels + count, 0, (columns - count) * sizeof(float));
      }
      continue;
    }
    size_t k = 0;
    // Turned by squares of 4 × 4.
    for (; k + 4 <= inner; k += 4, panels += 4 * columns) {
      size_t j = 0;
      for (; j + 4 <= count; j += 4) {
        const float *corner = from + (ptrdiff_t)j * right.column_step + (ptrdiff_t)k;
        typedef float four __attribute__((vector_size(16)));
        four a, b, c, d;
        memcpy(&a, corner, sizeof a);
        memcpy(&b, corner + right.column_step, sizeof b);
        memcpy(&c, corner + 2 * right.column_step, sizeof c);
        memcpy(&d, corner + 3 * right.column_step, sizeof d);
        four ac = __builtin_shufflevector(a, c, 0, 4, 1, 5), bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
        four ca = __builtin_shufflevector(a, c, 2, 6, 3, 7), db = __builtin_shufflevector(b, d, 2, 6, 3, 7);
        four row0 = __builtin_shufflevector(ac, bd, 0, 4, 1, 5), row1 = __builtin_shufflevector(ac, bd, 2, 6, 3, 7);
        four row2 = __builtin_shufflevector(ca, db, 0, 4, 1, 5), row3 = __builtin_shufflevector(ca, db, 2, 6, 3, 7);
        memcpy(panels + j, &row0, sizeof row0);
        memcpy(panels + columns + j, &row1, sizeof row1);
        memcpy(panels + 2 * columns + j, &row2, sizeof row2);
        memcpy(panels + 3 * columns + j, &row3, sizeof row3);
      }
      for (; j < columns; j++)
        for (size_t i = 0; i < 4; i++)
          panels[i * columns + j] = j < count ? from[(ptrdiff_t)j * right.column_step + (ptrdiff_t)(k + i)] : 0;
    }
    for (; k < inner; k++, panels += columns)
      for (size_t j = 0; j < columns; j++)
        panels[j] = j < count ? from[(ptrdiff_t)j * right.column_step + (ptrdiff_t)k] : 0;
  }
}

// Rows and columns of a block that stays in the caches: of a few panels, all rows go by while they are there.
static void multiply_block(
    size_t height, size_t across, size_t inner, struct native_matrix left, struct native_panels right, float *result,
    size_t stride, int goes_on) {
  struct chain chain = {
      .count = 1, .length = inner, .left_step = left.column_step, .right_step = (ptrdiff_t)right.row_step};
  for (size_t i = 0; i < height; i += rows) {
    size_t high = height - i < rows ? height - i : rows;
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
