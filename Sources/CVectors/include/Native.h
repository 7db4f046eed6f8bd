#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

// Kernels that define their bits: each states the order of its operations (the article "One answer on every processor"), and every
// instruction set gives the same. Single-threaded: whoever calls shares the outputs out among threads.

/// A matrix as it lies in memory: elements from one row to the next, and from one column to the next. One of them is 1.
struct native_matrix {
  const float *data;
  ptrdiff_t row_step, column_step;
};

/// The kernels of one instruction set.
struct native_kernels {
  /// As `LOCKSTEP_ISA` names it.
  const char *name;
  /// Columns of a packed panel.
  size_t columns;

  /// Copies a product's right factor, `[inner, across]`, to panels of so many columns each, the last filled with zeros.
  void (*pack)(size_t inner, size_t across, struct native_matrix right, float *panels);
  /// `result = left · right`, or `+=` if it goes on: of each output the chain `sum = fma(left, right, sum)` in ascending order.
  /// `stride` is from one row of the result to the next.
  void (*multiply)(
      size_t rows, size_t across, size_t inner, struct native_matrix left, const float *panels, float *result,
      size_t stride, int goes_on);
};

/// Elements of a right factor's panels.
static inline size_t native_packed_count(const struct native_kernels *kernels, size_t inner, size_t across) {
  return (across + kernels->columns - 1) / kernels->columns * kernels->columns * inner;
}

/// The kernels of a name: avx512, avx2, neon or plain; NULL where this processor has no such instructions.
const struct native_kernels *_Nullable native_kernels_named(const char *name);

/// Those that every processor has.
const struct native_kernels *native_plain_kernels(void);

#pragma clang assume_nonnull end
