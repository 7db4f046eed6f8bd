// The tiles of Winograd's convolutions: where they lie, and their way in and out.
#pragma once
#include "tile.h"
#include "winograd-transforms.h"

// A convolution as its tiles see it: of each image a grid of 4 × 4 outputs, and in the order of images all are one list.
struct winograd {
  size_t in, in_height, in_width, out, out_height, out_width, padding[2];
  size_t tile_rows, tile_columns, tiles;
};

static struct winograd winograd_of(const struct native_convolution *shape, int is_gradient) {
  struct winograd grid = {
      .in = shape->in_channels, .in_height = shape->in_height, .in_width = shape->in_width, .out = shape->out_channels,
      .out_height = native_out_extent(shape, 0), .out_width = native_out_extent(shape, 1),
      .padding = {shape->padding[0], shape->padding[1]}};
  if (is_gradient)
    grid = (struct winograd){
        .in = grid.out, .in_height = grid.out_height, .in_width = grid.out_width, .out = grid.in,
        .out_height = grid.in_height, .out_width = grid.in_width, .padding = {2 - grid.padding[0], 2 - grid.padding[1]}};
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
      row / grid->tile_rows, row % grid->tile_rows * tile_out, tile % grid->tile_columns * tile_out};
}

// Where the 36 pixels of a tile's input lie. Those beside the image are zeros.
static void tile_pixels(
    const struct winograd *grid, const float *images, size_t tile, const float *zeros, const float *pixels[places]) {
  struct corner corner = corner_of(grid, tile);
  const float *image = images + corner.image * grid->in_height * grid->in_width * grid->in;
  for (size_t i = 0; i < tile_in; i++)
    for (size_t j = 0; j < tile_in; j++) {
      // Above the image or on its left is a large number.
      size_t row = corner.row + i - grid->padding[0], column = corner.column + j - grid->padding[1];
      int is_inside = row < grid->in_height && column < grid->in_width;
      pixels[i * tile_in + j] = is_inside ? image + (row * grid->in_width + column) * grid->in : zeros;
    }
}

// `count` channels, from `channel` on, of a tile's input to 36 places. Of the tile that comes next, most often the one on the
// right, four columns are new: they are fetched.
INLINE void input_tile(
    const float *const pixels[places], const float *const next[places], size_t channel, size_t count, float *to, size_t step) {
  vector square[tile_in][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) {
      const float *pixel = pixels[i * tile_in + j] + channel;
      line[i] = count == width ? load(pixel) : load_part(pixel, count);
      if (j >= tile_in - tile_out) __builtin_prefetch(next[i * tile_in + j] + channel);
    }
    transform_input(line);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) square[i][j] = line[i];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < tile_in; i++) {
    transform_input(square[i]);
#pragma clang loop unroll(full)
    for (int j = 0; j < tile_in; j++) store(to + (size_t)(i * tile_in + j) * step, square[i][j]);
  }
}

// The inputs of `count` tiles: channels from `start` to `end` of place p and tile t to `to + p · place_step + t · tile_step`.
static void input_tiles(
    const struct winograd *grid, const float *images, size_t first, size_t count, size_t start, size_t end,
    const float *zeros, float *to, size_t place_step, size_t tile_step) {
  const float *pixels[2][places];
  tile_pixels(grid, images, first, zeros, pixels[0]);
  for (size_t t = 0; t < count; t++, to += tile_step) {
    const float **these = pixels[t % 2], **next = pixels[(t + 1) % 2];
    tile_pixels(grid, images, first + t + 1 < grid->tiles ? first + t + 1 : first, zeros, next);
    size_t channel = start;
    for (; channel + width <= end; channel += width) input_tile(these, next, channel, width, to + channel - start, place_step);
    if (channel < end) input_tile(these, next, channel, end - channel, to + channel - start, place_step);
  }
}

// The output of a tile for one vector of channels, from its sums `step` elements apart. A bias of -0 and a floor of minus
// infinity change no value, and where `is_plain` there is neither and all lanes are channels.
INLINE void output_tile(
    const float *sums, size_t step, const struct winograd *grid, struct corner corner, size_t channel, size_t count,
    int is_plain, vector bias, vector floor, float *output) {
  vector halves[tile_out][tile_in];
#pragma clang loop unroll(full)
  for (int j = 0; j < tile_in; j++) {
    vector line[tile_in], four[tile_out];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_in; i++) line[i] = load(sums + (size_t)(i * tile_in + j) * step);
    transform_output(line, four);
#pragma clang loop unroll(full)
    for (int i = 0; i < tile_out; i++) halves[i][j] = four[i];
  }
  size_t high = grid->out_height - corner.row, wide = grid->out_width - corner.column;
  size_t row_step = grid->out_width * grid->out;
  float *to = output + (corner.image * grid->out_height + corner.row) * row_step + corner.column * grid->out + channel;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < tile_out; i++) {
    vector four[tile_out];
    transform_output(halves[i], four);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < tile_out; j++) {
      vector value = four[j];
      if (!is_plain) {
        value += bias;
        value = (vector)((integers)value & ~(integers)(value < floor));
      }
      float *pixel = to + i * row_step + j * grid->out;
      // The tile on the right will be written next.
      __builtin_prefetch(pixel + tile_out * grid->out, 1);
      if (i < high && j < wide) is_plain || count == width ? store(pixel, value) : store_part(pixel, value, count);
    }
  }
}
