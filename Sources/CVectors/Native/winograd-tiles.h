// The tiles of Winograd's convolutions: where they lie, and their way in and out.
#pragma once
#include "tile.h"
#include "turning.h"
#include "winograd-transforms.h"

// What depends on a tile's size is inlined for either, so that the compiler knows it.
#define BY_TAPS(grid, function, ...) ((grid)->taps == 5 ? function(5, __VA_ARGS__) : function(3, __VA_ARGS__))

// A convolution as its tiles see it: of each image a grid of 4 × 4 or 2 × 2 outputs, and in the order of images all are one list.
struct winograd {
  int taps;
  size_t tile_out;
  size_t in, in_height, in_width, out, out_height, out_width, padding[2];
  size_t tile_rows, tile_columns, tiles;
};

static struct winograd winograd_of(const struct native_convolution *shape, int is_gradient) {
  int taps = (int)shape->kernel_height;
  size_t tile_out = (size_t)tile_out_of(taps), most_padding = (size_t)taps - 1;
  struct winograd grid = {
      .taps = taps, .tile_out = tile_out,
      .in = shape->in_channels, .in_height = shape->in_height, .in_width = shape->in_width, .out = shape->out_channels,
      .out_height = native_out_extent(shape, 0), .out_width = native_out_extent(shape, 1),
      .padding = {shape->padding[0], shape->padding[1]}};
  if (is_gradient)
    grid = (struct winograd){
        .taps = taps, .tile_out = tile_out,
        .in = grid.out, .in_height = grid.out_height, .in_width = grid.out_width, .out = grid.in,
        .out_height = grid.in_height, .out_width = grid.in_width,
        .padding = {most_padding - grid.padding[0], most_padding - grid.padding[1]}};
  grid.tile_rows = (grid.out_height + tile_out - 1) / tile_out;
  grid.tile_columns = (grid.out_width + tile_out - 1) / tile_out;
  grid.tiles = shape->batch * grid.tile_rows * grid.tile_columns;
  return grid;
}

static size_t vectors_of(size_t channels) { return (channels + width - 1) / width; }

// Channels lie in panels of one to `vectors` vectors, as equal as can be: four vectors are 2 + 2, not 3 + 1.
static size_t panels_of(size_t lanes) { return (lanes + vectors - 1) / vectors; }
static size_t panel_start(size_t lanes, size_t panel) { return lanes * panel / panels_of(lanes); }

// The first pixel of a tile's output.
struct corner {
  size_t image, row, column;
};

static struct corner corner_of(const struct winograd *grid, size_t tile) {
  size_t row = tile / grid->tile_columns;
  return (struct corner){
      row / grid->tile_rows, row % grid->tile_rows * grid->tile_out, tile % grid->tile_columns * grid->tile_out};
}

// Where a square of pixels lies, `extent` high and wide. Those outside of the image are `outside`.
INLINE void square_pixels(
    const number *image, size_t height, size_t across, size_t channels, size_t row, size_t column, size_t extent,
    const number *outside, const number *pixels[]) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < extent; i++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < extent; j++) {
      // Above the image or on its left is a large number.
      int is_inside = row + i < height && column + j < across;
      pixels[i * extent + j] = is_inside ? image + ((row + i) * across + column + j) * channels : outside;
    }
}

static void input_pixels(
    const struct winograd *grid, const number *images, size_t tile, const number *zeros, const number *pixels[places]) {
  struct corner corner = corner_of(grid, tile);
  square_pixels(
      images + corner.image * grid->in_height * grid->in_width * grid->in, grid->in_height, grid->in_width, grid->in,
      corner.row - grid->padding[0], corner.column - grid->padding[1], tile_in, zeros, pixels);
}

INLINE void output_pixels(
    int taps, const struct winograd *grid, const number *images, size_t tile, const number *outside, const number *pixels[]) {
  struct corner corner = corner_of(grid, tile);
  square_pixels(
      images + corner.image * grid->out_height * grid->out_width * grid->out, grid->out_height, grid->out_width, grid->out,
      corner.row, corner.column, (size_t)tile_out_of(taps), outside, pixels);
}

// The pixels of a tile's input; those that no earlier tile has seen join a list, whose new length is the result.
static size_t new_pixels(
    const struct winograd *grid, const number *images, size_t tile, const number *zeros, const number *pixels[places],
    const number *news[], size_t count) {
  input_pixels(grid, images, tile, zeros, pixels);
  struct corner corner = corner_of(grid, tile);
  size_t seen = tile_in - grid->tile_out;
  for (size_t i = corner.row ? seen : 0; i < tile_in; i++)
    for (size_t j = corner.column ? seen : 0; j < tile_in; j++)
      if (pixels[i * tile_in + j] != zeros) news[count++] = pixels[i * tile_in + j];
  return count;
}

// Pixels that will be wanted soon: their lines are fetched a few at a time between products, which leave the memory idle.
struct fetch {
  const number *const *pixels;
  size_t count, channel, lines, share, pixel, line;
};

enum { line_numbers = 64 / sizeof(number) };

// Of each pixel `length` channels, from `channel` on, in so many steps.
static struct fetch fetch_of(const number *const *pixels, size_t count, size_t channel, size_t length, size_t steps) {
  size_t lines = (length + line_numbers - 1) / line_numbers;
  return (struct fetch){pixels, count, channel, lines, (count * lines + steps - 1) / steps, 0, 0};
}

static void fetch_some(struct fetch *fetch) {
  for (size_t n = 0; n < fetch->share && fetch->pixel < fetch->count; n++) {
    __builtin_prefetch(fetch->pixels[fetch->pixel] + fetch->channel + fetch->line * line_numbers, 0, 2);
    if (++fetch->line == fetch->lines) fetch->line = 0, fetch->pixel++;
  }
}

// What chains go over: an input's channels, or tiles.
enum chaining { by_channels, by_tiles };

// `count` channels, from `channel` on, of the input of a tile to 36 places. Of the tile that comes next, most often the one on the
// right, four columns at most are new.
INLINE void input_tile(
    enum chaining chains, const number *const pixels[places], const number *const next[places], size_t channel, size_t count,
    size_t tile, float *to, size_t step) {
  vector square[tile_in][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) {
      const number *pixel = pixels[i * tile_in + j] + channel;
      line[i] = count == width ? load_number(pixel) : load_numbers(pixel, count);
      if (j >= tile_in - most_out) __builtin_prefetch(next[i * tile_in + j] + channel);
    }
    transform_input(line);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) square[i][j] = line[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    transform_input(square[i]);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) {
      float *place = to + (size_t)(i * tile_in + j) * step;
      chains == by_tiles ? keep_place(place, square[i][j], tile) : keep(place, square[i][j]);
    }
  }
}

// The inputs of `count` tiles: channels from `start` to `end` of place p and tile t to `to + p · place_step + t · tile_step`; where
// chains go over tiles, two may share a place.
INLINE void input_tiles(
    enum chaining chains, const number *(*pixels)[places], size_t count, size_t start, size_t end, float *to, size_t place_step,
    size_t tile_step) {
  for (size_t t = 0; t < count; t++) {
    const number **these = pixels[t], **next = pixels[t + 1 < count ? t + 1 : t];
    float *tile = to + (chains == by_tiles ? paired(t + 1) - 1 : t) * tile_step;
    for (size_t channel = start; channel < end; channel += width) {
      float *lanes = tile + (chains == by_tiles ? channel - start : kept(channel - start));
      if (channel + width <= end)
        input_tile(chains, these, next, channel, width, t, lanes, place_step);
      else
        input_tile(chains, these, next, channel, end - channel, t, lanes, place_step);
    }
  }
}

// The output of a tile for one vector of channels, from its sums `step` elements apart. A bias of -0 and a floor of minus
// infinity change no value, and where `is_plain` there is neither and all lanes are channels.
INLINE void output_tile(
    int taps, const float *sums, size_t step, const number *const pixels[], size_t channel, size_t count, int is_plain,
    vector bias, vector floor) {
  int tile_out = tile_out_of(taps);
  vector halves[most_out][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in], values[most_out];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) line[i] = load(sums + (size_t)(i * tile_in + j) * step);
    transform_output(taps, line, values);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_out; i++) halves[i][j] = values[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_out; i++) {
    vector values[most_out];
    transform_output(taps, halves[i], values);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_out; j++) {
      vector value = values[j];
      if (!is_plain) {
        value += bias;
        value = (vector)((integers)value & ~(integers)(value < floor));
      }
      number *pixel = (number *)pixels[i * tile_out + j] + channel;
      is_plain || count == width ? store_number(pixel, value) : store_numbers(pixel, value, count);
    }
  }
}

// The weights of each of `count` lanes, `lane_step` apart, to vectors.
INLINE void gather_weights(int taps, const float *from, size_t lane_step, size_t count, float kernel[][width]) {
  size_t lane = 0, last = (size_t)(taps * taps - 1);
  for (; lane + 4 <= count; lane += 4, from += 4 * lane_step) {
#pragma clang loop unroll(full)
    for (size_t tap = 0; tap < last; tap += 4) turn_four(from + tap, lane_step, kernel[tap] + lane, width);
    for (size_t i = 0; i < 4; i++) kernel[last][lane + i] = from[i * lane_step + last];
  }
  for (; lane < count; lane++, from += lane_step)
    for (size_t tap = 0; tap <= last; tap++) kernel[tap][lane] = from[tap];
}

// And back, where the lanes lie side by side.
INLINE void scatter_weights(int taps, const float kernel[][width], size_t count, float *to) {
  size_t lane = 0, last = (size_t)(taps * taps - 1), weights = last + 1;
  for (; lane + 4 <= count; lane += 4, to += 4 * weights) {
#pragma clang loop unroll(full)
    for (size_t tap = 0; tap < last; tap += 4) turn_four(kernel[tap] + lane, width, to + tap, weights);
    for (size_t i = 0; i < 4; i++) to[i * weights + last] = kernel[last][lane + i];
  }
  for (; lane < count; lane++, to += weights)
    for (size_t tap = 0; tap < weights; tap++) to[tap] = kernel[tap][lane];
}
