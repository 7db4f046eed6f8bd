// The gradients of a convolution's weights: of each the chain `sum = fused(input, output gradient, sum)` over (image, row, column)
// of those output pixels at which the weight's tap meets the input. Rows of a tile are input channels of taps, columns are
// output channels.
#pragma once
#include "convolutions.h"

// Output pixels of a block, so many that sums are seldom read and written, and so few that all weights see them in a near cache,
// which holds about so many elements. Fewer input channels than `few_channels` share tiles with other taps.
enum {
  most_pixels = 16 * panel_columns,
  fewest_pixels = most_pixels < 256 ? most_pixels : 256,
  cached_elements = 65536,
  few_channels = 8
};

// Output pixels: lines of images.
struct block {
  size_t first_image, last_image, first_line, last_line;
};

// A weight's row of a tile: where its tap's input lies, seen from the first output pixel, and the pixels that it meets,
// vertically and horizontally.
struct seen {
  ptrdiff_t left;
  size_t first[2], count[2];
};

// How inputs and output gradients lie behind one another.
struct tile_steps {
  ptrdiff_t left_image, left_line, left_pixel, right_image, right_line, right_pixel;
  // Elements from an input to one of the next block, which comes near in the meantime.
  ptrdiff_t left_ahead;
};

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// The pixels that all rows meet, and those that any does.
struct common {
  size_t every_first[2], every_end[2], any_first[2], any_end[2];
};

static struct common common_of(const struct seen *seen, size_t high) {
  struct common common = {.every_end = {SIZE_MAX, SIZE_MAX}, .any_first = {SIZE_MAX, SIZE_MAX}};
  for (int i = 0; i < 2; i++)
    for (size_t r = 0; r < high; r++) {
      size_t first = seen[r].first[i], end = first + seen[r].count[i];
      common.every_first[i] = larger(common.every_first[i], first);
      common.every_end[i] = smaller(common.every_end[i], end);
      common.any_first[i] = smaller(common.any_first[i], first);
      common.any_end[i] = larger(common.any_end[i], end);
    }
  return common;
}

// `seen` has `height` rows, of which `high` are there; the results lie `wide` vectors apart. Rows that are neighbouring channels
// of one tap need one address only.
INLINE void gradient_tile(
    int height, int wide, int are_neighbours, size_t high, const struct block *block, const struct seen *seen,
    const struct common *among, const struct tile_steps *steps, const float *left, const float *right, float *results,
    int goes_on) {
  struct common common = *among;
  ptrdiff_t ahead = steps->left_ahead;
  vector sum[most_rows][panel_vectors];
  const float *a[most_rows];
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++) {
    a[r] = are_neighbours ? left + seen[0].left + r : left + seen[r].left;
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++)
      sum[r][v] = goes_on && (size_t)r < high ? load(results + (r * wide + v) * width) : all(0);
  }
  for (size_t image = block->first_image; image < block->last_image; image++)
    for (size_t y = larger(block->first_line, common.any_first[0]); y < smaller(block->last_line, common.any_end[0]); y++) {
      ptrdiff_t line = (ptrdiff_t)image * steps->left_image + (ptrdiff_t)y * steps->left_line;
      const float *from = right + (ptrdiff_t)(image - block->first_image) * steps->right_image +
                          (ptrdiff_t)(y - block->first_line) * steps->right_line;
      int all_rows = y >= common.every_first[0] && y < common.every_end[0];
      for (size_t x = common.any_first[1]; x < common.any_end[1];) {
        ptrdiff_t at = line + (ptrdiff_t)x * steps->left_pixel;
        const float *b = from + (ptrdiff_t)x * steps->right_pixel;
        if (all_rows && x >= common.every_first[1] && x < common.every_end[1]) {
          for (; x < common.every_end[1]; x++, at += steps->left_pixel, b += steps->right_pixel) {
            // One index moves on and not every row's address, of which there are too many for the registers.
            __asm__("" : "+r"(at));
            __builtin_prefetch(a[0] + at + ahead, 0, 2);
            vector factor[panel_vectors];
#pragma clang loop unroll(full)
            for (int v = 0; v < wide; v++) factor[v] = load(b + v * width);
#pragma clang loop unroll(full)
            for (int r = 0; r < height; r++) {
              vector value = all(a[r][at]);
#pragma clang loop unroll(full)
              for (int v = 0; v < wide; v++) sum[r][v] = fused(value, factor[v], sum[r][v]);
            }
          }
          continue;
        }
        // At the image's edge some rows' taps meet nothing.
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++)
          if (y - seen[r].first[0] < seen[r].count[0] && x - seen[r].first[1] < seen[r].count[1]) {
            vector value = all(a[r][at]);
#pragma clang loop unroll(full)
            for (int v = 0; v < wide; v++) sum[r][v] = fused(value, load(b + v * width), sum[r][v]);
          }
        x++;
      }
    }
#pragma clang loop unroll(full)
  for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < wide; v++)
      if ((size_t)r < high) store(results + (r * wide + v) * width, sum[r][v]);
}

// Rows of a smaller tile; half of them are the smallest.
INLINE size_t rows_of_two_thirds(int wide) { return ((size_t)rows_of(wide) + 2) / 3 * 2; }

// Rows of the next tile, so that no small one remains. One vector wide there is a tile of nine, the taps of a usual kernel.
static size_t rows_next(int wide, size_t there) {
  size_t all_rows = (size_t)rows_of(wide), some = rows_of_two_thirds(wide), nines = (there + 8) / 9;
  if (wide == 1 && all_rows > 9 && there > all_rows && nines <= 3 && nines * 9 - there <= 2) return (there + nines - 1) / nines;
  return there <= all_rows ? there : there <= 2 * some ? some : all_rows;
}

// A tile of at most `rows_of(wide)` rows; `seen` has room for so many. If they are of one tap, the first's is enough.
static __attribute__((noinline)) void gradient_tile_of(
    int wide, size_t high, int mixes_taps, const struct block *block, struct seen *seen, const struct tile_steps *steps,
    const float *left, const float *right, float *results, int goes_on) {
  size_t height = (size_t)rows_of(wide);
  struct common common = common_of(seen, mixes_taps ? high : 1);
  int neighbours = !mixes_taps && high == height;
  for (size_t r = 1; !neighbours && r < height; r++) {
    if (r >= high || !mixes_taps) seen[r] = seen[r - 1];
    if (r < high && !mixes_taps) seen[r].left++;
  }
#define GRADIENT_TILE(n, height, neighbours) \
  gradient_tile(height, n, neighbours, high, block, seen, &common, steps, left, right, results, goes_on)
#define GRADIENT_TILES(n)                                   \
  case n:                                                   \
    if (neighbours)                                         \
      GRADIENT_TILE(n, rows_of(n), 1);                      \
    else if (n == 1 && high == 9)                           \
      GRADIENT_TILE(n, n == 1 && most_rows > 9 ? 9 : 1, 0); \
    else if (high > rows_of_two_thirds(n))                  \
      GRADIENT_TILE(n, rows_of(n), 0);                      \
    else if (high > rows_of_two_thirds(n) / 2)              \
      GRADIENT_TILE(n, rows_of_two_thirds(n), 0);           \
    else                                                    \
      GRADIENT_TILE(n, rows_of_two_thirds(n) / 2, 0);       \
    break
  switch (wide) {
    GRADIENT_TILES(1);
#if NATIVE_VECTORS > 1
    GRADIENT_TILES(2);
#endif
#if NATIVE_VECTORS > 2
    GRADIENT_TILES(3);
    GRADIENT_TILES(4);
#endif
  }
#undef GRADIENT_TILES
#undef GRADIENT_TILE
}

// The output pixels along an axis at which a tap meets the input.
static void meet(const struct native_convolution *shape, int i, size_t tap, size_t *first, size_t *count) {
  size_t out = native_out_extent(shape, i), extent = i ? shape->in_width : shape->in_height;
  size_t ahead = tap * shape->dilation[i], padding = shape->padding[i], stride = shape->stride[i];
  *first = smaller(padding > ahead ? (padding - ahead + stride - 1) / stride : 0, out);
  size_t end = extent + padding > ahead ? smaller((extent - 1 + padding - ahead) / stride + 1, out) : 0;
  *count = end > *first ? end - *first : 0;
}

// Row `row` of the matrix [kernel row, kernel column, input channel of a group].
static struct seen seen_of(const struct native_convolution *shape, size_t row) {
  size_t channels = shape->in_channels / shape->groups, tap = row / channels;
  size_t place[2] = {tap / shape->kernel_width, tap % shape->kernel_width};
  struct seen seen;
  for (int i = 0; i < 2; i++) meet(shape, i, place[i], &seen.first[i], &seen.count[i]);
  ptrdiff_t y = (ptrdiff_t)(place[0] * shape->dilation[0]) - (ptrdiff_t)shape->padding[0];
  ptrdiff_t x = (ptrdiff_t)(place[1] * shape->dilation[1]) - (ptrdiff_t)shape->padding[1];
  seen.left = (y * (ptrdiff_t)shape->in_width + x) * (ptrdiff_t)shape->in_channels + (ptrdiff_t)(row % channels);
  return seen;
}

// What a part computes: panels of every group, and input channels of every tap or, of few channels, rows of the matrix.
struct gradient_share {
  size_t first_panel, last_panel, first_row, last_row;
  int mixes_taps;
};

// Equal panels, or rows.
static struct gradient_share gradient_share_of(const struct native_convolution *shape, size_t part, size_t parts) {
  size_t channels = shape->in_channels / shape->groups, out = shape->out_channels / shape->groups;
  size_t panels = (out + panel_columns - 1) / panel_columns;
  struct gradient_share share = {.last_panel = panels, .mixes_taps = channels < few_channels};
  size_t count = share.mixes_taps ? channels * shape->kernel_height * shape->kernel_width : channels;
  share.last_row = count;
  if (panels % parts == 0 && (out % panel_columns == 0 || panels >= 4 * parts)) {
    share.first_panel = panels / parts * part;
    share.last_panel = panels / parts * (part + 1);
  } else {
    share.first_row = count * part / parts;
    share.last_row = count * (part + 1) / parts;
  }
  return share;
}

// Rows of sums that a part has of each panel.
static size_t gradient_rows(const struct native_convolution *shape, const struct gradient_share *share) {
  return (share->last_row - share->first_row) * (share->mixes_taps ? 1 : shape->kernel_height * shape->kernel_width);
}

// Where the sums stay in a cache themselves, a block is as small as its input.
static size_t block_pixels_of(const struct native_convolution *shape) {
  size_t taps = shape->kernel_height * shape->kernel_width;
  if (taps * shape->in_channels / shape->groups * shape->out_channels > cached_elements) return most_pixels;
  size_t pixels = cached_elements / (shape->in_channels * shape->stride[0] * shape->stride[1]);
  return larger(fewest_pixels, smaller(most_pixels, pixels));
}

// Images of a block, or lines of one image.
static struct block block_after(const struct native_convolution *shape, struct block last) {
  size_t block_pixels = block_pixels_of(shape);
  size_t lines = native_out_extent(shape, 0), across = native_out_extent(shape, 1), pixels = lines * across;
  struct block block = {last.first_image, last.last_image, last.last_line, lines};
  if (last.last_line == lines) {
    block.first_image = last.last_image;
    block.last_image = block.first_image + (pixels && pixels < block_pixels ? block_pixels / pixels : 1);
    block.last_image = smaller(block.last_image, shape->batch);
    block.first_line = 0;
  }
  if (pixels > block_pixels) block.last_line = smaller(block.first_line + (block_pixels - 1) / across + 1, lines);
  return block;
}

static size_t most_block_pixels(const struct native_convolution *shape) {
  size_t block_pixels = block_pixels_of(shape);
  size_t lines = native_out_extent(shape, 0), across = native_out_extent(shape, 1), pixels = lines * across;
  if (pixels > block_pixels) return smaller((block_pixels - 1) / across + 1, lines) * across;
  return pixels * smaller(shape->batch, pixels ? block_pixels / pixels : 1);
}
