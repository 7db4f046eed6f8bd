// Weights of convolutions, packed in panels of output channels in the order of the chains.
#pragma once
#include "turning.h"
#include "windows.h"

// A convolution, or the gradient of its input, as outputs that look at a left image.
struct convolving {
  size_t batch, groups, taps;
  // Channels of a group, and extents of the left image and of the result.
  size_t left_channels, left_extents[2], channels, extents[2];
  struct axis axes[2];
};

static struct convolving convolving(const struct native_convolution *shape, int is_gradient) {
  size_t in[2] = {shape->in_height, shape->in_width};
  size_t out[2] = {native_out_extent(shape, 0), native_out_extent(shape, 1)};
  size_t kernel[2] = {shape->kernel_height, shape->kernel_width};
  struct convolving it = {.batch = shape->batch, .groups = shape->groups, .taps = kernel[0] * kernel[1]};
  it.left_channels = paired((is_gradient ? shape->out_channels : shape->in_channels) / shape->groups);
  it.channels = (is_gradient ? shape->in_channels : shape->out_channels) / shape->groups;
  for (int i = 0; i < 2; i++) {
    it.left_extents[i] = is_gradient ? out[i] : in[i];
    it.extents[i] = is_gradient ? in[i] : out[i];
    it.axes[i] = (struct axis){
        it.left_extents[i], kernel[i], shape->stride[i], shape->padding[i], shape->dilation[i], is_gradient};
  }
  return it;
}

// What a part computes of a result: images, and rows of each.
struct share {
  size_t first_image, last_image, first_row, last_row;
};

// Columns of the next panel of so many: panels are about equal.
INLINE size_t columns_next(size_t count) {
  size_t panels = (count + panel_columns - 1) / panel_columns, all_vectors = (count + width - 1) / width;
  size_t some = (all_vectors + panels - 1) / panels * width;
  return count < some ? count : some;
}

// Of few channels narrower instructions do as much, and more of them at a time.
#ifdef NATIVE_NARROWER
extern const struct native_kernels NATIVE_NARROWER;
INLINE const struct native_kernels *narrower(size_t channels, size_t most) { return channels <= most ? &NATIVE_NARROWER : NULL; }
#else
#define narrower(channels, most) ((const struct native_kernels *)NULL)
#endif

#ifndef NATIVE_HALF

// Panels of a group lie behind one another, each `[kernel row, kernel column, left channel, column]`.
static void pack_convolution(const struct native_convolution *shape, int is_gradient, const float *weights, float *panels) {
  struct convolving it = convolving(shape, is_gradient);
  const struct native_kernels *other = narrower(it.channels, width);
  if (other) return other->pack_convolution(shape, is_gradient, weights, panels);
  size_t taps = it.taps, inner = it.left_channels;
  size_t column_step = is_gradient ? taps : inner * taps, inner_step = is_gradient ? it.channels * taps : taps;
  // Of one tap, a forward weight's input channels are as good as taps.
  if (taps == 1 && !is_gradient) {
    taps = inner;
    inner = 1;
  }
  for (size_t group = 0; group < it.groups; group++, weights += it.left_channels * it.channels * it.taps)
    for (size_t first = 0, count; first < it.channels; first += count) {
      count = columns_next(it.channels - first);
      size_t across = whole_vectors(count);
      for (size_t i = 0; i < inner; i++)
        turn(
            taps, count, weights + first * column_step + i * inner_step, column_step, panels + i * across, inner * across,
            across);
      panels += it.taps * it.left_channels * across;
    }
}

#endif
