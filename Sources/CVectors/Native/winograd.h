// 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): forward, and the input's gradient, which is the same with turned weights.
#pragma once
#include "winograd-tiles.h"

enum {
  // Tiles of a block: its input, transformed, should stay in the second-level cache beside a panel of weights.
  block_tiles = 24,
  // Between the 36 matrices of a block, so that they do not all fall on the same lines of a cache.
  place_gap = 16,
};

static size_t place_step(size_t elements) { return block_tiles * elements + place_gap; }

static size_t winograd_scratch_count(const struct native_convolution *shape, int is_gradient) {
  size_t channels = vectors_of(is_gradient ? shape->out_channels : shape->in_channels) * width;
  return places * (place_step(channels) + place_step(columns)) + channels;
}

// The weights of one input channel and a vector of output channels, `lane_step` apart, to 36 places.
INLINE void weights_tile(const float *from, size_t lane_step, size_t count, int is_turned, float *to, size_t step) {
  float kernel[9][width] = {};
  for (size_t lane = 0; lane < count; lane++)
    for (size_t tap = 0; tap < 9; tap++) kernel[is_turned ? 8 - tap : tap][lane] = from[lane * lane_step + tap];
  vector halves[tile_in][3];
#pragma clang loop unroll(full)
  for (int j = 0; j < 3; j++) {
    vector line[3] = {load(kernel[j]), load(kernel[3 + j]), load(kernel[6 + j])}, six[tile_in];
    transform_weights(line, six);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) halves[i][j] = six[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    vector six[tile_in];
    transform_weights(halves[i], six);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) store(to + (size_t)(i * tile_in + j) * step, six[j]);
  }
}

// The weights, [panel][place][input channel][output channels of the panel].
static void winograd_pack(
    const struct native_convolution *shape, int is_gradient, const float *weights, float *packed, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, is_gradient);
  size_t lanes = vectors_of(grid.out), panels = panels_of(lanes);
  size_t in_step = is_gradient ? grid.out * 9 : 9, out_step = is_gradient ? 9 : grid.in * 9;
  for (size_t panel = panels * part / parts; panel < panels * (part + 1) / parts; panel++) {
    size_t start = panel_start(lanes, panel) * width, across = panel_start(lanes, panel + 1) * width - start;
    float *to = packed + places * grid.in * start;
    for (size_t in = 0; in < grid.in; in++)
      for (size_t lane = 0; lane < across; lane += width, to += width) {
        size_t out = start + lane, count = grid.out - out < width ? grid.out - out : width;
        weights_tile(weights + in * in_step + out * out_step, out_step, count, is_gradient, to, grid.in * across);
      }
  }
}

// Of a block of tiles and a panel of output channels the 36 products, [place][tile][output channel].
static void block_products(
    size_t channels, size_t count, size_t across, const float *inputs, const float *panel, float *sums) {
  struct chain chain = {.count = 1, .length = channels, .left_step = 1, .right_step = (ptrdiff_t)across};
  size_t tile_step = vectors_of(channels) * width;
  for (size_t place = 0; place < places; place++)
    for (size_t t = 0; t < count; t += rows) {
      const float *left[rows];
      size_t high = count - t < rows ? count - t : rows;
      for (size_t r = 0; r < high; r++) left[r] = inputs + place * place_step(tile_step) + (t + r) * tile_step;
      float *result = sums + place * place_step(across) + t * across;
      tile(high, across, &chain, left, panel + place * channels * across, result, (ptrdiff_t)across, 0);
    }
}

static void winograd_convolve(
    const struct native_convolution *shape, int is_gradient, const float *images, const float *packed, const float *bias,
    int cuts, float *output, float *scratch, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, is_gradient);
  size_t lanes = vectors_of(grid.out), channels = vectors_of(grid.in) * width;
  float *sums = scratch + places * place_step(channels), *zeros = sums + places * place_step(columns);
  memset(zeros, 0, channels * sizeof(float));
  vector floor = all(cuts ? 0 : -INFINITY);
  size_t end = grid.tiles * (part + 1) / parts;
  for (size_t first = grid.tiles * part / parts; first < end; first += block_tiles) {
    size_t count = end - first < block_tiles ? end - first : block_tiles;
    input_tiles(&grid, images, first, count, 0, grid.in, zeros, scratch, place_step(channels), channels);
    for (size_t panel = 0; panel < panels_of(lanes); panel++) {
      size_t start = panel_start(lanes, panel) * width, across = panel_start(lanes, panel + 1) * width - start;
      block_products(grid.in, count, across, scratch, packed + places * grid.in * start, sums);
      for (size_t t = 0; t < count; t++) {
        struct corner corner = corner_of(&grid, first + t);
        for (size_t lane = 0; lane < across; lane += width) {
          size_t channel = start + lane, there = grid.out - channel < width ? grid.out - channel : width;
          const float *from = sums + t * across + lane;
          if (there == width && !bias && !cuts) {
            output_tile(from, place_step(across), &grid, corner, channel, width, 1, all(0), all(0), output);
          } else {
            vector added = bias ? load_part(bias + channel, there) : all(-0.f);
            output_tile(from, place_step(across), &grid, corner, channel, there, 0, added, floor, output);
          }
        }
      }
    }
  }
}
