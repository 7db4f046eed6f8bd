// Inputs of kernels, memory for them, and digests of what they compute.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Numbers

// Each kernel begins with a seed of its own: another case of one changes no other's digest.
static uint64_t state;

// splitmix64 (Steele, Lea and Flood 2014).
static uint64_t next(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
static size_t below(size_t count) { return (size_t)(next() >> 33) % count; }
// Mostly few, at least one.
static size_t few(size_t most) { return 1 + below(below(3) ? 1 + below(most) : most); }

// -1 to 1 in steps of 2⁻²³: whole numbers become floats without a rounding.
static float usual(void) { return (float)((int32_t)(next() >> 40) - (1 << 23)) * 0x1p-23f; }
static float special(void) {
  static const float all[] = {INFINITY, -INFINITY, NAN, 0, -0.f, 0x1p-149f, -0x1.8p-130f, 1e-30f, -1e30f, 0x1.fffffep127f, 1, -1};
  return all[below(sizeof all / sizeof *all)];
}

// Memory of exactly so many elements, which address sanitizers guard. Results and scratch memory begin as NaN: what is read before
// it is written shows.
static float *empty(size_t count) {
  float *memory = malloc(count * sizeof(float) + 1);
  if (!memory) {
    fprintf(stderr, "digests: no memory for %zu floats\n", count);
    exit(71);
  }
  memset(memory, 0xff, count * sizeof(float));
  return memory;
}
// Of `odds` numbers, about one is special; 0 for none.
static float *filled(size_t count, size_t odds) {
  float *memory = empty(count);
  for (size_t i = 0; i < count; i++) memory[i] = odds && below(odds) == 0 ? special() : usual();
  return memory;
}

// MARK: Digests

// FNV-1a, byte by byte from the lowest.
static uint64_t digest;
static void take(uint64_t bits, int bytes) {
  for (int i = 0; i < bytes; i++) digest = (digest ^ (bits >> 8 * i & 255)) * 0x100000001b3u;
}
// Takes results and frees them. All NaN are one: the standard leaves their bits open.
static void take_floats(float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = 0x7fc00000;
    if (values[i] == values[i]) memcpy(&bits, values + i, sizeof bits);
    take(bits, 4);
  }
  free(values);
}
static void take_doubles(double *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = 0x7ff8000000000000u;
    if (values[i] == values[i]) memcpy(&bits, values + i, sizeof bits);
    take(bits, 8);
  }
  free(values);
}

static void begin(uint64_t seed) {
  state = seed;
  digest = 0xcbf29ce484222325u;
}
static void end(const char *name) { printf("%-40s %016llx\n", name, (unsigned long long)digest); }
// Of inputs that are usual, or among which special numbers are.
static void end_of(const char *name, int are_special) {
  char whole[64];
  snprintf(whole, sizeof whole, "%s%s", name, are_special ? ", special" : "");
  end(whole);
}
