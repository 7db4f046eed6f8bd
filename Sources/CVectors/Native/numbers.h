// What images are made of, and what the chains of products and convolutions go over: float32, or in the files that say
// `NATIVE_HALF` bf16, of which a chain takes two at a time. Those pairs lie where float32 has one number: whatever copies,
// steps over or packs factors is the same for both.
#pragma once
#include "isa.h"

#ifndef NATIVE_HALF

typedef float number;

INLINE vector load_number(const number *from) { return load(from); }
INLINE vector load_numbers(const number *from, size_t count) { return load_part(from, count); }
INLINE void store_number(number *to, vector value) { store(to, value); }
INLINE void store_numbers(number *to, vector value, size_t count) { store_part(to, value, count); }

// Places of a chain over so many factors, and the floats that as many factors take side by side.
INLINE size_t paired(size_t count) { return count; }
INLINE size_t kept(size_t count) { return count; }

// A factor, or a pair of them, in all lanes; and a chain's next place.
INLINE vector spread(const float *from) { return all(*from); }
INLINE vector chained(vector a, vector b, vector sum) { return fused(a, b, sum); }

// Factors of one place of each lane's chain, side by side; and those of the `index`-th place of a chain per lane.
INLINE void keep(float *to, vector value) { store(to, value); }
INLINE void keep_place(float *to, vector value, size_t index) {
  (void)index;
  store(to, value);
}

#else

typedef uint16_t number;
typedef uint16_t halves __attribute__((vector_size(width * sizeof(uint16_t))));
typedef uint32_t pairs __attribute__((vector_size(width * sizeof(uint32_t))));

INLINE vector widened(halves value) { return (vector)(__builtin_convertvector(value, pairs) << 16); }

#ifdef NATIVE_DOTS

INLINE halves narrowed(vector value) { return (halves)_mm512_cvtneps_pbh((__m512)value); }
INLINE vector chained(vector a, vector b, vector sum) {
  return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

#else

// What is smaller than every normal number is 0.
INLINE vector flushed(vector value) {
  integers is_small = ((integers)value & 0x7fffffff) < 0x00800000;
  return (vector)((integers)value & ~(is_small & 0x7fffffff));
}

// To the nearest, of two the even one; NaN stays NaN.
INLINE halves narrowed(vector value) {
  pairs bits = (pairs)flushed(value), is_nan = (pairs)((integers)(bits & 0x7fffffff) > 0x7f800000);
  pairs nearest = bits + 0x7fff + ((bits >> 16) & 1);
  return __builtin_convertvector(((nearest & ~is_nan) | ((bits | 0x400000) & is_nan)) >> 16, halves);
}

// As the processors that have it do it: the second product of a pair comes first, each is one rounding.
INLINE vector chained(vector a, vector b, vector sum) {
  vector second = flushed(fused((vector)((pairs)a & 0xffff0000), (vector)((pairs)b & 0xffff0000), sum));
  return flushed(fused((vector)((pairs)a << 16), (vector)((pairs)b << 16), second));
}

#endif

INLINE void copy_numbers(number *to, const number *from, size_t count) {
#pragma clang loop unroll(full)
  for (size_t piece = width; piece > 0; piece /= 2)
    if (count & piece) {
      memcpy(to, from, piece * sizeof(number));
      to += piece;
      from += piece;
    }
}

INLINE vector load_number(const number *from) {
  halves value;
  memcpy(&value, from, sizeof value);
  return widened(value);
}
INLINE vector load_numbers(const number *from, size_t count) {
  number aside[width] = {};
  copy_numbers(aside, from, count);
  return load_number(aside);
}
INLINE void store_number(number *to, vector value) {
  halves narrow = narrowed(value);
  memcpy(to, &narrow, sizeof narrow);
}
INLINE void store_numbers(number *to, vector value, size_t count) {
  number aside[width];
  store_number(aside, value);
  copy_numbers(to, aside, count);
}

INLINE size_t paired(size_t count) { return (count + 1) / 2; }
INLINE size_t kept(size_t count) { return count / 2; }

// Bits and no arithmetic: what is no number as a float32 may be a pair of them.
INLINE vector spread(const float *from) {
  int32_t pair;
  memcpy(&pair, from, sizeof pair);
  return (vector)((integers){} + pair);
}
INLINE void keep(float *to, vector value) { store_number((number *)to, value); }
// The first of a pair makes the second one zero.
INLINE void keep_place(float *to, vector value, size_t index) {
  pairs narrow = __builtin_convertvector(narrowed(value), pairs), pair;
  if (index % 2) {
    memcpy(&pair, to, sizeof pair);
    narrow = narrow << 16 | pair;
  }
  memcpy(to, &narrow, sizeof narrow);
}

#endif
