// Convolutions to few channels. As lanes of a vector they would leave some idle, and each product would ask for a load of its own,
// of which a processor has no more at a time than products: here the lanes are images. The chains are the same.
#pragma once
#include "convolution-panels.h"

#ifndef NATIVE_HALF

enum {
  image_lanes = 2 * width,
  // Fewer would be chains too few to keep a processor busy.
  fewest_channels = 4,
  most_channels = sums / 2 < 8 ? sums / 2 : 8,
  // Of memory on the stack.
  most_lane_block = 32768,
  most_lane_line = 8192,
  most_line_pixels = 64
};

static int fits_lanes(const struct convolving *it, const struct share *share) {
  size_t image = it->left_extents[0] * it->left_extents[1] * it->left_channels, pixels = it->extents[1];
  return it->groups == 1 && it->channels >= fewest_channels && it->channels <= most_channels &&
         share->last_row - share->first_row == it->extents[0] && image <= most_lane_block / image_lanes &&
         pixels <= most_line_pixels && pixels * it->channels <= most_lane_line / image_lanes;
}

// What a line of outputs sees: the first of its taps' left lines and panel rows, and how far it is to the next.
struct lane_taps {
  const float *left, *panel;
  ptrdiff_t left_step, panel_step;
  size_t count;
};

// An output pixel's channels, of all images.
INLINE void lane_pixel(
    int channels, const struct convolving *it, const struct lane_taps *down, const struct run *along, const float *bias, int cuts,
    float *result) {
  ptrdiff_t pixel = (ptrdiff_t)(it->left_channels * image_lanes), tap = (ptrdiff_t)(it->left_channels * whole_vectors((size_t)channels));
  vector sum[most_channels][2];
#pragma clang loop unroll(full)
  for (int c = 0; c < channels; c++) sum[c][0] = sum[c][1] = all(0);
  for (size_t y = 0; y < down->count; y++)
    for (size_t x = 0; x < along->taps; x++) {
      const float *a = down->left + (ptrdiff_t)y * down->left_step + (along->left + (ptrdiff_t)x * along->tap_left) * pixel;
      const float *b = down->panel + (ptrdiff_t)y * down->panel_step + (ptrdiff_t)(along->tap + x * along->tap_step) * tap;
      for (const float *end = a + pixel; a < end; a += image_lanes, b += whole_vectors((size_t)channels)) {
        vector first = load(a), second = load(a + width);
#pragma clang loop unroll(full)
        for (int c = 0; c < channels; c++) {
          vector factor = spread(b + c);
          sum[c][0] = chained(first, factor, sum[c][0]);
          sum[c][1] = chained(second, factor, sum[c][1]);
        }
      }
    }
#pragma clang loop unroll(full)
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < 2; v++) {
      vector value = bias ? sum[c][v] + spread(bias + c) : sum[c][v];
      store(result + c * image_lanes + v * width, cuts ? cut(value) : value);
    }
}

// `image_lanes` images; `left` has their elements side by side.
INLINE void convolve_lanes_of(
    int channels, const struct convolving *it, const float *left, const float *panel, const float *bias, int cuts, float *result) {
  size_t line = it->extents[1] * it->channels, image = it->extents[0] * line;
  ptrdiff_t left_line = (ptrdiff_t)(it->left_extents[1] * it->left_channels * image_lanes);
  ptrdiff_t tap_line = (ptrdiff_t)(it->axes[1].kernel * it->left_channels * whole_vectors(it->channels));
  struct run along[most_line_pixels];
  float lanes[most_lane_line];
  for (size_t x = 0; x < it->extents[1]; x++) along[x] = run_at(&it->axes[1], x);
  for (size_t y = 0; y < it->extents[0]; y++, result += line) {
    struct run run = run_at(&it->axes[0], y);
    struct lane_taps down = {
        left + run.left * left_line, panel + (ptrdiff_t)run.tap * tap_line, run.tap_left * left_line,
        (ptrdiff_t)run.tap_step * tap_line, run.taps};
    for (size_t x = 0; x < it->extents[1]; x++)
      lane_pixel(channels, it, &down, &along[x], bias, cuts, lanes + x * it->channels * image_lanes);
    turn(image_lanes, line, lanes, image_lanes, result, image, line);
  }
}

// Returns how many of the images are done: those that fill all lanes.
static size_t convolve_lanes(
    const struct convolving *it, const struct share *share, const float *left, const float *panel, const float *bias, int cuts,
    float *result) {
  size_t size = it->left_extents[0] * it->left_extents[1] * it->left_channels, done = 0;
  float lanes[most_lane_block];
  for (; done + image_lanes <= share->last_image - share->first_image; done += image_lanes) {
    size_t image = share->first_image + done;
    turn(size, image_lanes, left + image * size, size, lanes, image_lanes, image_lanes);
    float *results = result + image * it->extents[0] * it->extents[1] * it->channels;
#define LANES(n)                                                                                     \
  case n:                                                                                            \
    if (n <= most_channels) convolve_lanes_of(n, it, lanes, panel, bias, cuts, results);             \
    break
    switch (it->channels) {
      LANES(4);
      LANES(5);
      LANES(6);
      LANES(7);
      LANES(8);
    }
#undef LANES
  }
  return done;
}

#endif
