// Elementary functions of float32: own approximations in fused multiply-adds, one sequence of roundings on every processor.
// Coefficients are minimax fits, rounded one by one from the lowest with the others fitted again.
#pragma once
#include "functions64.h"

INLINE integers bits_of(vector value) {
  integers bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
INLINE vector of_bits(integers bits) {
  vector value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
INLINE vector choose(integers mask, vector yes, vector no) {
  return of_bits((mask & bits_of(yes)) | (~mask & bits_of(no)));
}
INLINE int any(integers mask) { return __builtin_reduce_or(mask) != 0; }
INLINE vector magnitude(vector x) { return of_bits(bits_of(x) & 0x7fffffff); }
INLINE vector with_sign(vector magnitude, vector x) { return of_bits(bits_of(magnitude) | (bits_of(x) & INT32_MIN)); }

// Added, it leaves a whole number in the lowest bits.
#define WHOLE 0x1.8p23f

// eˣ = 2ᵏ · what is returned, 0.7 to 1.42; k in the lowest bits of `exponent`.
INLINE vector exp_parts(vector x, integers *exponent) {
  vector shifted = fused(x, all(0x1.715476p+0f), all(WHOLE));
  *exponent = bits_of(shifted);
  vector k = shifted - all(WHOLE);
  vector r = fused(-k, all(0x1.62e43p-1f), x);  // exact
  r = fused(-k, all(-0x1.05c61p-29f), r);
  vector p = all(0x1.6a519p-10f);
  p = fused(p, r, all(0x1.12398p-7f));
  p = fused(p, r, all(0x1.5558acp-5f));
  p = fused(p, r, all(0x1.555492p-3f));
  p = fused(p, r, all(0x1.fffffcp-2f));
  p = fused(p, r, all(1));
  return fused(p, r, all(1));
}

// Where 2ᵏ may be no float: in two factors, of which the last rounds.
static vector exp_far(vector x) {
  x = choose(x < -104, all(-104), x);
  x = choose(x > 89, all(89), x);
  integers exponent;
  vector p = exp_parts(x, &exponent);
  integers k = exponent - bits_of(all(WHOLE)), half = k >> 1;
  return p * of_bits((half + 127) << 23) * of_bits((k - half + 127) << 23);
}

INLINE vector exp_32(vector x) {
  if (any(bits_of(magnitude(x)) > 0x42ae0000 /* 87 */)) return exp_far(x);
  integers exponent;
  vector p = exp_parts(x, &exponent);
  return of_bits(bits_of(p) + (exponent << 23));
}

// 1 / (1 + e⁻ˣ), and eˣ / (1 + eˣ) where x is negative; then what the rounded sum and quotient left is added.
INLINE vector sigmoid_32(vector x) {
  integers is_negative = x < 0;
  vector e = exp_32(-magnitude(x));
  vector numerator = choose(is_negative, e, all(1)), sum = 1 + e, lost = e - (sum - 1);
  vector quotient = numerator / sum;
  vector rest = fused(-quotient, lost, fused(-quotient, sum, numerator));
  return fused(rest, choose(is_negative, 1 - quotient, quotient), quotient);
}

// Up to 1, x + x³ P(x²) / Q(x²); from there 1 - 2 / (e²ˣ + 1). One division serves both.
INLINE vector tanh_32(vector x) {
  vector a = magnitude(x), z = x * x;
  integers is_far = a >= 1;
  vector p = fused(fused(all(0x1.d7a026p-15f), z, all(-0x1.c3ae9ep-10f)), z, all(-0x1.555552p-2f));
  vector q = fused(all(0x1.9ee42cp-2f), z, all(1));
  // Beyond 10 it is 1.
  vector bounded = choose(a < 10, a, all(10));
  integers exponent;
  vector e = exp_parts(bounded + bounded, &exponent);
  e = of_bits(bits_of(e) + (exponent << 23));
  vector share = choose(is_far, all(-2), z * a * p) / choose(is_far, e + 1, q);
  return with_sign(choose(is_far, all(1), a) + share, x);
}

// Up to 0.93, x + x P(x²); from there 1 - exp(-x P(x)).
INLINE vector erf_32(vector x) {
  vector a = magnitude(x), z = x * x;
  vector p = all(0x1.5bd58cp-14f);
  p = fused(p, z, all(-0x1.a9e392p-11f));
  p = fused(p, z, all(0x1.54bb3ap-8f));
  p = fused(p, z, all(-0x1.b80cdap-6f));
  p = fused(p, z, all(0x1.ce2decp-4f));
  p = fused(p, z, all(-0x1.812742p-2f));
  p = fused(p, z, all(0x1.06eba8p-3f));
  // Beyond 4 it is 1.
  vector bounded = choose(a < 4, a, all(4)), g = all(0x1.49d0bp-18f);
  g = fused(g, bounded, all(-0x1.7c03p-15f));
  g = fused(g, bounded, all(-0x1.ab9fecp-15f));
  g = fused(g, bounded, all(0x1.808d1p-9f));
  g = fused(g, bounded, all(-0x1.7396dcp-6f));
  g = fused(g, bounded, all(0x1.af2d9ep-4f));
  g = fused(g, bounded, all(0x1.457052p-1f));
  g = fused(g, bounded, all(0x1.20e8cep+0f));
  integers exponent;
  vector e = exp_parts(-bounded * g, &exponent);
  e = of_bits(bits_of(e) + (exponent << 23));
  return with_sign(choose(a >= 0.93f, 1 - e, fused(p, a, a)), x);
}

static void apply(enum native_function function, const float *from, float *to, size_t count) {
  switch (function) {
  case native_exp: LOOP(width, load_part, store_part, exp_32)
  case native_sigmoid: LOOP(width, load_part, store_part, sigmoid_32)
  case native_tanh: LOOP(width, load_part, store_part, tanh_32)
  case native_erf: LOOP(width, load_part, store_part, erf_32)
  // Those of float64, rounded once.
  case native_log: LOOP(half, load_floats, store_floats, log_64)
  case native_sin: LOOP(half, load_floats, store_floats, sin_64)
  case native_cos: LOOP(half, load_floats, store_floats, cos_64)
  }
}

static void power(const float *base, const float *exponent, float *to, size_t count) {
  for (size_t i = 0; i < count; i += half) {
    size_t some = count - i < half ? count - i : half;
    store_floats(to + i, pow_64(load_floats(base + i, some), load_floats(exponent + i, some)), some);
  }
}

static void pixel_values(const uint8_t *bytes, float *to, size_t count) {
  typedef uint8_t some_bytes __attribute__((vector_size(width)));
  size_t i = 0;
  for (; i + width <= count; i += width) {
    some_bytes pixels;
    memcpy(&pixels, bytes + i, sizeof pixels);
    store(to + i, __builtin_convertvector(__builtin_convertvector(pixels, integers), vector) / 255);
  }
  for (; i < count; i++) to[i] = (float)bytes[i] / 255;
}
