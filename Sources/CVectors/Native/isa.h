// What the kernels are written in: vectors of as many float32 as the instruction set has lanes, given by the file that
// includes this one. No kernel's order of operations depends on `width`, `rows` or `vectors`: any of them gives the same bits.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "Native.h"

// A product and a sum are two roundings wherever the source says so; one rounding is `fused`.
#pragma STDC FP_CONTRACT OFF

enum { width = NATIVE_WIDTH, rows = NATIVE_ROWS, vectors = NATIVE_VECTORS, columns = width * vectors };

typedef float vector __attribute__((vector_size(width * sizeof(float))));
typedef int32_t integers __attribute__((vector_size(width * sizeof(int32_t))));

#define INLINE static inline __attribute__((always_inline))

INLINE vector load(const float *from) {
  vector value;
  memcpy(&value, from, sizeof value);
  return value;
}
INLINE void store(float *to, vector value) { memcpy(to, &value, sizeof value); }
// Minus zero and not plus: that is nothing to do, where plus would turn -0 into 0.
INLINE vector all(float value) { return value - (vector){}; }
// a · b + c in one rounding.
INLINE vector fused(vector a, vector b, vector c) { return __builtin_elementwise_fma(a, b, c); }

// Copies a vector at most, in pieces of sizes that are known: a call of memcpy would cost more than the copy.
INLINE void copy_part(float *to, const float *from, size_t count) {
#pragma clang loop unroll(full)
  for (size_t piece = width; piece > 0; piece /= 2)
    if (count & piece) {
      memcpy(to, from, piece * sizeof(float));
      to += piece;
      from += piece;
    }
}
// The first `count` of a vector, the rest zeros.
INLINE vector load_part(const float *from, size_t count) {
  float aside[width] = {};
  copy_part(aside, from, count);
  return load(aside);
}
INLINE void store_part(float *to, vector value, size_t count) {
  float aside[width];
  store(aside, value);
  copy_part(to, aside, count);
}
// A vector, or less.
INLINE vector load_some(const float *from, size_t count) { return count == width ? load(from) : load_part(from, count); }
INLINE void store_some(float *to, vector value, size_t count) {
  if (count == width)
    store(to, value);
  else
    store_part(to, value, count);
}

// With what fills the last vector.
INLINE size_t whole_vectors(size_t count) { return (count + width - 1) / width * width; }
