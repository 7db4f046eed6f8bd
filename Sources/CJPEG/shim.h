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

/// Decodes into `pixels`, `[height, width, channels]` as the header said; only the header without `pixels`.
/// Returns 0, or 1 with a message.
__attribute__((noinline)) static int cjpeg_decode(struct cjpeg_file *file, uint8_t *pixels) {
  struct jpeg_decompress_struct info;
  struct cjpeg_errors errors;
  memset(&info, 0, sizeof info);
  errors.file = file;
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = cjpeg_fail;
  errors.manager.emit_message = cjpeg_warn;
  errors.manager.output_message = cjpeg_ignore;
  // `info` is in memory and zeroed, so that destroying it is right wherever libjpeg jumps back from.
  if (setjmp(errors.place)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  // Scans of a progressive file wait in memory; no honest image needs more.
  info.mem->max_memory_to_use = 1L << 30;
  jpeg_mem_src(&info, file->bytes, file->count);
  jpeg_read_header(&info, TRUE);
  file->width = info.image_width;
  file->height = info.image_height;
  int is_cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  int is_grey = info.jpeg_color_space == JCS_GRAYSCALE;
  file->channels = is_cmyk ? 4 : is_grey ? 1 : 3;
  if (pixels) {
    info.out_color_space = is_cmyk ? JCS_CMYK : is_grey ? JCS_GRAYSCALE : JCS_RGB;
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
