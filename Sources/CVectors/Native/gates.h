// The gates of a recurrent layer's step: of each unit everything in one pass, while its numbers are in registers.
#pragma once
#include "functions.h"

INLINE void gru_units(const struct native_cell *it, size_t row, size_t k, size_t some) {
  size_t hidden = it->hidden, count = it->rows * hidden, at = row * hidden + k;
  const float *own = it->inputs + 3 * row * hidden + k, *product = it->products + 3 * row * hidden + k;
  vector share[3];
  for (size_t gate = 0; gate < 3; gate++) {
    share[gate] = load_some(product + gate * hidden, some);
    if (it->bias) share[gate] += load_some(it->bias + gate * hidden + k, some);
  }
  vector r = sigmoid_32(load_some(own, some) + share[0]);
  vector z = sigmoid_32(load_some(own + hidden, some) + share[1]);
  vector n = tanh_32(load_some(own + 2 * hidden, some) + r * share[2]);
  store_some(it->kept + 2 * row * hidden + k, r, some);
  store_some(it->kept + (2 * row + 1) * hidden + k, z, some);
  store_some(it->kept + 2 * count + at, n, some);
  store_some(it->kept + 3 * count + at, share[2], some);
  store_some(it->outputs + at, it->before ? n + z * (load_some(it->before + at, some) - n) : n - z * n, some);
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

INLINE void lstm_units(const struct native_cell *it, size_t row, size_t k, size_t some) {
  size_t hidden = it->hidden, count = it->rows * hidden, at = row * hidden + k;
  const float *own = it->inputs + 4 * row * hidden + k;
  float *gates = it->kept + 4 * row * hidden + k;
  vector i = sigmoid_32(load_some(own, some)), f = sigmoid_32(load_some(own + hidden, some));
  // tanh x is 2 σ(2x) - 1.
  vector g = 2 * sigmoid_32(2 * load_some(own + 2 * hidden, some)) - 1;
  vector o = sigmoid_32(load_some(own + 3 * hidden, some));
  vector c = it->before ? f * load_some(it->before + at, some) + i * g : i * g, squashed = tanh_32(c);
  store_some(gates, i, some);
  store_some(gates + hidden, f, some);
  store_some(gates + 2 * hidden, g, some);
  store_some(gates + 3 * hidden, o, some);
  store_some(it->kept + 4 * count + at, c, some);
  store_some(it->kept + 5 * count + at, squashed, some);
  store_some(it->outputs + at, o * squashed, some);
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

#define ALL_UNITS(name, units)                                                        \
  static void name(const struct native_cell *cell, size_t first, size_t next) {       \
    for (size_t row = first; row < next; row++) {                                     \
      size_t k = 0;                                                                   \
      for (; k + width <= cell->hidden; k += width) units(cell, row, k, width);       \
      if (k < cell->hidden) units(cell, row, k, cell->hidden - k);                    \
    }                                                                                 \
  }

ALL_UNITS(gru, gru_units)
ALL_UNITS(gru_back, gru_units_back)
ALL_UNITS(lstm, lstm_units)
ALL_UNITS(lstm_back, lstm_units_back)
ALL_UNITS(elman_back, elman_units_back)
