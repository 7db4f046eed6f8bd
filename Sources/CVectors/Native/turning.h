// Columns that become rows.
#pragma once
#include "isa.h"

// `to[j][i] = from[i][j]`, of 4 × 4.
INLINE void turn_four(const float *from, size_t from_step, float *to, size_t to_step) {
  typedef float four __attribute__((vector_size(16)));
  four a, b, c, d;
  memcpy(&a, from, sizeof a);
  memcpy(&b, from + from_step, sizeof b);
  memcpy(&c, from + 2 * from_step, sizeof c);
  memcpy(&d, from + 3 * from_step, sizeof d);
  four ac = __builtin_shufflevector(a, c, 0, 4, 1, 5), bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
  four ca = __builtin_shufflevector(a, c, 2, 6, 3, 7), db = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  four row0 = __builtin_shufflevector(ac, bd, 0, 4, 1, 5), row1 = __builtin_shufflevector(ac, bd, 2, 6, 3, 7);
  four row2 = __builtin_shufflevector(ca, db, 0, 4, 1, 5), row3 = __builtin_shufflevector(ca, db, 2, 6, 3, 7);
  memcpy(to, &row0, sizeof row0);
  memcpy(to + to_step, &row1, sizeof row1);
  memcpy(to + 2 * to_step, &row2, sizeof row2);
  memcpy(to + 3 * to_step, &row3, sizeof row3);
}

static void turn_some(
    size_t taps, size_t count, const float *from, size_t from_step, float *to, size_t to_step, size_t across) {
  size_t column = 0;
  for (; column + 4 <= count; column += 4) {
    size_t t = 0;
    for (; t + 4 <= taps; t += 4) turn_four(from + column * from_step + t, from_step, to + t * to_step + column, to_step);
    for (; t < taps; t++)
      for (size_t i = column; i < column + 4; i++) to[t * to_step + i] = from[i * from_step + t];
  }
  for (; column < across; column++)
    for (size_t t = 0; t < taps; t++) to[t * to_step + column] = column < count ? from[column * from_step + t] : 0;
}

// `to[t · to_step + column] = from[column · from_step + t]`, zeros behind the columns that there are; a few rows at a time, which
// stay in the nearest cache while all columns go to them.
static void turn(
    size_t taps, size_t count, const float *from, size_t from_step, float *to, size_t to_step, size_t across) {
  enum { together = 32 };
  for (size_t t = 0; t < taps; t += together)
    turn_some(taps - t < together ? taps - t : together, count, from + t, from_step, to + t * to_step, to_step, across);
}
