// The weights' gradient of Winograd's convolutions: both sides transformed, 36 products over all tiles, transformed back.
#pragma once
#include "winograd-tiles.h"

enum {
  // Tiles of a block: sums go on from one block to the next, and the more tiles the less often they are fetched and stored.
  gradient_tiles = 48,
  // Chains end after so many tiles, and what they come to is added up: so the error does not grow with the batch.
  chain_tiles = 8 * gradient_tiles,
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

// A share's last vector may have fewer channels.
static size_t share_end(size_t end, size_t channels) { return end * width < channels ? end * width : channels; }

static size_t gradient_step(size_t elements) { return paired(gradient_tiles) * elements + gradient_gap; }

// Sums, both sides of a block transformed (of the input one panel), and zeros for what is beside the images.
static size_t winograd_gradient_scratch_count(const struct native_convolution *shape, size_t parts) {
  struct winograd grid = winograd_of(shape, 0);
  size_t most = 0;
  for (size_t part = 0; part < parts; part++) {
    struct channel_share share = channel_share_of(&grid, part, parts);
    size_t in = share.in_end - share.in_start, out = share.out_end - share.out_start;
    size_t count = in * width * out * width + out * gradient_step(width) + gradient_step(columns);
    if (count > most) most = count;
  }
  return places * most + (vectors_of(grid.in) > vectors_of(grid.out) ? vectors_of(grid.in) : vectors_of(grid.out)) * width;
}

// `count` channels, from `channel` on, of a tile's output gradient to 36 places.
INLINE void output_gradient_tile(
    int taps, const number *const pixels[], const number *const next[], size_t channel, size_t count, size_t tile, float *to,
    size_t step) {
  int tile_out = tile_out_of(taps);
  vector halves[tile_in][most_out];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_out; j++) {
    vector line[most_out], six[tile_in];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_out; i++) {
      const number *pixel = pixels[i * tile_out + j] + channel;
      line[i] = count == width ? load_number(pixel) : load_numbers(pixel, count);
      __builtin_prefetch(next[i * tile_out + j] + channel);
    }
    transform_output_gradient(taps, line, six);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) halves[i][j] = six[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    vector six[tile_in];
    transform_output_gradient(taps, halves[i], six);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) {
      float *place = to + (size_t)(i * tile_in + j) * step;
      keep_place(place, six[j], tile);
      __builtin_prefetch(place + width, 1);
    }
  }
}

// Pixels of a block of tiles, and those of its input that no earlier block has seen.
struct gradient_block {
  size_t first, count, new_count;
  const number *inputs[gradient_tiles][places], *gradients[gradient_tiles * most_out_places], *news[gradient_tiles * places];
};

INLINE void gradient_block_at(
    int taps, struct gradient_block *block, const struct winograd *grid, size_t first, const number *images,
    const number *output_gradient, const number *zeros) {
  size_t left = grid->tiles - first, out_places = (size_t)(tile_out_of(taps) * tile_out_of(taps));
  block->first = first, block->count = left < gradient_tiles ? left : gradient_tiles, block->new_count = 0;
  for (size_t t = 0; t < block->count; t++) {
    output_pixels(taps, grid, output_gradient, first + t, zeros, block->gradients + t * out_places);
    block->new_count = new_pixels(grid, images, first + t, zeros, block->inputs[t], block->news, block->new_count);
  }
}

// The output gradients of `count` tiles, [vector][place][tile][lane].
INLINE void output_gradient_tiles(
    int taps, const number *const *pixels, size_t count, size_t start, size_t end, float *to) {
  size_t out_places = (size_t)(tile_out_of(taps) * tile_out_of(taps));
  for (size_t t = 0; t < count; t++, pixels += out_places) {
    const number *const *next = t + 1 < count ? pixels + out_places : pixels;
    float *place = to + (paired(t + 1) - 1) * width;
    for (size_t channel = start; channel < end; channel += width, place += places * gradient_step(width))
      if (channel + width <= end)
        output_gradient_tile(taps, pixels, next, channel, width, t, place, gradient_step(width));
      else
        output_gradient_tile(taps, pixels, next, channel, end - channel, t, place, gradient_step(width));
  }
}

// Of a block of tiles and a place the products of a panel of input channels, [output channel][input channel].
static void gradient_products(
    size_t outs, size_t count, size_t across, const float *gradients, const float *inputs, float *sums, int goes_on,
    struct fetch *next_input, struct fetch *next_gradient) {
  struct chain chain = {.length = paired(count), .left_step = width, .right_step = (ptrdiff_t)across};
  for (size_t out = 0, high; out < outs; out += high) {
    const float *left[rows];
    high = next_rows(outs - out);
    for (size_t r = 0; r < high; r++)
      left[r] = gradients + (out + r) / width * places * gradient_step(width) + (out + r) % width;
    float *result = sums + out * across;
    // The next tile's sums.
    for (size_t i = 0; i < rows * across; i += 16) __builtin_prefetch(result + high * across + i, 1);
    tile(high, across, &chain, left, inputs, result, (ptrdiff_t)across, goes_on);
    fetch_some(next_input);
    fetch_some(next_gradient);
  }
}

// One output channel's weights for `count` input channels from their sums, `step` elements apart.
INLINE void weights_gradient_tile(int taps, const float *sums, size_t step, size_t count, float *to, int goes_on) {
  vector halves[most_taps][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in], weights[most_taps];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) {
      const float *place = sums + (size_t)(i * tile_in + j) * step;
      line[i] = load(place);
      __builtin_prefetch(place + 2 * width);
    }
    transform_weights_gradient(taps, line, weights);
#pragma clang loop unroll(full)
    for (int i = 0; i < taps; i++) halves[i][j] = weights[i];
  }
  float kernel[most_taps * most_taps][width];
  if (goes_on) gather_weights(taps, to, (size_t)(taps * taps), count, kernel);
#pragma clang loop unroll(full)
  for (int i = 0; i < taps; i++) {
    vector weights[most_taps];
    transform_weights_gradient(taps, halves[i], weights);
#pragma clang loop unroll(full)
    for (int j = 0; j < taps; j++) {
      float *tap = kernel[i * taps + j];
      store(tap, goes_on ? load(tap) + weights[j] : weights[j]);
    }
  }
  scatter_weights(taps, (const float(*)[width])kernel, count, to);
}

// What chains have come to, transformed back, is the gradient or is added to it.
INLINE void weights_from_sums(
    int taps, const struct winograd *grid, const struct channel_share *share, const float *sums, float *weights_gradient,
    int goes_on) {
  size_t lanes = share->in_end - share->in_start, outs = share_end(share->out_end, grid->out) - share->out_start * width;
  for (size_t panel = 0; panel < panels_of(lanes); panel++) {
    size_t start = panel_start(lanes, panel) * width, across = panel_start(lanes, panel + 1) * width - start;
    const float *from = sums + places * outs * start;
    for (size_t out = 0; out < outs; out++)
      for (size_t lane = 0; lane < across; lane += width, from += width) {
        size_t in = share->in_start * width + start + lane, count = grid->in - in < width ? grid->in - in : width;
        float *to = weights_gradient + ((share->out_start * width + out) * grid->in + in) * (size_t)(taps * taps);
        weights_gradient_tile(taps, from, outs * across, count, to, goes_on);
      }
  }
}

static void winograd_weights_gradient(
    const struct native_convolution *shape, const number *images, const number *output_gradient, float *weights_gradient,
    float *scratch, size_t part, size_t parts) {
  struct winograd grid = winograd_of(shape, 0);
  struct channel_share share = channel_share_of(&grid, part, parts);
  size_t lanes = share.in_end - share.in_start, panels = panels_of(lanes), out_lanes = share.out_end - share.out_start;
  if (lanes == 0 || out_lanes == 0) return;
  size_t in_start = share.in_start * width, in_end = share_end(share.in_end, grid.in);
  size_t out_start = share.out_start * width, out_end = share_end(share.out_end, grid.out), outs = out_end - out_start;
  float *inputs = scratch, *gradients = inputs + places * gradient_step(columns);
  float *sums = gradients + out_lanes * places * gradient_step(width);
  number *zeros = (number *)(sums + places * outs * lanes * width);
  memset(zeros, 0, (grid.in > grid.out ? grid.in : grid.out) * sizeof(number));
  struct gradient_block blocks[2];
  BY_TAPS(&grid, gradient_block_at, &blocks[0], &grid, 0, images, output_gradient, zeros);
  size_t blocks_of_chain = chain_tiles / gradient_tiles;
  // Where there are no tiles, sums are zeros.
  for (size_t turn = 0; turn == 0 || blocks[turn % 2].count > 0; turn++) {
    struct gradient_block *block = &blocks[turn % 2], *next = &blocks[(turn + 1) % 2];
    BY_TAPS(&grid, output_gradient_tiles, block->gradients, block->count, out_start, out_end, gradients);
    BY_TAPS(&grid, gradient_block_at, next, &grid, block->first + block->count, images, output_gradient, zeros);
    size_t steps = places * ((outs + rows - 1) / rows);
    size_t next_pixels = next->count * grid.tile_out * grid.tile_out;
    struct fetch next_gradient = fetch_of(next->gradients, next_pixels, out_start, outs, steps * panels);
    for (size_t panel = 0; panel < panels; panel++) {
      size_t start = in_start + panel_start(lanes, panel) * width, end = in_start + panel_start(lanes, panel + 1) * width;
      size_t across = end - start;
      input_tiles(
          by_tiles, block->inputs, block->count, start, end < in_end ? end : in_end, inputs, gradient_step(across), across);
      struct fetch next_input = panel + 1 < panels ? fetch_of(block->news, block->new_count, end, columns, steps)
                                                   : fetch_of(next->news, next->new_count, in_start, columns, steps);
      for (size_t place = 0; place < places; place++)
        gradient_products(
            outs, block->count, across, gradients + place * gradient_step(width), inputs + place * gradient_step(across),
            sums + (places * (start - in_start) + place * across) * outs, turn % blocks_of_chain > 0, &next_input, &next_gradient);
    }
    if (next->count == 0 || (turn + 1) % blocks_of_chain == 0)
      BY_TAPS(&grid, weights_from_sums, &grid, &share, sums, weights_gradient, turn >= blocks_of_chain);
  }
}
