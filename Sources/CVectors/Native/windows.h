// The loop under the direct convolutions: outputs whose windows have the same taps, each output the chain
// `sum = chained(left, right, sum)` over (kernel row, kernel column, channel) ascending. Images are read where they lie: taps
// that meet nothing are not there, so nothing is padded and nothing copied.
#pragma once
#include "numbers.h"

enum {
  sums = NATIVE_ROWS * NATIVE_VECTORS,
  // Vectors of a panel. Channels are powers of two as a rule: three vectors would leave a rest.
  panel_vectors = NATIVE_VECTORS == 3 ? 4 : NATIVE_VECTORS,
  panel_columns = panel_vectors * width,
  most_rows = sums < 12 ? sums : 12
};

// Rows of a tile so wide.
INLINE int rows_of(int wide) { return sums / wide < most_rows ? sums / wide : most_rows; }

// Positions along an axis that have the same taps: `count` of them from `first`, `step` apart.
struct run {
  size_t first, step, count;
  // The taps, and the coordinate that the first position's first one meets in the left image; how much further the next
  // position's and the next tap's are.
  size_t tap, tap_step, taps;
  ptrdiff_t left, left_step, tap_left;
};

// One of a convolution's axes, as its output sees the input or, turned round, as the input sees the output.
struct axis {
  // Of the left image.
  size_t extent;
  size_t kernel, stride, padding, dilation;
  int is_turned;
};

INLINE size_t common_divisor(size_t a, size_t b) {
  while (b) {
    size_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// What taps a position has. They are an arithmetic progression: all that lie inside, or of those in the stride's phase.
static struct run run_at(const struct axis *axis, size_t position) {
  size_t divisor = axis->is_turned ? common_divisor(axis->stride, axis->dilation) : 1;
  struct run run = {.first = position, .step = axis->is_turned ? axis->stride : 1, .count = 1};
  run.left_step = axis->is_turned ? 1 : (ptrdiff_t)axis->stride;
  run.tap_step = axis->is_turned ? axis->stride / divisor : 1;
  run.tap_left = axis->is_turned ? -(ptrdiff_t)(axis->dilation / divisor) : (ptrdiff_t)axis->dilation;
  for (size_t tap = 0; tap < axis->kernel; tap++) {
    ptrdiff_t met = axis->is_turned ? (ptrdiff_t)(position + axis->padding) - (ptrdiff_t)(tap * axis->dilation)
                                    : (ptrdiff_t)(position * axis->stride + tap * axis->dilation) - (ptrdiff_t)axis->padding;
    if (axis->is_turned && met % (ptrdiff_t)axis->stride) continue;
    if (axis->is_turned) met /= (ptrdiff_t)axis->stride;
    if (met < 0 || met >= (ptrdiff_t)axis->extent) continue;
    if (run.taps++ == 0) {
      run.tap = tap;
      run.left = met;
    }
  }
  return run;
}

// The run that begins at a position and ends before `end`.
static struct run run_from(const struct axis *axis, size_t position, size_t end) {
  struct run run = run_at(axis, position);
  for (size_t next = position + run.step; next < end; next += run.step) {
    struct run other = run_at(axis, next);
    if (other.taps != run.taps || other.tap != run.tap) break;
    run.count++;
  }
  return run;
}

// The taps of a tile: of their `length` channels, those of the left image and of the panel lie side by side.
struct window {
  size_t taps[2], length;
  // From one tap to the next, vertically and horizontally.
  ptrdiff_t left_steps[2], right_steps[2];
};

// What becomes of sums.
struct finish {
  // Columns of the panel that there are.
  size_t across;
  // Sums go on from the results; at their end a bias, if there is one, is added and what is below zero cut off.
  int goes_on, cuts;
  const float *bias;
};

INLINE vector cut(vector value) { return (vector)((integers)value & ~(value < 0)); }

// `high` of `height` rows and `wide` vectors of results; the rows beyond are computed and forgotten.
INLINE void window_tile(
    int height, int wide, size_t high, const struct window *window, const float *const *left, const float *right,
    float *const *results, const struct finish *finish) {
  vector sum[most_rows][panel_vectors];
  const float *a[most_rows];
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++) {
    a[r] = left[r];
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++) sum[r][v] = all(0);
  }
  size_t last = finish->across - (size_t)(wide - 1) * width;
  if (finish->goes_on) {
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
      for (int v = 0; v < wide; v++)
        if ((size_t)r < high)
          sum[r][v] = v < wide - 1 || last == width ? load(results[r] + v * width) : load_part(results[r] + v * width, last);
  } else {
    // While the chains are computed, the memory comes near that their ends are written to.
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
      if ((size_t)r < high)
#pragma clang loop unroll(full)
        for (int v = 0; v < wide; v += 16 / width > 1 ? 16 / width : 1) __builtin_prefetch(results[r] + v * width, 1);
  }
  for (size_t y = 0; y < window->taps[0]; y++)
    for (size_t x = 0; x < window->taps[1]; x++) {
      ptrdiff_t at = (ptrdiff_t)y * window->left_steps[0] + (ptrdiff_t)x * window->left_steps[1];
      const float *b = right + (ptrdiff_t)y * window->right_steps[0] + (ptrdiff_t)x * window->right_steps[1];
      // One index moves on and not every row's address, of which there are too many for the registers.
      __asm__("" : "+r"(at));
      for (ptrdiff_t end = at + (ptrdiff_t)window->length; at < end; at++, b += wide * width) {
        vector factor[panel_vectors];
#pragma clang loop unroll(full)
        for (int v = 0; v < wide; v++) factor[v] = load(b + v * width);
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++) {
          vector value = spread(a[r] + at);
#pragma clang loop unroll(full)
          for (int v = 0; v < wide; v++) sum[r][v] = chained(value, factor[v], sum[r][v]);
        }
      }
    }
#pragma clang loop unroll(full)
  for (int v = 0; v < wide; v++) {
    if (finish->bias) {
      vector bias = v < wide - 1 || last == width ? load(finish->bias + v * width) : load_part(finish->bias + v * width, last);
#pragma clang loop unroll(full)
      for (int r = 0; r < height; r++) sum[r][v] += bias;
    }
    if (finish->cuts) {
#pragma clang loop unroll(full)
      for (int r = 0; r < height; r++) sum[r][v] = cut(sum[r][v]);
    }
  }
  float aside[most_rows][width];
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++)
    if ((size_t)r < high) {
#pragma clang loop unroll(full)
      for (int v = 0; v < wide - 1; v++) store(results[r] + v * width, sum[r][v]);
      store(last == width ? results[r] + (wide - 1) * width : aside[r], sum[r][wide - 1]);
    }
  if (last == width) return;
  for (size_t r = 0; r < high; r++) copy_part(results[r] + (wide - 1) * width, aside[r], last);
}

// A tile of at most `rows_of(wide)` rows; `left` has that many, `results` at least `high`.
static __attribute__((noinline)) void window_tile_of(
    int wide, size_t high, const struct window *window, const float *const *left, const float *right,
    float *const *results, const struct finish *finish) {
#define WINDOW_TILE(n)                                                                           \
  case n:                                                                                        \
    if (high * 2 > (size_t)rows_of(n))                                                           \
      window_tile(rows_of(n), n, high, window, left, right, results, finish);                    \
    else                                                                                         \
      window_tile((rows_of(n) + 1) / 2, n, high, window, left, right, results, finish);          \
    break
  switch (wide) {
    WINDOW_TILE(1);
#if NATIVE_VECTORS > 1
    WINDOW_TILE(2);
#endif
#if NATIVE_VECTORS > 2
    WINDOW_TILE(3);
    WINDOW_TILE(4);
#endif
  }
#undef WINDOW_TILE
}
