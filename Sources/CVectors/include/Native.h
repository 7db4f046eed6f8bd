#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Kernels that define their bits: each states the order of its operations (the article "One answer on every processor"), and every
// instruction set gives the same. Single-threaded: whoever calls shares the outputs out among threads.

/// A matrix as it lies in memory: elements from one row to the next, and from one column to the next. One of them is 1.
struct native_matrix {
  const float *data;
  ptrdiff_t row_step, column_step;
};

/// A product's right factor as kernels read it: columns side by side in panels, elements from one panel to the next and from one
/// row of a panel to the next. Packed, or a matrix as it lies, of which only whole vectors of columns can be read.
struct native_panels {
  const float *data;
  size_t panel_step, row_step;
};

/// Elementary functions.
enum native_function {
  native_exp,
  native_log,
  native_tanh,
  /// 1 / (1 + e⁻ˣ).
  native_sigmoid,
  native_sin,
  native_cos,
  native_erf,
};

/// A two-dimensional convolution of channels-last images; weights `[out_channels, in_channels / groups, kernel_height, kernel_width]`.
struct native_convolution {
  /// Of the input.
  size_t batch, in_channels, in_height, in_width;
  /// Of the output, and of the weights.
  size_t out_channels, kernel_height, kernel_width;
  /// Vertical, then horizontal; a dense kernel has dilation 1. Padding is on each side.
  size_t stride[2], padding[2], dilation[2];
  /// Parts that input and output channels are cut into, each convolved by itself; divides both.
  size_t groups;
};

/// Pixels of a convolution's output along an axis, 0 vertical and 1 horizontal: 0 where the kernel is larger than the padded input.
static inline size_t native_out_extent(const struct native_convolution *shape, int axis) {
  size_t kernel = axis ? shape->kernel_width : shape->kernel_height;
  size_t padded = (axis ? shape->in_width : shape->in_height) + 2 * shape->padding[axis];
  size_t span = shape->dilation[axis] * (kernel - 1) + 1;
  return padded < span ? 0 : (padded - span) / shape->stride[axis] + 1;
}

/// A two-dimensional pooling of channels-last images.
struct native_pooling {
  size_t batch, channels, in_height, in_width;
  /// Vertical, then horizontal. Padding is on each side.
  size_t kernel[2], stride[2], padding[2];
};

/// Activations that are smooth everywhere: `x Φ(x)`, the same by tanh, and `x / (1 + e⁻ˣ)`.
enum native_smooth { native_gelu, native_gelu_tanh, native_silu };

/// Rows that are normalised by themselves: their mean is taken off if they are centred, their root mean square is made 1.
struct native_rows {
  size_t count, extent;
  int is_centred;
  /// Added to the mean square.
  double epsilon;
};

/// What the heads of an attention read or write: elements from one sequence to the next, from one head to the next, and from one
/// step to the next; the numbers of a step lie side by side.
struct native_heads {
  const float *_Nullable data;
  ptrdiff_t sequence_step, head_step, row_step;
};

/// Counter-based random numbers; of a sequence, which weights of attention are left out.
struct native_draws {
  uint64_t seed;
  uint32_t sample, time, purpose;
  /// Those whose 24 random bits are below it become 0; the others are multiplied with `kept`.
  uint32_t dropped;
  float kept;
};

/// Scaled dot-product attention: `softmax(queries · keysᵀ · scale + mask) · values` for each head of each sequence.
struct native_attention {
  size_t batch, head_count, query_count, key_count, extent, value_extent;
  float scale;
  struct native_heads queries, keys, values, output;
  /// `[batch, query_count]`, how many keys a query may see, from the first on.
  const int32_t *limits;
  /// Added to the scores; no data for none.
  struct native_heads mask;
  /// Of each sequence; NULL for no dropout.
  const struct native_draws *_Nullable draws;
  /// Of each sequence, head and query, for the gradient: the largest score, and the sum of the powers of e above it.
  float *largest, *sums;
  /// For the gradient: memory of the same extent, and where derivatives are read and written.
  float *_Nullable products;
  struct native_heads output_gradient, queries_gradient, keys_gradient, values_gradient;
};

/// A step of a recurrent layer: rows are sequences. The gates of a row lie side by side: a GRU's r, z, n, an LSTM's i, f, g, o.
struct native_cell {
  size_t rows, hidden;
  /// What the inputs give each gate; an LSTM's with the product of the hidden state before.
  const float *_Nullable inputs;
  /// That product of a GRU, and its bias.
  const float *_Nullable products, *_Nullable bias;
  /// A GRU's hidden state before, an LSTM's cell state before; NULL for zeros.
  const float *_Nullable before;
  /// What the gradient reads again: a GRU's r and z (rows of two), n, and the hidden share of n; an LSTM's gates (rows of four),
  /// c and tanh c.
  float *_Nullable kept;
  /// Hidden states.
  float *_Nullable outputs;
  /// For the gradient: of the outputs, added to that of the hidden states, which becomes what a GRU's goes on with by itself;
  /// of an LSTM's cell states; of the inputs' share; and of a GRU's products.
  const float *_Nullable output_gradient;
  float *_Nullable hidden_gradient, *_Nullable cell_gradient, *_Nullable gates_gradient, *_Nullable products_gradient;
};

/// The kernels of one instruction set.
struct native_kernels {
  /// As `LOCKSTEP_ISA` names it.
  const char *name;
  /// Lanes of a vector, and columns of a product's packed panel.
  size_t width, columns;

  /// Copies a product's right factor, `[inner, across]`, to panels of so many columns each, the last filled with zeros.
  void (*pack)(size_t inner, size_t across, struct native_matrix right, float *panels);
  /// `result = left · right`, or `+=` if it goes on: of each output the chain `sum = fma(left, right, sum)` in ascending order.
  /// `stride` is from one row of the result to the next.
  void (*multiply)(
      size_t rows, size_t across, size_t inner, struct native_matrix left, struct native_panels right, float *result,
      size_t stride, int goes_on);

  /// `to[i] = f(from[i])`, of float32 to 1.5 units in the last place and of float64 to 2; both may be the same memory. NaN stays NaN.
  void (*apply)(enum native_function function, const float *from, float *to, size_t count);
  void (*apply_64)(enum native_function function, const double *from, double *to, size_t count);
  /// `to[i] = base[i]` to the power of `exponent[i]`, with C's special cases.
  void (*power)(const float *base, const float *exponent, float *to, size_t count);
  void (*power_64)(const double *base, const double *exponent, double *to, size_t count);

  /// Copies a convolution's weights to the panels of `convolve` or, for a gradient, of `convolve_back`.
  void (*pack_convolution)(const struct native_convolution *shape, int is_gradient, const float *weights, float *panels);
  /// Of each output the chain `sum = fma(input, weight, sum)` from +0 over (kernel row, kernel column, input channel)
  /// ascending; a tap in the padding is not there. Then `sum + bias` unless that is NULL, then 0 for what is below if it cuts.
  void (*convolve)(
      const struct native_convolution *shape, const float *input, const float *panels, const float *_Nullable bias, int cuts,
      float *output, size_t part, size_t parts);
  /// The input's gradient: of each the chain `sum = fma(output gradient, weight, sum)` from +0 over (kernel row, kernel
  /// column, output channel) ascending, of those taps that meet an output.
  void (*convolve_back)(
      const struct native_convolution *shape, const float *output_gradient, const float *panels, float *input_gradient,
      size_t part, size_t parts);
  /// The weights' gradient: of each the chain `sum = fma(input, output gradient, sum)` from +0 over (image, output row, output
  /// column) ascending, of those outputs whose tap meets the input. A part needs so many elements of scratch memory.
  size_t (*convolve_weights_scratch_count)(const struct native_convolution *shape, size_t part, size_t parts);
  void (*convolve_weights)(
      const struct native_convolution *shape, const float *input, const float *output_gradient, float *weights_gradient,
      float *scratch, size_t part, size_t parts);

  /// Of each window the greatest sample, and its pixel in the image. NaN is greater than anything, and the last one wins; of equal
  /// ones the first. Padding is no sample; of a window that has none, -∞ and -1.
  void (*pool_maximum)(
      const struct native_pooling *shape, const float *input, float *output, int32_t *winners, size_t part, size_t parts);
  /// Each output's gradient goes to its winner; a pixel adds those that it gets to +0 in ascending order of (row, column).
  void (*pool_maximum_back)(
      const struct native_pooling *shape, const float *output_gradient, const int32_t *winners, float *input_gradient,
      size_t part, size_t parts);
  /// Of each window the sum of its rows' sums, added to +0 in ascending order as are the samples of each, divided by the number of
  /// samples; padding is a sample if it counts.
  void (*pool_average)(
      const struct native_pooling *shape, int counts_padding, const float *input, float *output, size_t part, size_t parts);
  /// A pixel adds the quotients of gradient and number of the windows that see it to +0, in ascending order of (row, column).
  void (*pool_average_back)(
      const struct native_pooling *shape, int counts_padding, const float *output_gradient, float *input_gradient, size_t part,
      size_t parts);

  /// Convolutions with stride 1, dilation 1 and one group by Winograd, whose transforms `winograd-transforms.h` states: 3×3 with
  /// padding up to 2 by F(4×4, 3×3), 5×5 with padding up to 4 by F(2×2, 5×5). The input's gradient is the same convolution, of
  /// the output's gradient by turned weights. This transforms the weights; each part fills its share.
  void (*winograd_pack)(
      const struct native_convolution *shape, int is_gradient, const float *weights, float *packed, size_t part, size_t parts);
  /// Elements of the scratch memory of one part.
  size_t (*winograd_scratch_count)(const struct native_convolution *shape, int is_gradient);
  /// Of each output 36 chains `sum = fma(image, weight, sum)` of transformed factors from +0 over the channels ascending,
  /// transformed back; then bias and cut as `convolve` has them. Each part computes its share of the tiles.
  void (*winograd_convolve)(
      const struct native_convolution *shape, int is_gradient, const float *images, const float *packed,
      const float *_Nullable bias, int cuts, float *output, float *scratch, size_t part, size_t parts);
  /// The weights' gradient: of every 384 tiles (image, row, column) 36 chains `sum = fma(image, gradient, sum)` of
  /// transformed factors from +0, ascending, transformed back; from the second on they are added. Parts share the channels; the
  /// scratch memory is that of one part.
  size_t (*winograd_gradient_scratch_count)(const struct native_convolution *shape, size_t parts);
  void (*winograd_weights_gradient)(
      const struct native_convolution *shape, const float *images, const float *output_gradient, float *weights_gradient,
      float *scratch, size_t part, size_t parts);

  /// `to[i] = f(from[i])`, and `to[i] = gradient[i] · f'(from[i])`.
  void (*smooth)(enum native_smooth kind, const float *from, float *to, size_t count);
  void (*smooth_back)(enum native_smooth kind, const float *from, const float *gradient, float *to, size_t count);

  /// `output = (input - mean) · inverse · weight + bias` of each row, with the `means` (0 where rows are not centred) and
  /// `inverses` of the root mean squares kept. Weight and bias may be NULL, or the bias alone.
  void (*normalize_rows)(
      const struct native_rows *shape, const float *input, const float *_Nullable weight, const float *_Nullable bias,
      float *output, float *means, float *inverses);
  void (*normalize_rows_back)(
      const struct native_rows *shape, const float *input, const float *gradient, const float *_Nullable weight,
      const float *means, const float *inverses, float *input_gradient);
  /// The derivatives of weight and bias, columns `first` up to `next`.
  void (*normalize_rows_sums)(
      const struct native_rows *shape, const float *input, const float *gradient, const float *means, const float *inverses,
      float *weight_gradient, float *_Nullable bias_gradient, size_t first, size_t next);

  /// The article states the order of the operations. A part needs so many elements of scratch memory.
  size_t (*attend_scratch_count)(const struct native_attention *shape);
  void (*attend)(const struct native_attention *shape, float *scratch, size_t part, size_t parts);
  size_t (*attend_back_scratch_count)(const struct native_attention *shape);
  void (*attend_back)(const struct native_attention *shape, float *scratch, size_t part, size_t parts);

  /// Batch normalisation's passes over `count` elements of `[rows, channels]`. Numbers per channel are repeated to `repeat`
  /// elements, sums are added to as many: `x - origin` and its square.
  void (*channels_moments)(
      size_t count, size_t repeat, const float *input, const float *origin, float *sums, float *squares);
  /// `x · scale + shift`, then 0 for what is below if it cuts.
  void (*channels_affine)(
      size_t count, size_t repeat, const float *input, const float *scale, const float *shift, int cuts, float *output);
  /// Sums of the gradients g where `x · scale + shift` is above 0, and of `g (x - mean)`.
  void (*channels_gradient_sums)(
      size_t count, size_t repeat, const float *input, const float *gradient, const float *mean, const float *scale,
      const float *shift, float *sums, float *products);
  /// `g a + x b + c`, with three factors, g being 0 where `x · scale + shift` is not above 0.
  void (*channels_gradient)(
      size_t count, size_t repeat, const float *input, const float *gradient, const float *_Nonnull const *_Nonnull factors,
      const float *scale, const float *shift, float *result);

  /// Even numbers in 0..<1 of 24 random bits, from the `first` on, a multiple of 4.
  void (*draw_uniform)(const struct native_draws *draws, size_t first, size_t count, float *to);
  /// `to[i] = bytes[i] / 255`.
  void (*pixel_values)(const uint8_t *bytes, float *to, size_t count);

  /// Rows `first` up to `next` of a step, as `Cell` in Recurrence.swift says, each operation rounded by itself; tanh x of an LSTM's
  /// g is `2 σ(2x) - 1`, and the new state of a GRU `n + z (h' - n)`. The derivatives are products from left to right:
  /// GRU n `d (1 - z) (1 - n²)`, r `dn · share · r (1 - r)`, z `d (h' - n) z (1 - z)`; LSTM c `dc + dh · o (1 - tanh² c)`,
  /// i `dc · g · i (1 - i)`, f `dc · f (1 - f) c'`, g `dc · i (1 - g²)`, o `dh · tanh c · o (1 - o)`; Elman `d (1 - h²)`.
  void (*gru)(const struct native_cell *cell, size_t first, size_t next);
  void (*gru_back)(const struct native_cell *cell, size_t first, size_t next);
  void (*lstm)(const struct native_cell *cell, size_t first, size_t next);
  void (*lstm_back)(const struct native_cell *cell, size_t first, size_t next);
  void (*elman_back)(const struct native_cell *cell, size_t first, size_t next);
};

/// Rows of bf16, channels innermost.
struct native_half_rows {
  size_t rows, channels;
};

/// The kernels of one instruction set on images of bf16, channels-last. A chain takes two factors of a side at a time, which lie in
/// the memory of one float32: `sum = fma(left₁, right₁, sum)`, then the same of the first pair `left₀, right₀`, with everything
/// below the smallest normal number taken for 0. Of an odd number of factors the last one's pair is 0. Sums are float32, and
/// results that are bf16 are rounded to the nearest.
struct native_half_kernels {
  size_t width, columns;

  /// To the nearest bf16, of two the even one, and back.
  void (*narrow)(const float *from, uint16_t *to, size_t count);
  void (*widen)(const uint16_t *from, float *to, size_t count);

  /// As those of `native_kernels`, of factors that are rounded to bf16: half as many panels of pairs, and a left factor in pairs,
  /// `[rows, pairs]` or, if it lies turned, `[pairs, rows]` in whole vectors.
  void (*pack)(size_t inner, size_t across, struct native_matrix right, float *panels);
  void (*pair_left)(size_t rows, size_t inner, struct native_matrix left, float *pairs);
  /// `inner` pairs.
  void (*multiply)(
      size_t rows, size_t across, size_t inner, struct native_matrix left, struct native_panels right, float *result,
      size_t stride, int goes_on);

  /// Of an even number of channels in each group of what is read: the input's or, for its gradient, the output's.
  void (*pack_convolution)(const struct native_convolution *shape, int is_gradient, const float *weights, float *panels);
  size_t (*convolve_scratch_count)(const struct native_convolution *shape, int is_gradient);
  void (*convolve)(
      const struct native_convolution *shape, int is_gradient, const uint16_t *images, const float *panels,
      const float *_Nullable bias, int cuts, uint16_t *result, float *scratch, size_t part, size_t parts);

  /// What is transformed is rounded to bf16, too; of weights' gradients a chain's pairs are of two tiles.
  void (*winograd_pack)(
      const struct native_convolution *shape, int is_gradient, const float *weights, float *packed, size_t part, size_t parts);
  size_t (*winograd_scratch_count)(const struct native_convolution *shape, int is_gradient);
  void (*winograd_convolve)(
      const struct native_convolution *shape, int is_gradient, const uint16_t *images, const float *packed,
      const float *_Nullable bias, int cuts, uint16_t *output, float *scratch, size_t part, size_t parts);
  size_t (*winograd_gradient_scratch_count)(const struct native_convolution *shape, size_t parts);
  void (*winograd_weights_gradient)(
      const struct native_convolution *shape, const uint16_t *images, const uint16_t *output_gradient, float *weights_gradient,
      float *scratch, size_t part, size_t parts);

  /// `sum = left + right`; `to = max(0, from)`, and the gradient of that where the output is above zero. Results may be operands.
  void (*add)(const uint16_t *left, const uint16_t *right, uint16_t *sum, size_t count);
  void (*cut)(const uint16_t *from, uint16_t *to, size_t count);
  void (*cut_back)(const uint16_t *output, const uint16_t *gradient, uint16_t *to, size_t count);

  /// Batch normalisation. `output = input · scale + shift` per channel, and 0 for what is below if it cuts; the gradient
  /// `gradient · a + input · b + c`, of what passed.
  void (*normalize)(
      const struct native_half_rows *shape, const uint16_t *input, const float *scale, const float *shift, int cuts,
      uint16_t *output);
  void (*normalize_back)(
      const struct native_half_rows *shape, const uint16_t *input, const uint16_t *gradient, const float *a, const float *b,
      const float *c, const float *scale, const float *shift, int cuts, uint16_t *result);
  /// Adds the sums of `input - origin` and of its squares; and of what passed of the gradient, and of its products with
  /// `input - mean`. Of 64 rows each they are float32.
  void (*moments)(
      const struct native_half_rows *shape, const uint16_t *input, const float *origin, double *sums, double *squares);
  void (*sums)(
      const struct native_half_rows *shape, const uint16_t *input, const uint16_t *gradient, const float *mean,
      const float *scale, const float *shift, int cuts, double *sums, double *products);
};

/// Elements of a right factor's panels.
static inline size_t native_packed_count(const struct native_kernels *kernels, size_t inner, size_t across) {
  return (across + kernels->columns - 1) / kernels->columns * kernels->columns * inner;
}

/// Elements of a convolution's packed weights.
static inline size_t native_packed_convolution_count(
    const struct native_kernels *kernels, const struct native_convolution *shape, int is_gradient) {
  size_t in = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
  size_t inner = is_gradient ? out : in, across = is_gradient ? in : out;
  return shape->groups * shape->kernel_height * shape->kernel_width * inner *
         ((across + kernels->width - 1) / kernels->width * kernels->width);
}

/// Elements of the weights that `winograd_pack` transforms.
static inline size_t native_winograd_count(
    const struct native_kernels *kernels, const struct native_convolution *shape, int is_gradient) {
  size_t in = is_gradient ? shape->out_channels : shape->in_channels;
  size_t out = is_gradient ? shape->in_channels : shape->out_channels;
  return 36 * in * ((out + kernels->width - 1) / kernels->width * kernels->width);
}

/// The kernels of a name: avx512, avx2, neon or plain; NULL where this processor has no such instructions.
const struct native_kernels *_Nullable native_kernels_named(const char *name);

/// The kernels of bf16 that go with a name; those of `avx512` are `avx2`'s where the processor multiplies no bf16.
const struct native_half_kernels *_Nullable native_half_kernels_named(const char *name);

/// Those that every processor has.
const struct native_kernels *native_plain_kernels(void);
const struct native_half_kernels *native_plain_half_kernels(void);

#pragma clang assume_nonnull end
