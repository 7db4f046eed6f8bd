// What an instruction set's kernels compute, as one 64-bit digest a kernel: two processors give the same bits if they give the same
// lines. Inputs come from a generator of integers, so that they are alike everywhere.
//
//   digests NAME     avx512, avx2, neon or plain; ends with code 64 where this processor has none of that name
#include "Native.h"
#include "numbers.h"

static const struct native_kernels *kernels;

// MARK: Matrix products

// Elements of a matrix in memory, the last row without what follows it.
static size_t spanned(size_t count, size_t length, size_t step) { return count && length ? (count - 1) * step + length : 0; }

static void product(size_t rows, size_t across, size_t inner, int left_turned, int right_turned, int in_place, size_t odds) {
  // Rows lie further apart than they are long, mostly.
  size_t left_step = (left_turned ? rows : inner) + below(3), right_step = (right_turned ? inner : across) + below(3);
  size_t stride = across + below(4);
  int goes_on = below(3) == 0;
  float *left = filled(left_turned ? spanned(inner, rows, left_step) : spanned(rows, inner, left_step), odds);
  float *right = filled(right_turned ? spanned(across, inner, right_step) : spanned(inner, across, right_step), odds);
  float *result = filled(spanned(rows, across, stride), odds), *panels = empty(native_packed_count(kernels, inner, across));
  struct native_matrix left_matrix = {left, (ptrdiff_t)left_step, 1}, right_matrix = {right, (ptrdiff_t)right_step, 1};
  if (left_turned) left_matrix = (struct native_matrix){left, 1, (ptrdiff_t)left_step};
  if (right_turned) right_matrix = (struct native_matrix){right, 1, (ptrdiff_t)right_step};
  struct native_panels from = {panels, kernels->columns * inner, kernels->columns};
  if (in_place)
    from = (struct native_panels){right, kernels->columns, right_step};
  else
    kernels->pack(inner, across, right_matrix, panels);
  kernels->multiply(rows, across, inner, left_matrix, from, result, stride, goes_on);
  free(left), free(right), free(panels);
  take_floats(result, spanned(rows, across, stride));
}

static void products(void) {
  static const char *const names[] = {
      "product", "product, left turned", "product, right turned", "product, both turned", "product, right as it lies",
      "product, special"};
  for (int kind = 0; kind < 6; kind++) {
    begin((uint64_t)kind);
    int turns = kind < 4 ? kind : 0, in_place = kind == 4;
    size_t odds = kind == 5 ? 30 : 0;
    for (int i = 0; i < 200; i++) {
      // As it lies, a right factor has whole vectors of the widest instructions.
      size_t across = in_place ? 16 * few(7) : few(110);
      product(few(30), across, few(90), kind == 5 ? i & 1 : turns & 1, kind == 5 ? i & 2 : turns & 2, in_place, odds);
    }
    // Nothing to add up, and what is cut into blocks: long sums of many rows, and more panels than stay in the caches.
    product(5, in_place ? 32 : 21, 0, turns & 1, turns & 2, in_place, odds);
    product(19, in_place ? 32 : 23, 1030, turns & 1, turns & 2, in_place, odds);
    product(18, in_place ? 208 : 203, 40, turns & 1, turns & 2, in_place, odds);
    end(names[kind]);
  }
}

// MARK: Convolutions

static struct native_convolution convolution_shape(void) {
  struct native_convolution shape;
  for (;;) {
    size_t groups = below(4) ? 1 : few(4), in = groups * few(below(4) ? 20 : 80), out = groups * few(below(4) ? 20 : 140);
    shape = (struct native_convolution){few(5), in, few(12), few(18), out, few(5), few(5), {1, 1}, {0, 0}, {1, 1}, groups};
    // Now and then a wide kernel.
    if (below(16) == 0) shape.kernel_width = 11;
    for (int i = 0; i < 2; i++) {
      if (below(2)) shape.stride[i] = few(4);
      if (below(3)) shape.padding[i] = below(4);
      if (below(4) == 0) shape.dilation[i] = few(3);
    }
    size_t outputs = shape.batch * native_out_extent(&shape, 0) * native_out_extent(&shape, 1) * out;
    // Kernels that are larger than the image, seldom.
    if (outputs == 0 && below(8)) continue;
    if (outputs * (in / groups) * shape.kernel_height * shape.kernel_width < 1000000) return shape;
  }
}

enum pass { forward, back, of_weights };

static size_t input_count(const struct native_convolution *shape) {
  return shape->batch * shape->in_height * shape->in_width * shape->in_channels;
}
static size_t output_count(const struct native_convolution *shape) {
  return shape->batch * native_out_extent(shape, 0) * native_out_extent(shape, 1) * shape->out_channels;
}
static size_t weight_count(const struct native_convolution *shape) {
  return shape->out_channels * (shape->in_channels / shape->groups) * shape->kernel_height * shape->kernel_width;
}

static void convolution(struct native_convolution shape, enum pass pass, int is_winograd, size_t odds) {
  const size_t counts[] = {output_count(&shape), input_count(&shape), weight_count(&shape)};
  size_t parts = few(4), part, count = counts[pass];
  int cuts = below(2) == 0, has_bias = below(2) == 0, is_back = pass == back;
  float *images = filled(is_back ? output_count(&shape) : input_count(&shape), odds), *bias = filled(shape.out_channels, odds);
  float *other = filled(pass == of_weights ? output_count(&shape) : weight_count(&shape), odds), *result = empty(count);
  float *packed = empty(
      is_winograd ? native_winograd_count(kernels, &shape, is_back) : native_packed_convolution_count(kernels, &shape, is_back));
  if (pass != of_weights && is_winograd)
    for (part = 0; part < parts; part++) kernels->winograd_pack(&shape, is_back, other, packed, part, parts);
  else if (pass != of_weights)
    kernels->pack_convolution(&shape, is_back, other, packed);
  for (part = 0; part < parts; part++) {
    size_t needed = 0;
    if (pass == of_weights && is_winograd) needed = kernels->winograd_gradient_scratch_count(&shape, parts);
    if (pass == of_weights && !is_winograd) needed = kernels->convolve_weights_scratch_count(&shape, part, parts);
    if (pass != of_weights && is_winograd) needed = kernels->winograd_scratch_count(&shape, is_back);
    float *scratch = empty(needed), *added = has_bias && !is_back ? bias : NULL;
    if (pass == of_weights)
      (is_winograd ? kernels->winograd_weights_gradient : kernels->convolve_weights)(
          &shape, images, other, result, scratch, part, parts);
    else if (is_winograd)
      kernels->winograd_convolve(&shape, is_back, images, packed, added, cuts && !is_back, result, scratch, part, parts);
    else if (is_back)
      kernels->convolve_back(&shape, images, packed, result, part, parts);
    else
      kernels->convolve(&shape, images, packed, added, cuts, result, part, parts);
    free(scratch);
  }
  free(images), free(bias), free(other), free(packed);
  take_floats(result, count);
}

// What is cut into blocks: many channels by rows of the kernel, large images by lines; few channels have borders of zeros.
static const struct native_convolution larges[] = {
    {1, 256, 2, 3, 70, 5, 4, {1, 1}, {2, 2}, {1, 1}, 1},
    {1, 36, 40, 50, 70, 2, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 3, 40, 60, 20, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    // Two groups' channels together are one vector, of one group half of it.
    {1, 4, 4, 4, 8, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2},
};

static void convolutions(void) {
  static const char *const names[] = {"convolution", "convolution, input gradient", "convolution, weights gradient"};
  for (int pass = 0; pass < 3; pass++)
    for (int are_special = 0; are_special < 2; are_special++) {
      begin(10 + (uint64_t)pass);
      for (size_t i = 0; i < sizeof larges / sizeof *larges; i++)
        convolution(larges[i], (enum pass)pass, 0, are_special ? 30 : 0);
      for (int i = 0; i < 200; i++) convolution(convolution_shape(), (enum pass)pass, 0, are_special ? 30 : 0);
      end_of(names[pass], are_special);
    }
}

static void winograd(uint32_t taps, const char *const names[3]) {
  for (int pass = 0; pass < 3; pass++)
    for (int are_special = 0; are_special < 2; are_special++) {
      begin((taps == 3 ? 20 : 23) + (uint64_t)pass);
      // More tiles than one chain of the weights' gradient has.
      struct native_convolution shape = {50, 2, 10, 10, 3, taps, taps, {1, 1}, {1, 1}, {1, 1}, 1};
      convolution(shape, (enum pass)pass, 1, are_special ? 1000 : 0);
      for (int i = 0; i < 60; i++) {
        shape.batch = few(3), shape.in_height = few(14), shape.in_width = few(14);
        shape.in_channels = few(60), shape.out_channels = few(60);
        shape.padding[0] = below(taps), shape.padding[1] = below(taps);
        if (output_count(&shape) > 0) convolution(shape, (enum pass)pass, 1, are_special ? 300 : 0);
      }
      end_of(names[pass], are_special);
    }
}

// MARK: Pooling

static size_t pooled(const struct native_pooling *shape, int axis) {
  size_t padded = (axis ? shape->in_width : shape->in_height) + 2 * shape->padding[axis];
  return padded < shape->kernel[axis] ? 0 : (padded - shape->kernel[axis]) / shape->stride[axis] + 1;
}

// What a mean's divisor counts, or the maximum.
enum pool { maximum, mean_of_samples, mean_with_padding };

static void pooling(enum pool kind, int is_back) {
  struct native_pooling shape = {.batch = few(4), .channels = few(70), .in_height = few(12), .in_width = few(14)};
  for (int i = 0; i < 2; i++) shape.kernel[i] = few(5), shape.stride[i] = few(4), shape.padding[i] = below(2) ? below(4) : 0;
  size_t in = shape.batch * shape.in_height * shape.in_width * shape.channels, parts = few(4);
  size_t out = shape.batch * pooled(&shape, 0) * pooled(&shape, 1) * shape.channels;
  float *input = filled(in, 20), *output = empty(out), *winners = empty(out), *gradient = filled(out, 50), *back = empty(in);
  for (size_t part = 0; part < parts; part++)
    if (kind == maximum)
      kernels->pool_maximum(&shape, input, output, (int32_t *)winners, part, parts);
    else if (!is_back)
      kernels->pool_average(&shape, kind == mean_with_padding, input, output, part, parts);
  for (size_t part = 0; is_back && part < parts; part++)
    if (kind == maximum)
      kernels->pool_maximum_back(&shape, gradient, (int32_t *)winners, back, part, parts);
    else
      kernels->pool_average_back(&shape, kind == mean_with_padding, gradient, back, part, parts);
  for (size_t i = 0; kind == maximum && i < out; i++) take((uint64_t)((int32_t *)winners)[i], 4);
  free(input), free(winners), free(gradient);
  is_back ? take_floats(back, in) : take_floats(output, out);
  free(is_back ? output : back);
}

static void poolings(void) {
  static const char *const names[] = {"maximum", "mean", "mean with padding"};
  for (int kind = 0; kind < 3; kind++)
    for (int is_back = 0; is_back < 2; is_back++) {
      begin(30 + (uint64_t)kind);
      for (int i = 0; i < 120; i++) pooling((enum pool)kind, is_back);
      char name[64];
      snprintf(name, sizeof name, "pooling, %s%s", names[kind], is_back ? ", gradient" : "");
      end(name);
    }
}

// MARK: Functions

// Both signs of every binade, denormals and what is not finite among them; then usual numbers up to 20.
enum {
  float_count = 512 * 200,
  double_count = 4096 * 20,
  usual_count = 40000,
  count_32 = float_count + usual_count,
  count_64 = double_count + usual_count,
};

static float *floats(void) {
  float *values = empty(count_32);
  for (uint32_t i = 0; i < count_32; i++) {
    // In each binade the first three mantissas are 0, 1 and all ones: 0, infinity, 2ᵏ and their neighbours.
    uint32_t mantissa = (uint32_t)(next() >> 41), kind = i / 512, bits = i % 512 << 23;
    bits |= kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? 0x7fffff : mantissa;
    if (i < float_count)
      memcpy(values + i, &bits, sizeof bits);
    else
      values[i] = usual() * 20;
  }
  return values;
}
static double *doubles(void) {
  double *values = (double *)empty(2 * count_64);
  for (uint64_t i = 0; i < count_64; i++) {
    uint64_t mantissa = next() >> 12, kind = i / 4096, bits = i % 4096 << 52;
    bits |= kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? 0xfffffffffffff : mantissa;
    if (i < double_count)
      memcpy(values + i, &bits, sizeof bits);
    else
      values[i] = (double)(int64_t)(next() >> 11) * 0x1p-48 - 16;
  }
  return values;
}

static void functions(void) {
  static const char *const names[] = {"exp", "log", "tanh", "sigmoid", "sin", "cos", "erf"};
  for (int function = 0; function < 7; function++) {
    begin(40);
    float *from = floats(), *to = empty(count_32);
    kernels->apply((enum native_function)function, from, to, count_32);
    take_floats(to, count_32);
    // Every tail, in place.
    for (size_t count = 0; count < 40; count++)
      kernels->apply((enum native_function)function, from + 40 * count, from + 40 * count, count);
    take_floats(from, 40 * 40);
    end(names[function]);
  }
  for (int function = 0; function < 7; function++) {
    begin(41);
    double *from = doubles(), *to = (double *)empty(2 * count_64);
    kernels->apply_64((enum native_function)function, from, to, count_64);
    take_doubles(to, count_64);
    for (size_t count = 0; count < 40; count++)
      kernels->apply_64((enum native_function)function, from + 40 * count, from + 40 * count, count);
    take_doubles(from, 40 * 40);
    char name[64];
    snprintf(name, sizeof name, "%s of float64", names[function]);
    end(name);
  }
}

// Bases of every binade, by exponents that are usual, whole or any.
static void powers(void) {
  begin(50);
  float *base = floats(), *exponent = floats(), *to = empty(count_32);
  for (size_t i = 0; i < count_32; i++) {
    if (i % 3 == 0) exponent[i] = usual() * 12;
    if (i % 3 == 1) exponent[i] = (float)below(23) - 11;
    if (below(30) == 0) exponent[i] = special();
    if (below(30) == 0) base[i] = special();
  }
  kernels->power(base, exponent, to, count_32);
  free(base), free(exponent);
  take_floats(to, count_32);
  end("power");
  begin(51);
  double *wide_base = doubles(), *wide_exponent = doubles(), *wide = (double *)empty(2 * count_64);
  for (size_t i = 0; i < count_64; i++) {
    if (i % 3 == 0) wide_exponent[i] = usual() * 12 + usual() * 0x1p-24;
    if (i % 3 == 1) wide_exponent[i] = (double)below(23) - 11;
    if (below(30) == 0) wide_exponent[i] = special();
    if (below(30) == 0) wide_base[i] = special();
  }
  kernels->power_64(wide_base, wide_exponent, wide, count_64);
  free(wide_base), free(wide_exponent);
  take_doubles(wide, count_64);
  end("power of float64");
}

// MARK: Smooth activations and rows

static void smooth_activations(void) {
  static const char *const names[] = {"GELU", "GELU by tanh", "SiLU"};
  for (int kind = 0; kind < 3; kind++) {
    begin(60);
    float *from = floats(), *gradient = filled(count_32, 100), *to = empty(count_32);
    kernels->smooth((enum native_smooth)kind, from, to, count_32);
    take_floats(to, count_32);
    to = empty(count_32);
    kernels->smooth_back((enum native_smooth)kind, from, gradient, to, count_32);
    take_floats(to, count_32);
    for (size_t count = 0; count < 40; count++)
      kernels->smooth((enum native_smooth)kind, from + 40 * count, from + 40 * count, count);
    take_floats(from, 40 * 40);
    free(gradient);
    end(names[kind]);
  }
}

static void rows_of(size_t count, size_t extent, size_t odds) {
  struct native_rows shape = {count, extent, below(2) == 0, 1e-5};
  float *input = filled(count * extent, odds), *gradient = filled(count * extent, odds), *weight = filled(extent, odds);
  float *bias = filled(extent, odds), *output = empty(count * extent), *back = empty(count * extent);
  float *means = empty(count), *inverses = empty(count), *products = empty(extent), *sums = empty(extent);
  int has_weight = below(3) > 0, has_bias = below(2) == 0;
  size_t middle = below(extent + 1) / 16 * 16;
  kernels->normalize_rows(&shape, input, has_weight ? weight : NULL, has_weight && has_bias ? bias : NULL, output, means, inverses);
  kernels->normalize_rows_back(&shape, input, gradient, has_weight ? weight : NULL, means, inverses, back);
  kernels->normalize_rows_sums(&shape, input, gradient, means, inverses, products, has_bias ? sums : NULL, 0, middle);
  kernels->normalize_rows_sums(&shape, input, gradient, means, inverses, products, has_bias ? sums : NULL, middle, extent);
  free(input), free(gradient), free(weight), free(bias);
  take_floats(output, count * extent), take_floats(back, count * extent), take_floats(means, count);
  take_floats(inverses, count), take_floats(products, extent);
  if (has_bias) take_floats(sums, extent);
  else free(sums);
}

static void normalized_rows(void) {
  for (int are_special = 0; are_special < 2; are_special++) {
    begin(61);
    rows_of(3, 10000, are_special ? 1000 : 0);
    rows_of(200, 7, are_special ? 1000 : 0);
    for (int i = 0; i < 100; i++) rows_of(few(20), few(100), are_special ? 300 : 0);
    end_of("normalised rows", are_special);
  }
}

// MARK: Attention

static void attention(size_t queries, size_t keys, size_t odds) {
  size_t batch = few(2), heads = few(3), extent = few(40), value_extent = few(40), parts = few(4), needed;
  size_t all_heads = batch * heads;
  float *q = filled(all_heads * queries * extent, odds), *k = filled(all_heads * keys * extent, odds);
  float *v = filled(all_heads * keys * value_extent, odds), *output = empty(all_heads * queries * value_extent);
  float *mask = filled(all_heads * queries * keys, odds), *gradient = filled(all_heads * queries * value_extent, odds);
  float *largest = empty(all_heads * queries), *sums = empty(all_heads * queries), *products = empty(all_heads * queries);
  float *of_q = empty(all_heads * queries * extent), *of_k = empty(all_heads * keys * extent);
  float *of_v = empty(all_heads * keys * value_extent);
  int32_t *limits = malloc(batch * queries * sizeof(int32_t));
  for (size_t i = 0; i < batch * queries; i++) limits[i] = (int32_t)(below(4) ? keys : below(keys + 1));
  struct native_draws draws[3];
  for (uint32_t i = 0; i < 3; i++) draws[i] = (struct native_draws){next(), i, 3, 0x305, 1 << 22, 4 / 3.f};
#define HEADS(data, steps, width) \
  (struct native_heads) { data, (ptrdiff_t)(heads * (steps) * (width)), (ptrdiff_t)((steps) * (width)), (ptrdiff_t)(width) }
  struct native_attention shape = {
      .batch = batch, .head_count = heads, .query_count = queries, .key_count = keys, .extent = extent,
      .value_extent = value_extent, .scale = 1.5f, .queries = HEADS(q, queries, extent), .keys = HEADS(k, keys, extent),
      .values = HEADS(v, keys, value_extent), .output = HEADS(output, queries, value_extent), .limits = limits,
      .draws = below(2) ? draws : NULL, .largest = largest, .sums = sums, .products = products,
      .output_gradient = HEADS(gradient, queries, value_extent), .queries_gradient = HEADS(of_q, queries, extent),
      .keys_gradient = HEADS(of_k, keys, extent), .values_gradient = HEADS(of_v, keys, value_extent)};
  if (below(2)) shape.mask = HEADS(mask, queries, keys);
  for (size_t part = 0; part < parts; part++) {
    needed = kernels->attend_scratch_count(&shape);
    float *scratch = empty(needed);
    kernels->attend(&shape, scratch, part, parts);
    free(scratch);
  }
  for (size_t part = 0; part < parts; part++) {
    needed = kernels->attend_back_scratch_count(&shape);
    float *scratch = empty(needed);
    kernels->attend_back(&shape, scratch, part, parts);
    free(scratch);
  }
  free(q), free(k), free(v), free(mask), free(gradient), free(products), free(limits);
  take_floats(output, all_heads * queries * value_extent);
  take_floats(largest, all_heads * queries), take_floats(sums, all_heads * queries);
  take_floats(of_q, all_heads * queries * extent), take_floats(of_k, all_heads * keys * extent);
  take_floats(of_v, all_heads * keys * value_extent);
}

static void attentions(void) {
  for (int are_special = 0; are_special < 2; are_special++) {
    begin(70);
    attention(70, 300, are_special ? 3000 : 0);
    for (int i = 0; i < 60; i++) attention(few(60), few(150), are_special ? 1000 : 0);
    end_of("attention", are_special);
  }
}

// MARK: Recurrent steps

static void cell(size_t gates, size_t kept_count, int is_back, size_t odds) {
  size_t batch = few(4), hidden = few(70), count = batch * hidden;
  float *inputs = filled(gates * count, odds), *products = filled(gates * count, odds), *bias = filled(gates * hidden, odds);
  float *before = filled(count, odds), *kept = filled(kept_count * count, odds), *outputs = filled(count, odds);
  float *of_outputs = filled(count, odds), *of_hidden = filled(count, odds), *of_cell = filled(count, odds);
  float *of_gates = empty(gates * count), *of_products = empty(gates * count);
  struct native_cell step = {
      .rows = batch, .hidden = hidden, .inputs = inputs, .products = products, .bias = below(2) ? bias : NULL,
      .before = below(3) ? before : NULL, .kept = kept, .outputs = outputs, .output_gradient = of_outputs,
      .hidden_gradient = of_hidden, .cell_gradient = of_cell, .gates_gradient = of_gates, .products_gradient = of_products};
  void (*forward)(const struct native_cell *, size_t, size_t) = gates == 3 ? kernels->gru : kernels->lstm;
  void (*back)(const struct native_cell *, size_t, size_t) = gates == 3 ? kernels->gru_back : kernels->lstm_back;
  if (gates == 1) back = kernels->elman_back;
  size_t half = batch / 2;
  (is_back ? back : forward)(&step, 0, half);
  (is_back ? back : forward)(&step, half, batch);
  free(inputs), free(products), free(bias), free(before), free(of_outputs);
  take_floats(kept, kept_count * count), take_floats(outputs, count);
  take_floats(of_hidden, count), take_floats(of_cell, count);
  if (is_back) take_floats(of_gates, gates * count);
  else free(of_gates);
  if (is_back && gates == 3) take_floats(of_products, gates * count);
  else free(of_products);
}

static void cells(void) {
  static const struct {
    const char *name;
    size_t gates, kept;
    int is_back;
  } all[] = {
      {"GRU step", 3, 4, 0}, {"GRU step's gradient", 3, 4, 1}, {"LSTM step", 4, 6, 0}, {"LSTM step's gradient", 4, 6, 1},
      {"Elman step's gradient", 1, 0, 1}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int are_special = 0; are_special < 2; are_special++) {
      begin(80 + i);
      for (int j = 0; j < 200; j++) cell(all[i].gates, all[i].kept, all[i].is_back, are_special ? 100 : 0);
      end_of(all[i].name, are_special);
    }
}

// MARK: What tensors are filled with

static void fillings(void) {
  begin(90);
  for (int i = 0; i < 300; i++) {
    struct native_draws draws = {next(), (uint32_t)next(), (uint32_t)next(), (uint32_t)next(), 0, 1};
    size_t count = few(200);
    float *numbers = empty(count);
    kernels->draw_uniform(&draws, 4 * below(1 << 20), count, numbers);
    take_floats(numbers, count);
  }
  end("random numbers");
  begin(91);
  for (int i = 0; i < 300; i++) {
    size_t count = few(100);
    uint8_t *bytes = malloc(count);
    for (size_t j = 0; j < count; j++) bytes[j] = (uint8_t)below(256);
    float *numbers = empty(count);
    kernels->pixel_values(bytes, numbers, count);
    free(bytes);
    take_floats(numbers, count);
  }
  end("pixels");
}

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "digests: which instruction set? avx512, avx2, neon or plain\n");
    return 64;
  }
  kernels = native_kernels_named(words[1]);
  if (!kernels) {
    fprintf(stderr, "digests: this processor has no kernels named \"%s\"\n", words[1]);
    return 64;
  }
  products();
  convolutions();
  winograd(3, (const char *const[]){"Winograd", "Winograd, input gradient", "Winograd, weights gradient"});
  winograd(5, (const char *const[]){"Winograd 5×5", "Winograd 5×5, input gradient", "Winograd 5×5, weights gradient"});
  poolings();
  functions();
  powers();
  smooth_activations();
  normalized_rows();
  attentions();
  cells();
  fillings();
}
