// Batch normalisation's passes over `[rows, channels]`: numbers per channel are repeated to `repeat` elements, a whole number of
// rows, so that few channels make no short loops. Each operation is rounded by itself.
#pragma once
#include "functions.h"

// Runs `whole` for vectors from each repeat's element `i` on, then `single` for the elements that are left.
#define EACH_CHANNEL(whole, single)                                                        \
  for (size_t start = 0; start < count; start += repeat) {                                 \
    size_t some = count - start < repeat ? count - start : repeat, i = 0;                  \
    for (; i + width <= some; i += width) whole                                            \
    for (; i < some; i++) single                                                           \
  }

static void channels_moments(
    size_t count, size_t repeat, const float *input, const float *origin, float *sums, float *squares) {
  EACH_CHANNEL(
      {
        vector difference = load(input + start + i) - load(origin + i);
        store(sums + i, load(sums + i) + difference);
        store(squares + i, load(squares + i) + difference * difference);
      },
      {
        float difference = input[start + i] - origin[i];
        sums[i] += difference;
        squares[i] += difference * difference;
      })
}

static void channels_affine(
    size_t count, size_t repeat, const float *input, const float *scale, const float *shift, int cuts, float *output) {
  EACH_CHANNEL(
      {
        vector value = load(input + start + i) * load(scale + i) + load(shift + i);
        store(output + start + i, cuts ? choose(value < 0, all(0), value) : value);
      },
      {
        float value = input[start + i] * scale[i] + shift[i];
        output[start + i] = cuts && value < 0 ? 0 : value;
      })
}

static void channels_gradient_sums(
    size_t count, size_t repeat, const float *input, const float *gradient, const float *mean, const float *scale,
    const float *shift, float *sums, float *products) {
  EACH_CHANNEL(
      {
        vector x = load(input + start + i);
        vector passed = choose(x * load(scale + i) + load(shift + i) > 0, load(gradient + start + i), all(0));
        store(sums + i, load(sums + i) + passed);
        store(products + i, load(products + i) + passed * (x - load(mean + i)));
      },
      {
        float x = input[start + i];
        float passed = x * scale[i] + shift[i] > 0 ? gradient[start + i] : 0;
        sums[i] += passed;
        products[i] += passed * (x - mean[i]);
      })
}

static void channels_gradient(
    size_t count, size_t repeat, const float *input, const float *gradient, const float *const *factors, const float *scale,
    const float *shift, float *result) {
  const float *a = factors[0], *b = factors[1], *c = factors[2];
  EACH_CHANNEL(
      {
        vector x = load(input + start + i);
        vector passed = choose(x * load(scale + i) + load(shift + i) > 0, load(gradient + start + i), all(0));
        store(result + start + i, passed * load(a + i) + x * load(b + i) + load(c + i));
      },
      {
        float x = input[start + i];
        float passed = x * scale[i] + shift[i] > 0 ? gradient[start + i] : 0;
        result[start + i] = passed * a[i] + x * b[i] + c[i];
      })
}
