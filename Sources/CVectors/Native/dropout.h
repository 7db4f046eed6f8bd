// Which weights of an attention stay: Philox 4×32 with 10 rounds (Tensors/Random/Philox.swift), several counters at once.
#pragma once
#include "functions64.h"

enum { draw_group = 32 };

// A word of 32 bits in each 64.
INLINE words word(uint32_t value) { return (words){} + (uint64_t)value; }

// Four words of each of `half` counters.
INLINE void philox(const struct native_draws *draws, words counter, words result[4]) {
  words x = counter, y = word(draws->sample), z = word(draws->time), w = word(draws->purpose);
  uint32_t first = (uint32_t)draws->seed, second = (uint32_t)(draws->seed >> 32);
  for (int round = 0; round < 10; round++) {
    words left = x * word(0xd2511f53u), right = z * word(0xcd9e8d57u);
    x = (right >> 32) ^ y ^ word(first);
    y = right & word(UINT32_MAX);
    z = (left >> 32) ^ w ^ word(second);
    w = left & word(UINT32_MAX);
    first += 0x9e3779b9u;
    second += 0xbb67ae85u;
  }
  result[0] = x, result[1] = y, result[2] = z, result[3] = w;
}

// `kept` or 0 for a row's keys from `first` on, a multiple of 32. The 32 keys from 32 g on take the words of 8 counters, 8 g
// behind those of the rows before: key 8 w + c of them word w of counter c.
static void draw_row(const struct native_draws *draws, size_t row, size_t groups, size_t first, size_t count, float *to) {
  for (size_t at = 0; at < count; at += draw_group) {
    float group[draw_group];
    size_t start = (row * groups + (first + at) / draw_group) * 8;
    for (size_t c = 0; c < 8; c += half) {
      words counter, drawn[4];
      for (int i = 0; i < half; i++) counter[i] = (uint32_t)(start + c + (size_t)i);
      philox(draws, counter, drawn);
      for (size_t w = 0; w < 4; w++)
        for (size_t i = 0; i < half; i++) group[8 * w + c + i] = (drawn[w][i] >> 8) < draws->dropped ? 0 : draws->kept;
    }
    memcpy(to + at, group, (count - at < draw_group ? count - at : draw_group) * sizeof(float));
  }
}
