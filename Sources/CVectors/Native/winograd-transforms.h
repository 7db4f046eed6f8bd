// Winograd's convolutions F(4×4, 3×3) and F(2×2, 5×5) of Lavin and Gray, at the points 0, ±5/8, ±3/2 and infinity: of all cheap
// points they lose the fewest bits, and what the data meet (the points' powers) is exact in float32. Each transform goes down the
// columns, then along the rows, and each step is one rounding. `taps` is 3 or 5, a constant wherever a function is inlined.
#pragma once
#include "isa.h"

// A tile of 6 × 6 pixels gives one of 4 × 4 or, by 5×5 weights, of 2 × 2; 36 products between them.
enum { tile_in = 6, places = tile_in * tile_in, most_taps = 5, most_out = 4, most_out_places = most_out * most_out };
INLINE int tile_out_of(int taps) { return tile_in + 1 - taps; }

#define POINT_A .625f
#define POINT_B 1.5f
#define A2 (POINT_A * POINT_A)
#define A3 (POINT_A * POINT_A * POINT_A)
#define B2 (POINT_B * POINT_B)
#define B3 (POINT_B * POINT_B * POINT_B)
// What the products of a point are divided by goes into the weights: 1 / a²b², 1 / 2a²(a² - b²), 1 / 2b²(b² - a²), by its powers.
#define SCALE_0 ((float)(1 / (.390625 * 2.25)))
#define SCALE_A ((float)(1 / (2 * .390625 * (.390625 - 2.25))))
#define SCALE_B ((float)(1 / (2 * 2.25 * (2.25 - .390625))))
#define SCALE_A1 ((float)(.625 / (2 * .390625 * (.390625 - 2.25))))
#define SCALE_A2 ((float)(.390625 / (2 * .390625 * (.390625 - 2.25))))
#define SCALE_A3 ((float)(.244140625 / (2 * .390625 * (.390625 - 2.25))))
#define SCALE_A4 ((float)(.152587890625 / (2 * .390625 * (.390625 - 2.25))))
#define SCALE_B1 ((float)(1.5 / (2 * 2.25 * (2.25 - .390625))))
#define SCALE_B2 ((float)(2.25 / (2 * 2.25 * (2.25 - .390625))))
#define SCALE_B3 ((float)(3.375 / (2 * 2.25 * (2.25 - .390625))))
#define SCALE_B4 ((float)(5.0625 / (2 * 2.25 * (2.25 - .390625))))

// Pixels of the input, 6 → 6.
INLINE void transform_input(vector d[6]) {
  vector first = fused(all(A2 * B2), d[0], fused(all(-(A2 + B2)), d[2], d[4]));
  vector last = fused(all(A2 * B2), d[1], fused(all(-(A2 + B2)), d[3], d[5]));
  vector even_a = fused(all(-B2), d[2], d[4]), odd_a = fused(all(-B2), d[1], d[3]);
  vector even_b = fused(all(-A2), d[2], d[4]), odd_b = fused(all(-A2), d[1], d[3]);
  d[0] = first;
  d[1] = fused(all(POINT_A), odd_a, even_a);
  d[2] = fused(all(-POINT_A), odd_a, even_a);
  d[3] = fused(all(POINT_B), odd_b, even_b);
  d[4] = fused(all(-POINT_B), odd_b, even_b);
  d[5] = last;
}

// Sums of products to pixels of the output, 6 → 4 or 2.
INLINE void transform_output(int taps, const vector m[6], vector y[]) {
  vector even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (even_a + even_b);
  if (taps == 5) {
    y[1] = fused(all(POINT_A), odd_a, fused(all(POINT_B), odd_b, m[5]));
    return;
  }
  y[1] = fused(all(POINT_B), odd_b, all(POINT_A) * odd_a);
  y[2] = fused(all(B2), even_b, all(A2) * even_a);
  y[3] = fused(all(A3), odd_a, fused(all(B3), odd_b, m[5]));
}

// Weights, 3 or 5 → 6.
INLINE void transform_weights(int taps, const vector g[], vector u[6]) {
  vector one_a = g[1], one_b = g[1], two_a = g[2], two_b = g[2];
  if (taps == 5) {
    one_a = fused(all(A2), g[3], g[1]), two_a = fused(all(A2), g[4], g[2]);
    one_b = fused(all(B2), g[3], g[1]), two_b = fused(all(B2), g[4], g[2]);
  }
  vector even_a = fused(all(SCALE_A2), two_a, all(SCALE_A) * g[0]), even_b = fused(all(SCALE_B2), two_b, all(SCALE_B) * g[0]);
  u[0] = all(SCALE_0) * g[0];
  u[1] = fused(all(SCALE_A1), one_a, even_a);
  u[2] = fused(all(-SCALE_A1), one_a, even_a);
  u[3] = fused(all(SCALE_B1), one_b, even_b);
  u[4] = fused(all(-SCALE_B1), one_b, even_b);
  u[5] = g[taps - 1];
}

// Pixels of the output's gradient, 4 or 2 → 6: `transform_output` turned.
INLINE void transform_output_gradient(int taps, const vector y[], vector m[6]) {
  vector even_a = y[0], odd_a = y[1], even_b = y[0], odd_b = y[1];
  if (taps == 3) {
    even_a = fused(all(A2), y[2], y[0]), odd_a = fused(all(A2), y[3], y[1]);
    even_b = fused(all(B2), y[2], y[0]), odd_b = fused(all(B2), y[3], y[1]);
  }
  m[0] = y[0];
  m[1] = fused(all(POINT_A), odd_a, even_a);
  m[2] = fused(all(-POINT_A), odd_a, even_a);
  m[3] = fused(all(POINT_B), odd_b, even_b);
  m[4] = fused(all(-POINT_B), odd_b, even_b);
  m[5] = y[tile_out_of(taps) - 1];
}

// Sums of products to the weights' gradient, 6 → 3 or 5: `transform_weights` turned.
INLINE void transform_weights_gradient(int taps, const vector u[6], vector g[]) {
  vector even_a = u[1] + u[2], odd_a = u[1] - u[2], even_b = u[3] + u[4], odd_b = u[3] - u[4];
  g[0] = fused(all(SCALE_0), u[0], fused(all(SCALE_B), even_b, all(SCALE_A) * even_a));
  g[1] = fused(all(SCALE_B1), odd_b, all(SCALE_A1) * odd_a);
  if (taps == 3) {
    g[2] = fused(all(SCALE_B2), even_b, fused(all(SCALE_A2), even_a, u[5]));
    return;
  }
  g[2] = fused(all(SCALE_B2), even_b, all(SCALE_A2) * even_a);
  g[3] = fused(all(SCALE_B3), odd_b, all(SCALE_A3) * odd_a);
  g[4] = fused(all(SCALE_B4), even_b, fused(all(SCALE_A4), even_a, u[5]));
}
