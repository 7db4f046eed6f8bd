// Random numbers as functions of a key: Philox 4×32 with 10 rounds (Tensors/Random/Philox.swift), several counters at once.
#pragma once
#include "functions64.h"

enum { draw_group = 32 };
typedef int32_t half_integers __attribute__((vector_size(half * sizeof(int32_t))));

// A word of 32 bits in each 64.
INLINE words word(uint32_t value) { return (words){} + (uint64_t)value; }
// Of words of 32 bits: the mask tells the compiler so, which has an instruction for it.
INLINE words product(words x, uint32_t factor) { return (x & word(UINT32_MAX)) * word(factor); }

// Four words of each of `half` counters from `first` on, which count modulo 2³².
INLINE void philox(const struct native_draws *draws, uint32_t first, words result[4]) {
  words x = {}, y = word(draws->sample), z = word(draws->time), w = word(draws->purpose);
#pragma clang loop unroll(full)
  for (int i = 0; i < half; i++) x[i] = (uint32_t)(first + (uint32_t)i);
  uint32_t key = (uint32_t)draws->seed, second = (uint32_t)(draws->seed >> 32);
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    words left = product(x, 0xd2511f53u), right = product(z, 0xcd9e8d57u);
    x = (right >> 32) ^ y ^ word(key);
    y = right & word(UINT32_MAX);
    z = (left >> 32) ^ w ^ word(second);
    w = left & word(UINT32_MAX);
    key += 0x9e3779b9u;
    second += 0xbb67ae85u;
  }
  result[0] = x, result[1] = y, result[2] = z, result[3] = w;
}

// `kept` or 0 for a row's keys from `first` on, a multiple of 32. The 32 keys from 32 g on take the words of 8 counters, 8 g
// behind those of the rows before: key 8 w + c of them word w of counter c.
static void draw_row(const struct native_draws *draws, size_t row, size_t groups, size_t first, size_t count, float *to) {
  half_integers kept;
  half_vector all_kept = draws->kept - (half_vector){};
  memcpy(&kept, &all_kept, sizeof kept);
  for (size_t at = 0; at < count; at += draw_group) {
    float group[draw_group];
    size_t start = (row * groups + (first + at) / draw_group) * 8;
    for (size_t c = 0; c < 8; c += half) {
      words drawn[4];
      philox(draws, (uint32_t)(start + c), drawn);
      for (size_t w = 0; w < 4; w++) {
        longs stays = (longs)((drawn[w] >> 8) >= word(draws->dropped));
        half_integers bits = __builtin_convertvector(stays, half_integers) & kept;
        memcpy(group + 8 * w + c, &bits, sizeof bits);
      }
    }
    memcpy(to + at, group, (count - at < draw_group ? count - at : draw_group) * sizeof(float));
  }
}

// 24 random bits each as numbers in 0..<1: number 4 i + w is word w of counter i.
static void draw_uniform(const struct native_draws *draws, size_t first, size_t count, float *to) {
  for (size_t at = 0; at < count; at += 4 * half) {
    words drawn[4];
    float group[4 * half];
    philox(draws, (uint32_t)(first / 4 + at / 4), drawn);
    for (size_t w = 0; w < 4; w++) {
      longs bits = (longs)(drawn[w] >> 8);
      half_vector value = __builtin_convertvector(__builtin_convertvector(bits, half_integers), half_vector) * 0x1p-24f;
#pragma clang loop unroll(full)
      for (size_t i = 0; i < half; i++) group[4 * i + w] = value[i];
    }
    memcpy(to + at, group, (count - at < 4 * half ? count - at : 4 * half) * sizeof(float));
  }
}
