// Borders of zeros around images of few channels, whose weights' gradients would spend their time at the edges of the images.
// What the border adds are products with 0; they are no part of the chains, so it is used where they change no sum.
#pragma once
#include "gradients.h"

typedef uint32_t naturals __attribute__((vector_size(width * sizeof(uint32_t))));

struct magnitudes {
  // Of what is not 0; and of all. Bits of magnitudes are in the order of the magnitudes.
  uint32_t least, greatest;
};

INLINE void see_magnitudes(vector values, naturals *least, naturals *greatest) {
  naturals bits = (naturals)values & 0x7fffffff;
  // 0 becomes the greatest.
  *least = __builtin_elementwise_min(*least, bits - 1);
  *greatest = __builtin_elementwise_max(*greatest, bits);
}

static struct magnitudes magnitudes_of(size_t count, const float *values) {
  naturals least = ~(naturals){}, greatest = {};
  size_t i = 0;
  for (; i + width <= count; i += width) see_magnitudes(load(values + i), &least, &greatest);
  if (i < count) see_magnitudes(load_part(values + i, count - i), &least, &greatest);
  struct magnitudes all_of = {UINT32_MAX, 0};
  for (int i = 0; i < width; i++) {
    if (least[i] < all_of.least) all_of.least = least[i];
    if (greatest[i] > all_of.greatest) all_of.greatest = greatest[i];
  }
  all_of.least++;
  return all_of;
}

// 0 times a finite number is +0 or -0, which changes no sum but -0. Sums begin at +0 and become -0 only where something smaller than
// float32 has is rounded off; products of 2^-101 and more are multiples of the smallest number, as are their sums: nothing is
// rounded to 0. Whether a block has only those.
static int zeros_change_nothing(
    const struct native_convolution *shape, const struct block *block, const float *input, const float *gradient) {
  size_t line = native_out_extent(shape, 1) * shape->out_channels, images = block->last_image - block->first_image;
  size_t before = (block->first_image * native_out_extent(shape, 0) + block->first_line) * line;
  size_t count = images * (block->last_line - block->first_line) * line;
  // Of an image's lines, at least those that the output's see.
  size_t top = block->first_line * shape->stride[0], past = (block->last_line - 1) * shape->stride[0];
  top = top > shape->padding[0] ? top - shape->padding[0] : 0;
  past = smaller(past + shape->dilation[0] * (shape->kernel_height - 1) + 1, shape->in_height);
  if (images > 1 || past < top) {
    top = 0;
    past = shape->in_height;
  }
  size_t in_line = shape->in_width * shape->in_channels;
  struct magnitudes right = magnitudes_of(count, gradient + before);
  if (right.greatest >= 0x7f800000) return 0;
  struct magnitudes left = magnitudes_of(
      ((images - 1) * shape->in_height + past - top) * in_line, input + (block->first_image * shape->in_height + top) * in_line);
  float a, b;
  memcpy(&a, &left.least, sizeof a);
  memcpy(&b, &right.least, sizeof b);
  return a == 0 || b == 0 || (double)a * (double)b >= 0x1p-101;
}

// The convolution of a block's images with their borders, of one group.
static struct native_convolution bordered(const struct native_convolution *shape, const struct block *block) {
  struct native_convolution it = *shape;
  it.batch = block->last_image - block->first_image;
  it.in_channels = shape->in_channels / shape->groups;
  it.out_channels = shape->out_channels / shape->groups;
  it.groups = 1;
  it.in_height = (block->last_line - block->first_line - 1) * shape->stride[0];
  it.in_height += shape->dilation[0] * (shape->kernel_height - 1) + 1;
  it.in_width += 2 * shape->padding[1];
  it.padding[0] = it.padding[1] = 0;
  return it;
}

static size_t most_bordered(const struct native_convolution *shape) {
  if (native_out_extent(shape, 0) == 0 || native_out_extent(shape, 1) == 0) return 0;
  struct block block = block_after(shape, (struct block){0, 0, native_out_extent(shape, 0), native_out_extent(shape, 0)});
  struct native_convolution it = bordered(shape, &block);
  return it.batch * it.in_height * it.in_width * it.in_channels;
}

static void copy_bordered(
    const struct native_convolution *shape, const struct native_convolution *it, const struct block *block, const float *input,
    float *to) {
  size_t edge = shape->padding[1] * it->in_channels, line = shape->in_width * it->in_channels;
  for (size_t image = block->first_image; image < block->last_image; image++)
    for (size_t i = 0; i < it->in_height; i++, to += line + 2 * edge) {
      size_t y = block->first_line * shape->stride[0] + i - shape->padding[0];
      // Those above the image are beyond it, too: they wrap around.
      if (y >= shape->in_height) {
        memset(to, 0, (line + 2 * edge) * sizeof(float));
        continue;
      }
      const float *from = input + (image * shape->in_height + y) * shape->in_width * shape->in_channels;
      memset(to, 0, edge * sizeof(float));
      if (shape->groups == 1)
        memcpy(to + edge, from, line * sizeof(float));
      else
        for (size_t x = 0; x < shape->in_width; x++)
          memcpy(to + edge + x * it->in_channels, from + x * shape->in_channels, it->in_channels * sizeof(float));
      memset(to + edge + line, 0, edge * sizeof(float));
    }
}
