// 3×3 and 5×5 convolutions of stride 1 by Winograd: forward, and the input's gradient, which is the same with turned weights.
#pragma once
#include "winograd-tiles.h"

enum {
  // Tiles of a block: the weights go by once for all, whose transformed input should stay in the second-level cache.
  block_tiles = 4 * rows,
  // Between the 36 matrices of a block, so that they do not all fall on the same lines of a cache.
  place_gap = 16,
};

static size_t place_step(size_t elements) { return block_tiles * elements + place_gap; }

// Transformed input, sums, zeros for what is beside the input, and a sink for what is beside the output.
static size_t winograd_scratch_count(const struct native_convolution *shape, int is_gradient) {
  struct winograd grid = winograd_of(shape, is_gradient);
  return places * (place_step(kept(vectors_of(grid.in) * width)) + place_step(columns)) +
         (vectors_of(grid.in) + vectors_of(grid.out)) * width;
}

// The weights of one input channel and a vector of output channels, `lane_step` apart, to 36 places.
INLINE void weights_tile(
    int taps, const float *from, size_t lane_step, size_t count, int is_turned, size_t in, float *to, size_t step) {
  int weights = taps * taps;
  float kernel[most_taps * most_taps][width];
  memset(kernel, 0, (size_t)weights * sizeof *kernel);
  gather_weights(taps, from, lane_step, count, kernel);
  vector halves[tile_in][most_taps];
#pragma clang loop unroll(full)
  for (int j = 0; j < taps; j++) {
    vector line[most_taps], six[tile_in];
#pragma clang loop unroll(full)
    for (int i = 0; i < taps; i++) line[i] = load(kernel[is_turned ? weights - 1 - i * taps - j : i * taps + j]);
    transform_weights(taps, line, six);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) halves[i][j] = six[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    vector six[tile_in];
    transform_weights(taps, halves[i], six);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) keep_place(to + (size_t)(i * tile_in + j) * step, six[j], in);
  }
}

INLINE void pack_weights(
    int taps, const struct winograd *grid, int is_gradient, const float *weights, float *packed, size_t part, size_t parts) {
  size_t lanes = vectors_of(grid->out), panels = panels_of(lanes), kernel = (size_t)(taps * taps);
  size_t in_step = is_gradient ? grid->out * kernel : kernel, out_step = is_gradient ? kernel : grid->in * kernel;
  for (size_t panel = panels * part / parts; panel < panels * (part + 1) / parts; panel++) {
    size_t start = panel_start(lanes, panel) * width, across = panel_start(lanes, panel + 1) * width - start;
    for (size_t in = 0; in < grid->in; in++) {
      float *to = packed + places * paired(grid->in) * start + (paired(in + 1) - 1) * across;
      for (size_t lane = 0; lane < across; lane += width, to += width) {
        size_t out = start + lane, count = grid->out - out < width ? grid->out - out : width;
        const float *from = weights + in * in_step + out * out_step;
        weights_tile(taps, from, out_step, count, is_gradient, in, to, paired(grid->in) * across);
      }
    }
  }
}

// The weights, [panel][place][input channel][output channels of the panel].
static void winograd_pack(
    const struct native_convolution *shape, int is_gradient, const float *weights, float *packed, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, is_gradient);
  BY_TAPS(&grid, pack_weights, &grid, is_gradient, weights, packed, part, parts);
}

// Pixels of a block of tiles, and those of its input that no earlier block has seen.
struct tile_block {
  size_t first, count, new_count;
  const number *inputs[block_tiles][places], *outputs[block_tiles * most_out_places], *news[block_tiles * places];
};

static void block_at(
    struct tile_block *block, const struct winograd *grid, size_t first, size_t end, const number *images, const number *zeros) {
  block->first = first, block->count = end - first < block_tiles ? end - first : block_tiles, block->new_count = 0;
  for (size_t t = 0; t < block->count; t++)
    block->new_count = new_pixels(grid, images, first + t, zeros, block->inputs[t], block->news, block->new_count);
}

// Of a block of tiles and a panel of output channels the 36 products, [place][tile][output channel].
static void block_products(
    size_t channels, size_t count, size_t across, const float *inputs, const float *panel, float *sums,
    struct fetch *next_input, struct fetch *output) {
  struct chain chain = {.length = paired(channels), .left_step = 1, .right_step = (ptrdiff_t)across};
  size_t tile_step = kept(vectors_of(channels) * width);
  for (size_t place = 0; place < places; place++)
    for (size_t t = 0, high; t < count; t += high) {
      const float *left[rows];
      high = next_rows(count - t);
      for (size_t r = 0; r < high; r++) left[r] = inputs + place * place_step(tile_step) + (t + r) * tile_step;
      float *result = sums + place * place_step(across) + t * across;
      tile(high, across, &chain, left, panel + place * paired(channels) * across, result, (ptrdiff_t)across, 0);
      fetch_some(next_input);
      fetch_some(output);
    }
}

// Where the outputs of a block lie, tile by tile.
INLINE void block_output_pixels(
    int taps, struct tile_block *block, const struct winograd *grid, const number *output, const number *sink) {
  int out = tile_out_of(taps);
  for (size_t t = 0; t < block->count; t++)
    output_pixels(taps, grid, output, block->first + t, sink, block->outputs + t * (size_t)(out * out));
}

// Of a block the output channels from `start` on.
INLINE void block_outputs(
    int taps, const struct tile_block *block, const float *sums, size_t start, size_t across, size_t channels,
    const float *bias, int cuts) {
  vector floor = all(cuts ? 0 : -INFINITY);
  const number *const *pixels = block->outputs;
  for (size_t t = 0; t < block->count; t++, pixels += tile_out_of(taps) * tile_out_of(taps))
    for (size_t lane = 0; lane < across; lane += width, sums += width) {
      size_t channel = start + lane, there = channels - channel < width ? channels - channel : width;
      if (there == width && !bias && !cuts) {
        output_tile(taps, sums, place_step(across), pixels, channel, width, 1, all(0), all(0));
      } else {
        vector added = bias ? load_part(bias + channel, there) : all(-0.f);
        output_tile(taps, sums, place_step(across), pixels, channel, there, 0, added, floor);
      }
    }
}

static void winograd_convolve(
    const struct native_convolution *shape, int is_gradient, const number *images, const float *packed, const float *bias,
    int cuts, number *output, float *scratch, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, is_gradient);
  size_t lanes = vectors_of(grid.out), panels = panels_of(lanes), channels = vectors_of(grid.in) * width;
  float *sums = scratch + places * place_step(kept(channels));
  number *zeros = (number *)(sums + places * place_step(columns)), *sink = zeros + channels;
  memset(zeros, 0, channels * sizeof(number));
  size_t end = grid.tiles * (part + 1) / parts;
  struct tile_block blocks[2];
  block_at(&blocks[0], &grid, grid.tiles * part / parts, end, images, zeros);
  for (size_t turn = 0; blocks[turn % 2].count > 0; turn++) {
    struct tile_block *block = &blocks[turn % 2], *next = &blocks[(turn + 1) % 2];
    input_tiles(
        by_channels, block->inputs, block->count, 0, grid.in, scratch, place_step(kept(channels)), kept(channels));
    BY_TAPS(&grid, block_output_pixels, block, &grid, output, sink);
    block_at(next, &grid, block->first + block->count, end, images, zeros);
    size_t steps = places * ((block->count + rows - 1) / rows);
    struct fetch next_input = fetch_of(next->news, next->new_count, 0, grid.in, steps * panels);
    for (size_t panel = 0; panel < panels; panel++) {
      size_t start = panel_start(lanes, panel) * width, across = panel_start(lanes, panel + 1) * width - start;
      struct fetch outputs = fetch_of(block->outputs, block->count * grid.tile_out * grid.tile_out, start, across, steps);
      const float *weights = packed + places * paired(grid.in) * start;
      block_products(grid.in, block->count, across, scratch, weights, sums, &next_input, &outputs);
      BY_TAPS(&grid, block_outputs, block, sums, start, across, grid.out, bias, cuts);
    }
  }
}
