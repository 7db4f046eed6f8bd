// The weights' gradient of Winograd's convolutions: both sides transformed, 36 products over all tiles, transformed back.
#pragma once
#include "winograd-tiles.h"

enum {
  // Tiles of a block: sums go on from one block to the next, and the more tiles the less often they are fetched and stored.
  gradient_tiles = 48,
  gradient_gap = 16,
};

// What a part computes: vectors of input and of output channels.
struct channel_share {
  size_t in_start, in_end, out_start, out_end;
};

// Parts share the side that they share more evenly: the other one's tiles each of them transforms.
static struct channel_share channel_share_of(const struct winograd *grid, size_t part, size_t parts) {
  size_t in = vectors_of(grid->in), out = vectors_of(grid->out);
  if ((in + parts - 1) / parts * out <= (out + parts - 1) / parts * in)
    return (struct channel_share){in * part / parts, in * (part + 1) / parts, 0, out};
  return (struct channel_share){0, in, out * part / parts, out * (part + 1) / parts};
}

static size_t gradient_step(size_t elements) { return gradient_tiles * elements + gradient_gap; }

static size_t winograd_gradient_scratch_count(const struct native_convolution *shape, size_t parts) {
  size_t in = vectors_of(shape->in_channels), out = vectors_of(shape->out_channels);
  // Of whichever side is shared, the largest share.
  size_t sums = (in + parts - 1) / parts * out > (out + parts - 1) / parts * in ? (out + parts - 1) / parts * in
                                                                               : (in + parts - 1) / parts * out;
  return places * (sums * width * width + out * gradient_step(width) + gradient_step(columns)) + (in > out ? in : out) * width;
}

// `count` channels, from `channel` on, of a tile's output gradient to 36 places.
INLINE void output_gradient_tile(
    const float *const pixels[out_places], size_t channel, size_t count, float *to, size_t step) {
  vector halves[tile_in][tile_out];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_out; j++) {
    vector line[tile_out], six[tile_in];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_out; i++) {
      const float *pixel = pixels[i * tile_out + j] + channel;
      line[i] = count == width ? load(pixel) : load_part(pixel, count);
    }
    transform_output_gradient(line, six);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) halves[i][j] = six[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    vector six[tile_in];
    transform_output_gradient(halves[i], six);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) store(to + (size_t)(i * tile_in + j) * step, six[j]);
  }
}

// The output gradients of `count` tiles, [vector][place][tile][lane].
static void output_gradient_tiles(
    const struct winograd *grid, const float *gradient, size_t first, size_t count, size_t start, size_t end,
    const float *zeros, float *to) {
  for (size_t t = 0; t < count; t++, to += width) {
    const float *these[out_places];
    output_pixels(grid, gradient, first + t, zeros, these);
    for (size_t lane = start; lane < end; lane++) {
      float *place = to + (lane - start) * places * gradient_step(width);
      size_t channel = lane * width;
      if (channel + width <= grid->out)
        output_gradient_tile(these, channel, width, place, gradient_step(width));
      else
        output_gradient_tile(these, channel, grid->out - channel, place, gradient_step(width));
    }
  }
}

// Of a block of tiles and a panel of input channels the 36 products, [place][output channel][input channel].
static void gradient_products(
    size_t outs, size_t count, size_t across, const float *gradients, const float *inputs, float *sums, int goes_on) {
  struct chain chain = {.count = 1, .length = count, .left_step = width, .right_step = (ptrdiff_t)across};
  for (size_t place = 0; place < places; place++)
    for (size_t out = 0; out < outs; out += rows) {
      const float *left[rows];
      size_t high = outs - out < rows ? outs - out : rows;
      for (size_t r = 0; r < high; r++)
        left[r] = gradients + ((out + r) / width * places + place) * gradient_step(width) + (out + r) % width;
      float *result = sums + (place * outs + out) * across;
      tile(high, across, &chain, left, inputs + place * gradient_step(across), result, (ptrdiff_t)across, goes_on);
    }
}

// One output channel's weights for `count` input channels from their sums, `step` elements apart.
INLINE void weights_gradient_tile(const float *sums, size_t step, size_t count, float *to) {
  vector halves[3][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in], three[3];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) line[i] = load(sums + (size_t)(i * tile_in + j) * step);
    transform_weights_gradient(line, three);
#pragma clang loop unroll(full)
    for (int i = 0; i < 3; i++) halves[i][j] = three[i];
  }
  float kernel[9][width];
#pragma clang loop unroll(full)
  for (int i = 0; i < 3; i++) {
    vector three[3];
    transform_weights_gradient(halves[i], three);
#pragma clang loop unroll(full)
    for (int j = 0; j < 3; j++) store(kernel[i * 3 + j], three[j]);
  }
  scatter_weights((const float(*)[width])kernel, count, to);
}

static void winograd_weights_gradient(
    const struct native_convolution *shape, const float *images, const float *output_gradient, float *weights_gradient,
    float *scratch, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, 0);
  struct channel_share share = channel_share_of(&grid, part, parts);
  size_t in_lanes = share.in_end - share.in_start, out_lanes = share.out_end - share.out_start;
  if (in_lanes == 0 || out_lanes == 0) return;
  size_t in_start = share.in_start * width, out_start = share.out_start * width;
  size_t outs = (share.out_end * width < grid.out ? share.out_end * width : grid.out) - out_start;
  float *inputs = scratch, *gradients = inputs + places * gradient_step(columns);
  float *sums = gradients + out_lanes * places * gradient_step(width), *zeros = sums + places * outs * in_lanes * width;
  memset(zeros, 0, (grid.in > grid.out ? grid.in : grid.out) * sizeof(float));
  size_t panels = panels_of(in_lanes);
  const float *block_pixels[gradient_tiles][places];
  // Where there are no tiles, sums are zeros.
  for (size_t first = 0; first < grid.tiles || first == 0; first += gradient_tiles) {
    size_t count = grid.tiles - first < gradient_tiles ? grid.tiles - first : gradient_tiles;
    if (count > 0)
      output_gradient_tiles(&grid, output_gradient, first, count, share.out_start, share.out_end, zeros, gradients);
    for (size_t t = 0; t < count; t++) input_pixels(&grid, images, first + t, zeros, block_pixels[t]);
    for (size_t panel = 0; panel < panels; panel++) {
      size_t start = panel_start(in_lanes, panel) * width, end = panel_start(in_lanes, panel + 1) * width;
      size_t last = in_start + end < grid.in ? in_start + end : grid.in, across = end - start;
      if (count > 0)
        input_tiles(block_pixels, count, in_start + start, last, inputs, gradient_step(across), across);
      gradient_products(outs, count, across, gradients, inputs, sums + places * outs * start, first > 0);
    }
  }
  for (size_t panel = 0; panel < panels; panel++) {
    size_t start = panel_start(in_lanes, panel) * width, across = panel_start(in_lanes, panel + 1) * width - start;
    for (size_t out = 0; out < outs; out++)
      for (size_t lane = 0; lane < across; lane += width) {
        size_t in = in_start + start + lane, count = grid.in - in < width ? grid.in - in : width;
        weights_gradient_tile(
            sums + places * outs * start + out * across + lane, outs * across, count,
            weights_gradient + ((out_start + out) * grid.in + in) * 9);
      }
  }
}
