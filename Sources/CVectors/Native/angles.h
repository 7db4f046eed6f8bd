// Angles so large that a quarter turn has to be known to a thousand bits (Payne and Hanek 1983), one at a time.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

// An angle less a whole number of quarter turns; `quarters` is that number modulo 4.
struct turned {
  double value, rest;
  uint64_t quarters;
};

// 64 zeros and the bits of 2/π.
static const uint64_t quarter_bits[21] = {
    0,
    0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u, 0xb7246e3a424dd2e0u,
    0x06492eea09d1921cu, 0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u, 0xe99c7026b45f7e41u, 0x3991d639835339f4u,
    0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu, 0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du,
    0x7527bac7ebe5f17bu, 0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu, 0xf0cfbc209af4361du};

// |x| ≥ 2; NaN of what is not finite.
static struct turned turned_back(double x) {
  if (!isfinite(x)) return (struct turned){.value = NAN};
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52 & 2047) - 1075;
  uint64_t whole = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
  // |x| = whole · 2^exponent. Of 2/π, bits in front of these give multiples of 4, those behind are too small.
  int first = exponent + 62, word = first / 64, shift = first % 64;
  uint64_t window[3];
  for (int i = 0; i < 3; i++)
    window[i] = quarter_bits[word + i] << shift | (shift ? quarter_bits[word + i + 1] >> (64 - shift) : 0);
  // The product's lowest 192 bits, of which two stand before the point.
  unsigned __int128 low = (unsigned __int128)whole * window[2], middle = (unsigned __int128)whole * window[1] + (low >> 64);
  uint64_t high = whole * window[0] + (uint64_t)(middle >> 64);
  uint64_t quarters = (high + ((uint64_t)1 << 61)) >> 62;
  unsigned __int128 fraction = (unsigned __int128)(high << 2 | (uint64_t)middle >> 62) << 64 | ((uint64_t)middle << 2 | (uint64_t)low >> 62);
  // Half a quarter or more is the next quarter, less the rest of it.
  int is_behind = fraction >> 127 != 0;
  if (is_behind) fraction = -fraction;
  int zeros = fraction >> 64 ? __builtin_clzll((uint64_t)(fraction >> 64)) : 64;
  fraction <<= zeros;
  // 53 bits, and those behind them.
  double value = (double)(uint64_t)(fraction >> 75) * 0x1p-53, rest = (double)(uint64_t)(fraction >> 11) * 0x1p-117;
  double scale;
  uint64_t power = (uint64_t)(1023 - zeros) << 52;
  memcpy(&scale, &power, sizeof scale);
  value *= scale, rest *= scale;
  double product = value * 0x1.921fb54442d18p+0;
  rest = __builtin_fma(value, 0x1.921fb54442d18p+0, -product) + (value * 0x1.1a62633145c07p-54 + rest * 0x1.921fb54442d18p+0);
  int is_negative = (int)(bits >> 63) != is_behind;
  return (struct turned){
      .value = is_negative ? -product : product, .rest = is_negative ? -rest : rest, .quarters = bits >> 63 ? -quarters : quarters};
}
