// libpng leaves its functions by longjmp when a file is bad. Swift must never be jumped over, so all of its calls are here,
// each way out by `return`.
#pragma once
#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/// A file in memory, what is known of its image, and why it could not be read.
struct cpng_file {
  const uint8_t *bytes;
  size_t count;
  size_t position;
  uint32_t width, height;
  /// 1 for grey, 3 for colour.
  int channels;
  /// Bytes of the unpacked image, as the header declares them.
  uint64_t stored_bytes;
  char message[128];
};

static inline void cpng_read(png_structp png, png_bytep target, size_t count) {
  struct cpng_file *file = (struct cpng_file *)png_get_io_ptr(png);
  if (count > file->count - file->position) png_error(png, "it ends too early");
  memcpy(target, file->bytes + file->position, count);
  file->position += count;
}

static inline void cpng_fail(png_structp png, png_const_charp message) {
  struct cpng_file *file = (struct cpng_file *)png_get_error_ptr(png);
  snprintf(file->message, sizeof file->message, "%s", message);
  png_longjmp(png, 1);
}

static inline void cpng_ignore(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/// Reads up to the image's data; `png` and `info` must be freed also after failure, which jumps.
static inline void cpng_begin(png_structp png, png_infop info, struct cpng_file *file) {
  file->position = 0;
  png_set_read_fn(png, file, cpng_read);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_malloc_max(png, 16 << 20);
  png_read_info(png, info);
  file->width = png_get_image_width(png, info);
  file->height = png_get_image_height(png, info);
  file->channels = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
  file->stored_bytes = (uint64_t)png_get_rowbytes(png, info) * file->height;
}

/// Decodes into `pixels`, `[height, width, channels]` as the header said, 8 bits each; only the header without `pixels`.
/// Transparency is left out, not painted on anything. Returns 0, or 1 with a message.
__attribute__((noinline)) static int cpng_decode(struct cpng_file *file, uint8_t *pixels) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, file, cpng_fail, cpng_ignore);
  if (!png) return snprintf(file->message, sizeof file->message, "out of memory"), 1;
  png_infop info = png_create_info_struct(png);
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return snprintf(file->message, sizeof file->message, "out of memory"), 1;
  }
  // Neither pointer changes after this line, so that both are good when libpng jumps back here.
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  cpng_begin(png, info, file);
  if (pixels) {
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row_bytes = (size_t)file->width * (size_t)file->channels;
    if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "unknown kind of pixels");
    for (int pass = 0; pass < passes; pass++)
      for (uint32_t row = 0; row < file->height; row++) png_read_row(png, pixels + row * row_bytes, NULL);
    png_read_end(png, NULL);
  }
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}
