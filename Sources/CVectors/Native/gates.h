// The gates of a recurrent layer's step: of a few units everything, while their numbers are near.
#pragma once
#include "functions.h"

// Vectors of a strip. Each function goes along it by itself: a loop of one has everything in registers, and a processor looks ahead
// to its next rounds.
enum { strip_vectors = 16 };

// `vectors` of units from the `k`-th on, each with `some`.
INLINE void gru_units(const struct native_cell *it, size_t row, size_t k, size_t vectors, size_t some) {
  size_t hidden = it->hidden, at = row * hidden + k, end = vectors * width;
  const float *own = it->inputs + 3 * row * hidden + k, *product = it->products + 3 * row * hidden + k;
  const float *bias = it->bias ? it->bias + k : NULL;
  float *r = it->kept + 2 * row * hidden + k, *z = r + hidden, *n = it->kept + 2 * it->rows * hidden + at;
  float *share = n + it->rows * hidden;
  for (size_t gate = 0; gate < 2; gate++) {
    for (size_t i = 0; i < end; i += width) {
      vector some_share = load_some(product + i, some);
      if (bias) some_share += load_some(bias + i, some);
      store_some(r + gate * hidden + i, sigmoid_32(load_some(own + i, some) + some_share), some);
    }
    own += hidden, product += hidden, bias += bias ? hidden : 0;
  }
  for (size_t i = 0; i < end; i += width) {
    vector some_share = load_some(product + i, some), update = load_some(z + i, some);
    if (bias) some_share += load_some(bias + i, some);
    vector fresh = tanh_32(load_some(own + i, some) + load_some(r + i, some) * some_share);
    store_some(n + i, fresh, some);
    store_some(share + i, some_share, some);
    vector output = it->before ? fresh + update * (load_some(it->before + at + i, some) - fresh) : fresh - update * fresh;
    store_some(it->outputs + at + i, output, some);
  }
}

INLINE void gru_units_back(const struct native_cell *it, size_t row, size_t k, size_t some) {
  size_t hidden = it->hidden, count = it->rows * hidden, at = row * hidden + k;
  vector r = load_some(it->kept + 2 * row * hidden + k, some), z = load_some(it->kept + (2 * row + 1) * hidden + k, some);
  vector n = load_some(it->kept + 2 * count + at, some), share = load_some(it->kept + 3 * count + at, some);
  vector d = load_some(it->hidden_gradient + at, some) + load_some(it->output_gradient + at, some);
  vector fresh = d * (1 - z) * (1 - n * n), reset = fresh * share * r * (1 - r);
  vector change = it->before ? d * (load_some(it->before + at, some) - n) : -d * n;
  vector update = change * z * (1 - z);
  float *gates = it->gates_gradient + 3 * row * hidden + k, *products = it->products_gradient + 3 * row * hidden + k;
  store_some(gates, reset, some);
  store_some(gates + hidden, update, some);
  store_some(gates + 2 * hidden, fresh, some);
  store_some(products, reset, some);
  store_some(products + hidden, update, some);
  store_some(products + 2 * hidden, fresh * r, some);
  store_some(it->hidden_gradient + at, d * z, some);
}

INLINE void lstm_units(const struct native_cell *it, size_t row, size_t k, size_t vectors, size_t some) {
  size_t hidden = it->hidden, count = it->rows * hidden, at = row * hidden + k, end = vectors * width;
  const float *own = it->inputs + 4 * row * hidden + k;
  float *gates = it->kept + 4 * row * hidden + k;
  for (size_t gate = 0; gate < 4; gate++)
    for (size_t i = gate * hidden; i < gate * hidden + end; i += width) {
      vector x = load_some(own + i, some);
      // tanh x is 2 σ(2x) - 1.
      store_some(gates + i, gate == 2 ? 2 * sigmoid_32(2 * x) - 1 : sigmoid_32(x), some);
    }
  for (size_t i = 0; i < end; i += width) {
    const float *of = gates + i;
    vector c = load_some(of, some) * load_some(of + 2 * hidden, some);
    vector f = load_some(of + hidden, some), o = load_some(of + 3 * hidden, some);
    if (it->before) c = f * load_some(it->before + at + i, some) + c;
    vector squashed = tanh_32(c);
    store_some(it->kept + 4 * count + at + i, c, some);
    store_some(it->kept + 5 * count + at + i, squashed, some);
    store_some(it->outputs + at + i, o * squashed, some);
  }
}

INLINE void lstm_units_back(const struct native_cell *it, size_t row, size_t k, size_t some) {
  size_t hidden = it->hidden, count = it->rows * hidden, at = row * hidden + k;
  const float *gates = it->kept + 4 * row * hidden + k;
  vector i = load_some(gates, some), f = load_some(gates + hidden, some);
  vector g = load_some(gates + 2 * hidden, some), o = load_some(gates + 3 * hidden, some);
  vector squashed = load_some(it->kept + 5 * count + at, some);
  vector dh = load_some(it->hidden_gradient + at, some) + load_some(it->output_gradient + at, some);
  vector dc = load_some(it->cell_gradient + at, some) + dh * o * (1 - squashed * squashed);
  float *to = it->gates_gradient + 4 * row * hidden + k;
  store_some(to, dc * g * i * (1 - i), some);
  store_some(to + hidden, it->before ? dc * f * (1 - f) * load_some(it->before + at, some) : all(0), some);
  store_some(to + 2 * hidden, dc * i * (1 - g * g), some);
  store_some(to + 3 * hidden, dh * squashed * o * (1 - o), some);
  store_some(it->cell_gradient + at, dc * f, some);
}

INLINE void elman_units_back(const struct native_cell *it, size_t row, size_t k, size_t some) {
  size_t at = row * it->hidden + k;
  vector h = load_some(it->outputs + at, some);
  vector d = load_some(it->hidden_gradient + at, some) + load_some(it->output_gradient + at, some);
  store_some(it->gates_gradient + at, d * (1 - h * h), some);
}

// What one thread computes: strips of whole vectors of units, and the rest of a row.
#define ALL_STRIPS(name, units)                                                                                       \
  static void name(const struct native_cell *cell, size_t first, size_t next) {                                      \
    const struct native_cell it = *cell;                                                                              \
    for (size_t row = first; row < next; row++) {                                                                     \
      size_t k = 0, whole = it.hidden / width;                                                                        \
      for (size_t left = whole, some; left > 0; left -= some, k += some * width) {                                    \
        some = left < strip_vectors ? left : strip_vectors;                                                           \
        units(&it, row, k, some, width);                                                                              \
      }                                                                                                               \
      if (k < it.hidden) units(&it, row, k, 1, it.hidden - k);                                                        \
    }                                                                                                                 \
  }
#define ALL_UNITS(name, units)                                                      \
  static void name(const struct native_cell *cell, size_t first, size_t next) {     \
    const struct native_cell it = *cell;                                            \
    for (size_t row = first; row < next; row++) {                                   \
      size_t k = 0;                                                                 \
      for (; k + width <= it.hidden; k += width) units(&it, row, k, width);         \
      if (k < it.hidden) units(&it, row, k, it.hidden - k);                         \
    }                                                                               \
  }

ALL_STRIPS(gru, gru_units)
ALL_UNITS(gru_back, gru_units_back)
ALL_STRIPS(lstm, lstm_units)
ALL_UNITS(lstm_back, lstm_units_back)
ALL_UNITS(elman_back, elman_units_back)
