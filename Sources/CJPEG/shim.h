// libjpeg leaves its functions by longjmp when a file is bad. Swift must never be jumped over, so all of its calls are here,
// each way out by `return`.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <jerror.h>

/// A file in memory, what is known of its image, and why it could not be read.
struct cjpeg_file {
  const uint8_t *bytes;
  size_t count;
  uint32_t width, height;
  /// 1 for grey, 3 for colour, 4 for CMYK.
  int channels;
  char message[JMSG_LENGTH_MAX];
};

struct cjpeg_errors {
  struct jpeg_error_mgr manager;
  jmp_buf place;
  struct cjpeg_file *file;
};

static inline void cjpeg_fail(j_common_ptr info) {
  struct cjpeg_errors *errors = (struct cjpeg_errors *)info->err;
  (*info->err->format_message)(info, errors->file->message);
  longjmp(errors->place, 1);
}

/// Warnings by which pixels are missing or wrong are errors; the others are harmless.
static inline void cjpeg_warn(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF: case JWRN_HIT_MARKER: case JWRN_HUFF_BAD_CODE: case JWRN_MUST_RESYNC: case JWRN_NOT_SEQUENTIAL:
    case JWRN_ARITH_BAD_CODE: case JWRN_BOGUS_PROGRESSION: cjpeg_fail(info);
    default: return;
  }
}

static inline void cjpeg_ignore(j_common_ptr info) { (void)info; }

/// Errors lead back to the `setjmp` of `errors`. `info` is in memory and zeroed, so that destroying it is right wherever libjpeg jumps
/// back from.
static inline void cjpeg_prepare(j_common_ptr info, struct cjpeg_errors *errors, struct cjpeg_file *file) {
  errors->file = file;
  info->err = jpeg_std_error(&errors->manager);
  errors->manager.error_exit = cjpeg_fail;
  errors->manager.emit_message = cjpeg_warn;
  errors->manager.output_message = cjpeg_ignore;
}

static inline void cjpeg_read_header(struct jpeg_decompress_struct *info, struct cjpeg_file *file) {
  jpeg_create_decompress(info);
  // Scans of a progressive file wait in memory; no honest image needs more.
  info->mem->max_memory_to_use = 1L << 30;
  jpeg_mem_src(info, file->bytes, file->count);
  jpeg_read_header(info, TRUE);
  file->width = info->image_width;
  file->height = info->image_height;
  int is_cmyk = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
  file->channels = is_cmyk ? 4 : info->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
  // The same bytes are the same pixels, whoever decodes them.
  info->dct_method = JDCT_ISLOW;
  info->do_fancy_upsampling = TRUE;
}

/// Decodes into `pixels`, `[height, width, channels]` as the header said; only the header without `pixels`.
/// Returns 0, or 1 with a message.
__attribute__((noinline)) static int cjpeg_decode(struct cjpeg_file *file, uint8_t *pixels) {
  struct jpeg_decompress_struct info;
  struct cjpeg_errors errors;
  memset(&info, 0, sizeof info);
  cjpeg_prepare((j_common_ptr)&info, &errors, file);
  if (setjmp(errors.place)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  cjpeg_read_header(&info, file);
  if (pixels) {
    info.out_color_space = file->channels == 4 ? JCS_CMYK : file->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info);
    size_t row_bytes = (size_t)file->width * (size_t)file->channels;
    if (info.output_components != file->channels || info.output_width != file->width) ERREXIT(&info, JERR_CONVERSION_NOTIMPL);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = pixels + info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  }
  jpeg_destroy_decompress(&info);
  return 0;
}

// Four bytes a pixel, as libjpeg-turbo gives them on demand, come apart by vector instructions of any processor.
#if defined(JCS_EXTENSIONS) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CJPEG_COLOURS JCS_EXT_RGBX
#define CJPEG_PIXEL_BYTES 4
#else
#define CJPEG_COLOURS JCS_RGB
#define CJPEG_PIXEL_BYTES 3
#endif
/// libjpeg gives a row or two at a time.
#define CJPEG_ROWS 4

typedef uint32_t cjpeg_pixels __attribute__((vector_size(64)));
typedef uint8_t cjpeg_colour __attribute__((vector_size(16)));

/// A row of pixels to a row of each colour.
static inline void cjpeg_split(const uint8_t *pixels, size_t count, uint8_t *red, uint8_t *green, uint8_t *blue) {
  size_t i = 0;
#if CJPEG_PIXEL_BYTES == 4
  for (; i + 16 <= count; i += 16) {
    cjpeg_pixels some;
    memcpy(&some, pixels + 4 * i, sizeof some);
    cjpeg_colour reds = __builtin_convertvector(some, cjpeg_colour);
    cjpeg_colour greens = __builtin_convertvector(some >> 8, cjpeg_colour);
    cjpeg_colour blues = __builtin_convertvector(some >> 16, cjpeg_colour);
    memcpy(red + i, &reds, sizeof reds), memcpy(green + i, &greens, sizeof greens), memcpy(blue + i, &blues, sizeof blues);
  }
#endif
  for (; i < count; i++) {
    const uint8_t *pixel = pixels + CJPEG_PIXEL_BYTES * i;
    red[i] = pixel[0], green[i] = pixel[1], blue[i] = pixel[2];
  }
}

// Past every alignment: to aligned rows libjpeg-turbo writes around the caches, from which they are read again at once.
#define CJPEG_ALIGNMENT ((size_t)64)
#define CJPEG_SHIFT 4

static inline size_t cjpeg_row_bytes(uint32_t width) {
  return ((size_t)CJPEG_PIXEL_BYTES * width / CJPEG_ALIGNMENT + 2) * CJPEG_ALIGNMENT;
}

/// Bytes that `cjpeg_decode_planes` needs to work in.
static inline size_t cjpeg_room(uint32_t width) { return CJPEG_ROWS * cjpeg_row_bytes(width) + CJPEG_ALIGNMENT; }

/// Decodes into `planes`, `[channels, height, width]` with 1 channel for grey or 3 for colour. Returns 0, 1 with a message, or 2 for a
/// file whose header says another size, or colours that libjpeg does not bring into this form; nothing is decoded then.
__attribute__((noinline)) static int cjpeg_decode_planes(struct cjpeg_file *file, uint32_t height, uint32_t width, int channels,
                                                         uint8_t *planes, uint8_t *room) {
  struct jpeg_decompress_struct info;
  struct cjpeg_errors errors;
  memset(&info, 0, sizeof info);
  cjpeg_prepare((j_common_ptr)&info, &errors, file);
  if (setjmp(errors.place)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  cjpeg_read_header(&info, file);
  if (file->height != height || file->width != width || file->channels > channels) {
    jpeg_destroy_decompress(&info);
    return 2;
  }
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE : CJPEG_COLOURS;
  jpeg_start_decompress(&info);
  size_t pixel_bytes = channels == 1 ? 1 : CJPEG_PIXEL_BYTES, area = (size_t)height * width;
  uint8_t *shifted = room + (CJPEG_ALIGNMENT - (uintptr_t)room % CJPEG_ALIGNMENT) % CJPEG_ALIGNMENT + CJPEG_SHIFT;
  if (info.output_components != (int)pixel_bytes || info.output_width != width) ERREXIT(&info, JERR_CONVERSION_NOTIMPL);
  while (info.output_scanline < height) {
    JSAMPROW rows[CJPEG_ROWS];
    uint8_t *place = planes + (size_t)info.output_scanline * width;
    JDIMENSION most = height - info.output_scanline < CJPEG_ROWS ? height - info.output_scanline : CJPEG_ROWS;
    for (size_t row = 0; row < most; row++) rows[row] = channels == 1 ? place + row * width : shifted + row * cjpeg_row_bytes(width);
    JDIMENSION count = jpeg_read_scanlines(&info, rows, most);
    if (channels == 1) continue;
    for (size_t row = 0; row < count; row++, place += width)
      cjpeg_split(rows[row], width, place, place + area, place + 2 * area);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return 0;
}

/// Makes a file of `planes`, `[channels, height, width]`; `row` has room for a row of all channels. Returns 0 and the file, which the
/// caller frees, or 1 with a message.
__attribute__((noinline)) static int cjpeg_encode(struct cjpeg_file *file, const uint8_t *planes, int quality, uint8_t *row,
                                                  unsigned char **bytes, unsigned long *count) {
  struct jpeg_compress_struct info;
  struct cjpeg_errors errors;
  memset(&info, 0, sizeof info);
  *bytes = NULL, *count = 0;
  cjpeg_prepare((j_common_ptr)&info, &errors, file);
  if (setjmp(errors.place)) {
    jpeg_destroy_compress(&info);
    return 1;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, bytes, count);
  info.image_width = file->width;
  info.image_height = file->height;
  info.input_components = file->channels;
  info.in_color_space = file->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.dct_method = JDCT_ISLOW;
  info.optimize_coding = TRUE;
  jpeg_start_compress(&info, TRUE);
  size_t area = (size_t)file->height * file->width, channels = (size_t)file->channels;
  while (info.next_scanline < file->height) {
    const uint8_t *start = planes + (size_t)info.next_scanline * file->width;
    for (size_t i = 0; i < file->width; i++)
      for (size_t channel = 0; channel < channels; channel++) row[i * channels + channel] = start[channel * area + i];
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return 0;
}
