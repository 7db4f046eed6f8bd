// Activations that are smooth everywhere, and their derivatives: GELU by the error function or by tanh, and SiLU.
#pragma once
#include "functions.h"

// Φ(x) = ½ + ½ erf(x / √2).
INLINE vector normal_share(vector x) { return fused(all(0.5f), erf_32(x * all(0x1.6a09e6p-1f)), all(0.5f)); }

// √(2/π) (x + 0.044715 x³), of which tanh is near 2 Φ - 1; and its slope.
INLINE vector bent(vector x) { return x * fused(all(0x1.2444f2p-5f), x * x, all(0x1.988454p-1f)); }
INLINE vector bent_slope(vector x) { return fused(all(0x1.b6676cp-4f), x * x, all(0x1.988454p-1f)); }

INLINE vector gelu_32(vector x) { return x * normal_share(x); }
INLINE vector gelu_tanh_32(vector x) {
  vector half_x = x * all(0.5f);
  return fused(half_x, tanh_32(bent(x)), half_x);
}
INLINE vector silu_32(vector x) { return x * sigmoid_32(x); }

// Φ + x φ, with φ = e^(-x²/2) / √(2π).
INLINE vector gelu_slope(vector x) {
  vector density = all(0x1.988454p-2f) * exp_32(x * x * all(-0.5f));
  return fused(x, density, normal_share(x));
}
// ½ + ½ t + ½ x (1 - t²) u', with t = tanh u.
INLINE vector gelu_tanh_slope(vector x) {
  vector t = tanh_32(bent(x));
  return fused(x * all(0.5f) * fused(-t, t, all(1)), bent_slope(x), fused(all(0.5f), t, all(0.5f)));
}
// s + x s (1 - s).
INLINE vector silu_slope(vector x) {
  vector s = sigmoid_32(x);
  return fused(x * s, 1 - s, s);
}

static void smooth(enum native_smooth kind, const float *from, float *to, size_t count) {
  switch (kind) {
  case native_gelu: LOOP(width, load_part, store_part, gelu_32)
  case native_gelu_tanh: LOOP(width, load_part, store_part, gelu_tanh_32)
  case native_silu: LOOP(width, load_part, store_part, silu_32)
  }
}

#define SLOPES(slope)                                                                                              \
  {                                                                                                                 \
    size_t i = 0;                                                                                                   \
    for (; i + width <= count; i += width) store(to + i, load(gradient + i) * slope(load(from + i)));               \
    if (i < count) store_part(to + i, load_part(gradient + i, count - i) * slope(load_part(from + i, count - i)), count - i); \
    return;                                                                                                         \
  }

static void smooth_back(enum native_smooth kind, const float *from, const float *gradient, float *to, size_t count) {
  switch (kind) {
  case native_gelu: SLOPES(gelu_slope)
  case native_gelu_tanh: SLOPES(gelu_tanh_slope)
  case native_silu: SLOPES(silu_slope)
  }
}
