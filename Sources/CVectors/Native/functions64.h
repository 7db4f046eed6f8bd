// Elementary functions of float64, for random numbers, schedules, and the float32 ones that are seldom needed: these are
// computed here and rounded once. Two numbers whose sum is meant are called the value and its `rest`.
#pragma once
#include "isa.h"
#include "angles.h"

enum { half = width / 2 };
typedef double doubles __attribute__((vector_size(half * sizeof(double))));
typedef int64_t longs __attribute__((vector_size(half * sizeof(int64_t))));
typedef uint64_t words __attribute__((vector_size(half * sizeof(uint64_t))));

INLINE doubles all_64(double value) { return value - (doubles){}; }
INLINE doubles fused_64(doubles a, doubles b, doubles c) { return __builtin_elementwise_fma(a, b, c); }
INLINE words words_of(doubles value) {
  words bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
INLINE doubles of_words(words bits) {
  doubles value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
INLINE doubles choose_64(longs mask, doubles yes, doubles no) {
  return of_words(((words)mask & words_of(yes)) | (~(words)mask & words_of(no)));
}
INLINE int any_64(longs mask) { return __builtin_reduce_or(mask) != 0; }
INLINE doubles magnitude_64(doubles x) { return of_words(words_of(x) & INT64_MAX); }
INLINE doubles with_sign_64(doubles magnitude, doubles x) {
  return of_words(words_of(magnitude) | (words_of(x) & (uint64_t)INT64_MIN));
}

INLINE doubles load_doubles(const double *from, size_t count) {
  doubles value = {};
  memcpy(&value, from, count * sizeof(double));
  return value;
}
INLINE void store_doubles(double *to, doubles value, size_t count) { memcpy(to, &value, count * sizeof(double)); }
typedef float half_vector __attribute__((vector_size(half * sizeof(float))));
INLINE doubles load_floats(const float *from, size_t count) {
  half_vector value = {};
  memcpy(&value, from, count * sizeof(float));
  return __builtin_convertvector(value, doubles);
}
INLINE void store_floats(float *to, doubles value, size_t count) {
  half_vector rounded = __builtin_convertvector(value, half_vector);
  memcpy(to, &rounded, count * sizeof(float));
}

#define POLYNOMIAL(x, last, ...) polynomial(x, all_64(last), (const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))
INLINE doubles polynomial(doubles x, doubles sum, const double *coefficients, size_t count) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < count; i++) sum = fused_64(sum, x, all_64(coefficients[i]));
  return sum;
}

// Added, it leaves a whole number in the lowest bits.
#define WHOLE_64 0x1.8p52

// e^(x + rest), rest small beside x.
INLINE doubles exp_of_sum(doubles x, doubles rest) {
  x = choose_64(x < -746, all_64(-746), x);
  x = choose_64(x > 710, all_64(710), x);
  doubles shifted = fused_64(x, all_64(0x1.71547652b82fep+0), all_64(WHOLE_64)), k = shifted - WHOLE_64;
  doubles near = fused_64(-k, all_64(0x1.62e42fefa39efp-1), x);  // exact
  doubles r = fused_64(-k, all_64(0x1.abc9e3b39803fp-56), near);
  rest += fused_64(-k, all_64(0x1.abc9e3b39803fp-56), near - r);
  doubles p = POLYNOMIAL(
      r, 0x1.1ea008e5a11dcp-29, 0x1.af6a83181cbe5p-26, 0x1.27e566d0d4dcfp-22, 0x1.71ddf10b12227p-19, 0x1.a01a0164d8ae5p-16,
      0x1.a01a01b3101d3p-13, 0x1.6c16c16c2343ep-10, 0x1.111111110edb8p-7, 0x1.5555555555539p-5, 0x1.555555555555bp-3, 0.5);
  // 1 + r + r² P(r), what the first sum loses added to the last.
  doubles tail = r * r * p, most = 1 + r;
  tail = fused_64(rest, most + tail, tail);
  p = most + ((r - (most - 1)) + tail);
  // 2ᵏ in two factors, of which the last rounds.
  words exponent = words_of(shifted) - words_of(all_64(WHOLE_64)), first = ((exponent + 2048) >> 1) - 1024;
  return p * of_words((first + 1023) << 52) * of_words((exponent - first + 1023) << 52);
}
INLINE doubles exp_64(doubles x) { return exp_of_sum(x, all_64(0)); }

// ln x of 2ᵏ m, m between √½ and √2: k ln 2 + 2 artanh s, s = (m - 1) / (m + 1); of a rest 2⁻¹⁰ as exact as the value.
INLINE doubles log_of(doubles x, doubles *rest) {
  longs is_small = x < 0x1p-1022;
  words bits = words_of(choose_64(is_small, x * 0x1p54, x));
  words raised = (bits - 0x3fe6a09e667f3bcdu + ((uint64_t)1023 << 52)) >> 52;
  doubles k = of_words(raised | 0x4330000000000000u) - (0x1p52 + 1023);
  k = choose_64(is_small, k - 54, k);
  doubles m = of_words(bits - ((raised - 1023) << 52));
  doubles f = m - 1, sum = m + 1, lost = m - (sum - 1);
  doubles inverse = 1 / sum, s = f * inverse, s_rest = (fused_64(-s, sum, f) - s * lost) * inverse;
  // 2 artanh s = 2 s + s³ (2/3 + s² P(s²))
  doubles z = s * s, z_rest = fused_64(s, s, -z) + 2 * s * s_rest;
  doubles t = z * POLYNOMIAL(
      z, 0x1.eb9f2b8073a63p-4, 0x1.de21531069c16p-4, 0x1.11212fc97cad4p-3, 0x1.3b135f499c788p-3, 0x1.745d184051905p-3,
      0x1.c71c71c5602bdp-3, 0x1.2492492493166p-2, 0x1.9999999999995p-2);
  doubles w = 0x1.5555555555555p-1 + t, w_rest = 0x1.5555555555555p-55 + (t - (w - 0x1.5555555555555p-1));
  doubles cube = s * z, cube_rest = fused_64(s, z, -cube) + s * z_rest + s_rest * z;
  doubles tail = cube * w, tail_rest = fused_64(cube, w, -tail) + cube * w_rest + cube_rest * w;
  doubles base = k * 0x1.62e42fefa39efp-1;
  doubles base_rest = fused_64(k, all_64(0x1.62e42fefa39efp-1), -base) + k * 0x1.abc9e3b39803fp-56;
  doubles most = base + 2 * s, most_rest = 2 * s - (most - base);
  doubles high = most + tail, high_rest = tail - (high - most);
  doubles low = most_rest + high_rest + 2 * s_rest + tail_rest + base_rest;
  doubles result = high + low;
  *rest = low - (result - high);
  return result;
}

INLINE doubles log_64(doubles x) {
  doubles rest, result = log_of(x, &rest);
  result = choose_64(x < INFINITY, result, x);  // infinity and NaN stay
  result = choose_64(x < 0, all_64(NAN), result);
  return choose_64(x == 0, all_64(-INFINITY), result);
}

// x less a whole number of quarter turns, with a rest; the number modulo 4 in the lowest bits of `quarters`.
INLINE doubles within_quarter(doubles x, doubles *rest, words *quarters) {
  doubles shifted = fused_64(x, all_64(0x1.45f306dc9c883p-1), all_64(WHOLE_64)), n = shifted - WHOLE_64;
  *quarters = words_of(shifted);
  doubles near = fused_64(-n, all_64(0x1.921fb54442d18p+0), x);  // exact
  doubles part = n * 0x1.1a62633145c07p-54, part_rest = fused_64(n, all_64(0x1.1a62633145c07p-54), -part);
  doubles high = near - part, moved = high - near;
  doubles low = (near - (high - moved)) + (-part - moved) - part_rest - n * -0x1.f1976b7ed8fbcp-110;
  doubles result = high + low;
  *rest = low - (result - high);
  longs is_far = (longs)(words_of(magnitude_64(x)) > words_of(all_64(0x1p30)));
  if (any_64(is_far))
    for (int i = 0; i < half; i++)
      if (is_far[i]) {
        struct turned turned = turned_back(x[i]);
        result[i] = turned.value;
        (*rest)[i] = turned.rest;
        (*quarters)[i] = turned.quarters;
      }
  return result;
}

// sin (x + quarter · π/2)
INLINE doubles sine(doubles x, uint64_t quarter) {
  doubles rest;
  words quarters;
  doubles r = within_quarter(x, &rest, &quarters), z = r * r;
  quarters += quarter;
  doubles p = POLYNOMIAL(
      z, 0x1.5d938de52ecfap-33, -0x1.ae5e685be977ep-26, 0x1.71de357ad61f8p-19, -0x1.a01a019c15df3p-13, 0x1.111111110f8a5p-7,
      -0x1.5555555555549p-3);
  doubles sin = r + fused_64(z * r, p, rest * fused_64(z, all_64(-0.5), all_64(1)));
  doubles q = POLYNOMIAL(
      z, -0x1.8fb1400c01d09p-37, 0x1.1ee9f17373051p-29, -0x1.27e4f812e9aebp-22, 0x1.a01a019cbfa65p-16, -0x1.6c16c16c15221p-10,
      0x1.555555555554cp-5);
  doubles drop = z * 0.5, most = 1 - drop;
  doubles cos = most + (((1 - most) - drop) + fused_64(z * z, q, -r * rest));
  doubles result = choose_64((longs)((quarters & 1) == 1), cos, sin);
  return of_words(words_of(result) ^ ((quarters & 2) << 62));
}
INLINE doubles sin_64(doubles x) { return choose_64(magnitude_64(x) < 0x1p-27, x, sine(x, 0)); }
INLINE doubles cos_64(doubles x) { return sine(x, 1); }

// As sigmoid_32.
INLINE doubles sigmoid_64(doubles x) {
  longs is_negative = x < 0;
  doubles e = exp_64(-magnitude_64(x));
  doubles numerator = choose_64(is_negative, e, all_64(1)), sum = 1 + e, lost = e - (sum - 1);
  doubles quotient = numerator / sum;
  doubles rest = fused_64(-quotient, lost, fused_64(-quotient, sum, numerator));
  return fused_64(rest, choose_64(is_negative, 1 - quotient, quotient), quotient);
}

// As tanh_32.
INLINE doubles tanh_64(doubles x) {
  doubles a = magnitude_64(x), z = x * x;
  longs is_far = a >= 1;
  doubles p = POLYNOMIAL(
      z, -0x1.275e3977973abp-26, -0x1.fdd441d93749bp-13, -0x1.5eb7125abe6dep-6, -0x1.5555555555554p-2);
  doubles q = POLYNOMIAL(z, 0x1.0a7557a905193p-12, 0x1.919982a595fcep-6, 0x1.db5bed0a9d494p-2, 1);
  doubles e = exp_64(a + a);
  doubles share = choose_64(is_far, all_64(-2), z * a * p) / choose_64(is_far, e + 1, q);
  return with_sign_64(choose_64(is_far, all_64(1), a) + share, x);
}

// As erf_32.
INLINE doubles erf_64(doubles x) {
  doubles a = magnitude_64(x), z = x * x, bounded = choose_64(a < 6, a, all_64(6));
  doubles p = POLYNOMIAL(
      z,
      -0x1.8a7adc9db2243p-31, 0x1.cd7686be3d37cp-27, -0x1.5ad1c8651ef4fp-23, 0x1.b9540650c54b8p-20, -0x1.f4c673749f094p-17,
      0x1.f9a282ea3d3dcp-14, -0x1.c02dae3676635p-11, 0x1.565bcced542a3p-8, -0x1.b82ce311a9388p-6, 0x1.ce2f21a03fad4p-4,
      -0x1.812746b0379a2p-2, 0x1.06eba8214db68p-3);
  doubles g = POLYNOMIAL(
      bounded,
      -0x1.e4d46465f660fp-40, 0x1.4bfbe5db601fep-34, -0x1.a9ec3f0c69680p-30, 0x1.53f4325712632p-26, -0x1.79bd6531c4ce6p-23,
      0x1.350de0d4d5a20p-20, -0x1.7e8d0595381abp-18, 0x1.671079949c9f9p-16, -0x1.ed1886178416cp-15, 0x1.a82bb1602c5ecp-14,
      -0x1.53b6b2b144745p-17, -0x1.27317144757f3p-11, 0x1.b8b6169ef52d4p-10, -0x1.aad04c9f0d532p-13, -0x1.396b6624a04dbp-6,
      0x1.a4f4db10588dfp-4, 0x1.45f309613c941p-1, 0x1.20dd74cddcc13p+0);
  return with_sign_64(choose_64(a >= 0.93, 1 - exp_64(-bounded * g), fused_64(p, a, a)), x);
}

// Whether a number is whole; infinity is.
INLINE longs whole(doubles x) {
  doubles a = magnitude_64(x);
  return (a >= 0x1p52) | ((a + 0x1p52) - 0x1p52 == a);
}

// xʸ = exp (y ln |x|), negative where x is and y is odd; special cases as in C.
INLINE doubles pow_64(doubles x, doubles y) {
  doubles rest, logarithm = log_of(magnitude_64(x), &rest);
  doubles size = magnitude_64(x);
  logarithm = choose_64(size < INFINITY, logarithm, size);
  logarithm = choose_64(size == 0, all_64(-INFINITY), logarithm);
  doubles product = y * logarithm, product_rest = fused_64(y, logarithm, -product) + y * rest;
  product_rest = choose_64(magnitude_64(product) < 800, product_rest, all_64(0));
  doubles result = exp_of_sum(product, product_rest);
  result = choose_64(size == 1, choose_64(y == y, all_64(1), y), result);
  longs is_whole = whole(y), is_odd = is_whole & ~whole(y * 0.5);
  result = choose_64((x < 0) & (size < INFINITY) & ~is_whole, choose_64(y == y, all_64(NAN), y), result);
  result = with_sign_64(result, choose_64(is_odd, x, all_64(0)));
  return choose_64((x == 1) | (y == 0), all_64(1), result);
}

#define LOOP(lanes, load, store, function)                                                                              \
  {                                                                                                                    \
    size_t i = 0;                                                                                                       \
    for (; i + lanes <= count; i += lanes) store(to + i, function(load(from + i, lanes)), lanes);                       \
    if (i < count) store(to + i, function(load(from + i, count - i)), count - i);                                       \
    return;                                                                                                             \
  }

static void apply_64(enum native_function function, const double *from, double *to, size_t count) {
  switch (function) {
  case native_exp: LOOP(half, load_doubles, store_doubles, exp_64)
  case native_log: LOOP(half, load_doubles, store_doubles, log_64)
  case native_sin: LOOP(half, load_doubles, store_doubles, sin_64)
  case native_cos: LOOP(half, load_doubles, store_doubles, cos_64)
  case native_tanh: LOOP(half, load_doubles, store_doubles, tanh_64)
  case native_sigmoid: LOOP(half, load_doubles, store_doubles, sigmoid_64)
  case native_erf: LOOP(half, load_doubles, store_doubles, erf_64)
  }
}

static void power_64(const double *base, const double *exponent, double *to, size_t count) {
  for (size_t i = 0; i < count; i += half) {
    size_t some = count - i < half ? count - i : half;
    store_doubles(to + i, pow_64(load_doubles(base + i, some), load_doubles(exponent + i, some)), some);
  }
}
