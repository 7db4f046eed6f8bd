// A driver of our own, through which files are written. On a full disk libhdf5's own lose data without a word, or crash when the
// file is closed. Here libhdf5 is told that all is well; the error is kept for who asks, and nothing is written any more.
#pragma once
#include <hdf5.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/// Where a global heap was written: strings and lists of varying length.
struct h5_heap {
  haddr_t address;
  size_t size;
};

/// What a file is written to; it outlives libhdf5's file.
struct h5_target {
  int descriptor;
  /// `errno` of the first write that failed, 0 while all went well.
  int code;
  /// As pwrite; tests have their own.
  ssize_t (*write)(int descriptor, const void *bytes, size_t count, off_t offset);
  /// Heaps written since the watch began, the latest last.
  int watches;
  size_t heap_count, heap_room;
  struct h5_heap *heaps;
};

static inline struct h5_target *h5_new_target(int descriptor) {
  struct h5_target *target = (struct h5_target *)calloc(1, sizeof *target);
  if (target) target->descriptor = descriptor, target->write = pwrite;
  return target;
}

static inline void h5_free_target(struct h5_target *target) {
  free(target->heaps);
  free(target);
}

/// Forgets the heaps so far and takes note of those to come.
static inline void h5_watch_heaps(struct h5_target *target) { target->watches = 1, target->heap_count = 0; }

/// What a file access property carries to the driver.
struct h5_writer_info {
  struct h5_target *target;
};

struct h5_writer {
  H5FD_t base;
  struct h5_target *target;
  haddr_t allocated, size;
};

static inline H5FD_t *h5_writer_open(const char *path, unsigned flags, hid_t access, haddr_t most) {
  (void)path, (void)most;
  const struct h5_writer_info *info = (const struct h5_writer_info *)H5Pget_driver_info(access);
  if (!info || !(flags & H5F_ACC_TRUNC)) return NULL;
  struct h5_writer *writer = (struct h5_writer *)calloc(1, sizeof *writer);
  if (!writer) return NULL;
  writer->target = info->target;
  return &writer->base;
}

static inline herr_t h5_writer_close(H5FD_t *file) { return free(file), 0; }

/// As for a file in memory, so that the same contents lie in the same places.
static inline herr_t h5_writer_query(const H5FD_t *file, unsigned long *flags) {
  return (void)file, *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_AGGREGATE_SMALLDATA, 0;
}

static inline haddr_t h5_writer_allocated(const H5FD_t *file, H5FD_mem_t kind) {
  return (void)kind, ((const struct h5_writer *)file)->allocated;
}

static inline herr_t h5_writer_allocate(H5FD_t *file, H5FD_mem_t kind, haddr_t end) {
  return (void)kind, ((struct h5_writer *)file)->allocated = end, 0;
}

static inline haddr_t h5_writer_size(const H5FD_t *file, H5FD_mem_t kind) {
  return (void)kind, ((const struct h5_writer *)file)->size;
}

/// What was never written is zero.
static inline herr_t h5_writer_read(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t count,
                                    void *buffer) {
  struct h5_target *target = ((struct h5_writer *)file)->target;
  (void)kind, (void)transfer;
  size_t done = 0;
  while (done < count) {
    ssize_t got = pread(target->descriptor, (char *)buffer + done, count - done, (off_t)(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && !target->code) target->code = errno;
    if (got <= 0) break;
    done += (size_t)got;
  }
  memset((char *)buffer + done, 0, count - done);
  return 0;
}

static inline void h5_note_heap(struct h5_target *target, haddr_t address, size_t count) {
  if (target->heap_count == target->heap_room) {
    size_t room = 2 * target->heap_room + 64;
    struct h5_heap *heaps = (struct h5_heap *)realloc(target->heaps, room * sizeof *heaps);
    if (!heaps) return (void)(target->code = ENOMEM);
    target->heaps = heaps, target->heap_room = room;
  }
  target->heaps[target->heap_count].address = address;
  target->heaps[target->heap_count++].size = count;
}

static inline herr_t h5_writer_write(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t count,
                                     const void *buffer) {
  struct h5_writer *writer = (struct h5_writer *)file;
  struct h5_target *target = writer->target;
  (void)kind, (void)transfer;
  if (address + count > writer->size) writer->size = address + count;
  // A heap is written whole. Numbers that look like one do no harm.
  if (target->watches && count >= 16 && memcmp(buffer, "GCOL", 4) == 0) h5_note_heap(target, address, count);
  for (size_t done = 0; done < count && !target->code;) {
    ssize_t put = target->write(target->descriptor, (const char *)buffer + done, count - done, (off_t)(address + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) target->code = put == 0 ? EIO : errno;
    else done += (size_t)put;
  }
  return 0;
}

/// The file gets the size that libhdf5 has given away of it.
static inline herr_t h5_writer_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
  struct h5_writer *writer = (struct h5_writer *)file;
  struct h5_target *target = writer->target;
  (void)transfer, (void)closing;
  if (writer->size == writer->allocated) return 0;
  while (!target->code && ftruncate(target->descriptor, (off_t)writer->allocated) != 0)
    if (errno != EINTR) target->code = errno;
  writer->size = writer->allocated;
  return 0;
}

/// Makes the driver known to libhdf5; negative on failure.
static inline hid_t h5_register_writer(void) {
  static const H5FD_class_t writer = {
#if H5_VERSION_GE(1, 13, 0)
      .version = H5FD_CLASS_VERSION,
      .value = (H5FD_class_value_t)514,
#endif
      .name = "lockstep-writer",
      .maxaddr = ((haddr_t)1 << 62),
      .fc_degree = H5F_CLOSE_WEAK,
      .fapl_size = sizeof(struct h5_writer_info),
      .open = h5_writer_open,
      .close = h5_writer_close,
      .query = h5_writer_query,
      .get_eoa = h5_writer_allocated,
      .set_eoa = h5_writer_allocate,
      .get_eof = h5_writer_size,
      .read = h5_writer_read,
      .write = h5_writer_write,
      .truncate = h5_writer_truncate,
      .fl_map = H5FD_FLMAP_DICHOTOMY};
  return H5FDregister(&writer);
}

/// Has files that are opened with `access` written to `target`.
static inline herr_t h5_set_target(hid_t access, hid_t driver, struct h5_target *target) {
  struct h5_writer_info info = {target};
  return H5Pset_driver(access, driver, &info);
}
