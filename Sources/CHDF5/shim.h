// HDF5's identifiers and several flags are macros over casts or function calls, which Swift does not import.
#pragma once
#include <hdf5.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/// The memory (and file) type of an integer of 1, 2, 4 or 8 bytes.
static inline hid_t h5_native_integer(size_t bytes, int isSigned) {
  switch (bytes) {
    case 1: return isSigned ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8;
    case 2: return isSigned ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16;
    case 4: return isSigned ? H5T_NATIVE_INT32 : H5T_NATIVE_UINT32;
    default: return isSigned ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
  }
}

/// The memory (and file) type of IEEE half precision, which HDF5 1.10 has no name for; made once, never closed.
static inline hid_t h5_native_half(void) {
  static hid_t half = -1;
  if (half >= 0) return half;
  hid_t type = H5Tcopy(H5T_NATIVE_FLOAT);
  if (type < 0) return type;
  if (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0) {
    H5Tclose(type);
    return -1;
  }
  return half = type;
}

/// The memory (and file) type of a floating-point number of 2, 4 or 8 bytes.
static inline hid_t h5_native_float(size_t bytes) {
  return bytes == 2 ? h5_native_half() : bytes == 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
}

/// Whether a floating-point type of 2 bytes is IEEE half precision, in either order of bytes.
static inline int h5_is_half(hid_t type) {
  size_t sign, exponent, exponentBits, mantissa, mantissaBits;
  return H5Tget_fields(type, &sign, &exponent, &exponentBits, &mantissa, &mantissaBits) >= 0 && sign == 15 &&
         exponent == 10 && exponentBits == 5 && mantissa == 0 && mantissaBits == 10 && H5Tget_ebias(type) == 15;
}

/// A new UTF-8 string type, zero-padded; `bytes` of 0 asks for variable length. The caller closes it.
static inline hid_t h5_new_string_type(size_t bytes) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, bytes == 0 ? H5T_VARIABLE : bytes) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
      (bytes != 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

static inline hid_t h5_new_file_access(void) { return H5Pcreate(H5P_FILE_ACCESS); }
static inline hid_t h5_new_file_creation(void) { return H5Pcreate(H5P_FILE_CREATE); }
static inline hid_t h5_new_group_creation(void) { return H5Pcreate(H5P_GROUP_CREATE); }
static inline hid_t h5_new_dataset_creation(void) { return H5Pcreate(H5P_DATASET_CREATE); }
static inline unsigned h5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned h5_truncate(void) { return H5F_ACC_TRUNC; }

/// A file in memory, which goes with its descriptor; negative on failure.
static inline int h5_memory_file(void) { return (int)syscall(SYS_memfd_create, "lockstep", 1u /* MFD_CLOEXEC */); }

/// Lets a file system without locks serve files: they are replaced whole, never changed under a reader.
static inline herr_t h5_disable_file_locking(hid_t access) {
#if H5_VERSION_GE(1, 10, 7)
  return H5Pset_file_locking(access, 0, 1);
#else
  (void)access;
  return 0;
#endif
}

static inline herr_t h5_refuse_external_link(const char *parentFile, const char *parentGroup, const char *childFile,
                                             const char *childObject, unsigned *flags, hid_t access, void *data) {
  (void)parentFile, (void)parentGroup, (void)childFile, (void)childObject, (void)flags, (void)access, (void)data;
  return -1;
}

/// Link access under which every external link (a door to any other file of the machine) fails to open.
static inline hid_t h5_new_link_access(void) {
  hid_t access = H5Pcreate(H5P_LINK_ACCESS);
  if (access >= 0 && H5Pset_elink_cb(access, h5_refuse_external_link, NULL) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}

/// 1 for a link that is the object itself, 0 for one that names a path, in this file or another; negative on failure.
static inline int h5_is_hard_link(hid_t file, const char *path, hid_t access) {
  H5L_info_t info;
  return H5Lget_info(file, path, &info, access) < 0 ? -1 : info.type == H5L_TYPE_HARD;
}

/// Where in the file an object begins.
static inline herr_t h5_address(hid_t object, haddr_t *address) {
#if H5_VERSION_GE(1, 12, 0)
  H5O_info1_t info;
#else
  H5O_info_t info;
#endif
  if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) return -1;
  *address = info.addr;
  return 0;
}

/// Frees the strings that HDF5 allocated for `buffer`.
static inline herr_t h5_free_strings(hid_t type, hid_t space, void *buffer) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Treclaim(type, space, H5P_DEFAULT, buffer);
#else
  return H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
#endif
}

/// The memory (and file) type of lists of bytes, each of a length of its own; the caller closes it.
static inline hid_t h5_new_list_type(void) { return H5Tvlen_create(H5T_NATIVE_UINT8); }

/// Whether elements of a type are such lists.
static inline int h5_is_byte_list(hid_t type) {
  if (H5Tget_class(type) != H5T_VLEN) return 0;
  hid_t element = H5Tget_super(type);
  if (element < 0) return 0;
  int is_byte = H5Tget_class(element) == H5T_INTEGER && H5Tget_size(element) == 1;
  H5Tclose(element);
  return is_byte;
}

/// Bytes of a reference to a string or list of varying length in a file: its length, and the address and index of what holds it.
#define H5_REFERENCE_BYTES 16

/// The "conversion" of such references to plain bytes: they stay as they are.
static inline herr_t h5_keep_reference(hid_t source, hid_t target, H5T_cdata_t *data, size_t count, size_t stride,
                                       size_t other_stride, void *buffer, void *other, hid_t transfer) {
  (void)count, (void)stride, (void)other_stride, (void)buffer, (void)other, (void)transfer;
  if (data->command != H5T_CONV_INIT) return 0;
  data->need_bkg = H5T_BKG_NO;
  return H5Tget_size(source) == H5_REFERENCE_BYTES && H5Tget_size(target) == H5_REFERENCE_BYTES ? 0 : -1;
}

/// A type by which references are read as they lie in the file; the caller closes it.
static inline hid_t h5_new_reference_type(void) { return H5Tcreate(H5T_OPAQUE, H5_REFERENCE_BYTES); }

/// Makes libhdf5 hand out references; once is enough.
static inline herr_t h5_register_references(void) {
  hid_t text = h5_new_string_type(0), list = h5_new_list_type(), reference = h5_new_reference_type();
  herr_t status = H5Tregister(H5T_PERS_SOFT, "reference", text, reference, h5_keep_reference);
  if (status >= 0) status = H5Tregister(H5T_PERS_SOFT, "list", list, reference, h5_keep_reference);
  H5Tclose(text), H5Tclose(list), H5Tclose(reference);
  return status;
}

// A driver of our own, through which files are read. libhdf5's own drivers let it collect what it has read of the metadata,
// and it copies from far beyond that where a file names an absurd address. Here every address is held against the file.
struct h5_reader {
  H5FD_t base;
  int descriptor;
  haddr_t allocated, size;
};

static inline H5FD_t *h5_reader_open(const char *path, unsigned flags, hid_t access, haddr_t most) {
  (void)access, (void)most;
  struct stat status;
  if (flags & (H5F_ACC_RDWR | H5F_ACC_CREAT | H5F_ACC_TRUNC)) return NULL;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return NULL;
  struct h5_reader *reader = fstat(descriptor, &status) == 0 ? (struct h5_reader *)calloc(1, sizeof *reader) : NULL;
  if (!reader) {
    close(descriptor);
    return NULL;
  }
  reader->descriptor = descriptor;
  reader->size = (haddr_t)status.st_size;
  return &reader->base;
}

static inline herr_t h5_reader_close(H5FD_t *file) {
  close(((struct h5_reader *)file)->descriptor);
  free(file);
  return 0;
}

static inline herr_t h5_reader_query(const H5FD_t *file, unsigned long *flags) { return (void)file, *flags = 0, 0; }

static inline haddr_t h5_reader_allocated(const H5FD_t *file, H5FD_mem_t kind) {
  return (void)kind, ((const struct h5_reader *)file)->allocated;
}

static inline herr_t h5_reader_allocate(H5FD_t *file, H5FD_mem_t kind, haddr_t end) {
  return (void)kind, ((struct h5_reader *)file)->allocated = end, 0;
}

static inline haddr_t h5_reader_size(const H5FD_t *file, H5FD_mem_t kind) {
  return (void)kind, ((const struct h5_reader *)file)->size;
}

/// Whether what begins with a signature of a B-tree (version 2) may be handed to libhdf5: it makes room for nodes of any size,
/// divides it by records of none, has no such kind as it is told, and looks into a heap that is not there for attributes that
/// are "shared".
static inline int h5_is_sound(const unsigned char *bytes, size_t count, haddr_t size) {
  if (count >= 12 && memcmp(bytes, "BTHD", 4) == 0) {
    haddr_t node = bytes[6] | bytes[7] << 8 | bytes[8] << 16 | (haddr_t)bytes[9] << 24;
    unsigned record = bytes[10] | (unsigned)bytes[11] << 8;
    return bytes[5] >= 1 && bytes[5] <= 11 && node <= size && record > 0 && node >= 2 * ((haddr_t)record + 32);
  }
  if (count < 6 || memcmp(bytes, "BTLF", 4) != 0 || (bytes[5] != 8 && bytes[5] != 9)) return 1;
  // Records of attributes by name (8) or order (9): a heap's id of eight bytes, then flags.
  size_t record = bytes[5] == 8 ? 17 : 13;
  for (size_t place = 6; place + record + 4 <= count; place += record) {
    if (bytes[place + 8] & 2) return 0;
  }
  return 1;
}

/// A read that a signal interrupts goes on: handlers of MPI and of other libraries may not ask for that.
static inline int h5_read_all(int descriptor, void *buffer, size_t count, haddr_t address) {
  for (size_t done = 0; done < count;) {
    ssize_t got = pread(descriptor, (char *)buffer + done, count - done, (off_t)(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    done += (size_t)got;
  }
  return 0;
}

static inline size_t h5_little(const unsigned char *bytes, unsigned count) {
  size_t value = 0;
  while (count-- > 0) value = value << 8 | bytes[count];
  return value;
}

/// Whether a fill value (an object header's message 5, or 4 in older files) lies within its message: libhdf5 copies as many bytes
/// as it says.
static inline int h5_is_sound_fill(unsigned type, const unsigned char *body, size_t size) {
  size_t head = type == 4 ? 4 : 8;
  if (type != 4 && type != 5) return 1;
  if (type == 5) {
    if (size < 2) return 0;
    if (body[0] >= 3) {
      if (!(body[1] & 0x20)) return 1;
      head = 6;
    } else if (size >= 4 && body[0] == 2 && !body[3]) {
      return 1;
    }
  }
  if (size < head) return 0;
  size_t bytes = h5_little(body + head - 4, 4);
  // -1 stands for none in the older versions.
  return bytes <= size - head || (head == 8 && bytes > INT32_MAX);
}

/// The bytes of an object header (version 2), as far as its first bytes tell; 0 where they are none.
static inline size_t h5_header_bytes(const unsigned char *bytes, size_t count, size_t *first) {
  if (count < 32 || memcmp(bytes, "OHDR", 4) != 0) return 0;
  unsigned flags = bytes[5], width = 1u << (flags & 3);
  *first = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0) + width;
  if (*first > count) return 0;
  size_t messages = h5_little(bytes + *first - width, width);
  return messages > SIZE_MAX / 2 ? SIZE_MAX : *first + messages + 4;
}

/// Whether an object header may be handed to libhdf5; what it has not read of it yet is read here.
static inline int h5_is_sound_header(int descriptor, haddr_t address, const unsigned char *bytes, size_t count,
                                     haddr_t size) {
  size_t first = 0, whole = h5_header_bytes(bytes, count, &first);
  if (whole == 0) return 1;
  if (whole > size - address) return 0;
  unsigned char *all = NULL;
  if (whole > count) {
    all = (unsigned char *)malloc(whole);
    if (!all || h5_read_all(descriptor, all, whole, address) < 0) return free(all), 0;
    bytes = all;
  }
  const unsigned char *message = bytes + first, *end = bytes + whole - 4;
  ptrdiff_t head = bytes[5] & 4 ? 6 : 4;
  int isSound = 1;
  while (isSound && end - message >= head) {
    size_t length = h5_little(message + 1, 2);
    // One that goes on behind the header's end libhdf5 refuses itself.
    if (length > (size_t)(end - message - head)) break;
    isSound = h5_is_sound_fill(message[0], message + head, length);
    message += head + length;
  }
  free(all);
  return isSound;
}

static inline herr_t h5_reader_read(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t count,
                                    void *buffer) {
  struct h5_reader *reader = (struct h5_reader *)file;
  (void)transfer;
  if (address > reader->size || count > reader->size - address) return -1;
  if (h5_read_all(reader->descriptor, buffer, count, address) < 0) return -1;
  const unsigned char *bytes = (const unsigned char *)buffer;
  int isSound = h5_is_sound(bytes, count, reader->size) &&
                (kind == H5FD_MEM_DRAW || h5_is_sound_header(reader->descriptor, address, bytes, count, reader->size));
  return isSound ? 0 : -1;
}

static inline herr_t h5_reader_write(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address, size_t count,
                                     const void *buffer) {
  return (void)file, (void)kind, (void)transfer, (void)address, (void)count, (void)buffer, -1;
}

/// Makes the driver known to libhdf5; negative on failure.
static inline hid_t h5_register_reader(void) {
  static const H5FD_class_t reader = {
#if H5_VERSION_GE(1, 13, 0)
      .version = H5FD_CLASS_VERSION,
      .value = (H5FD_class_value_t)513,
#endif
      .name = "lockstep",
      .maxaddr = ((haddr_t)1 << 62),
      .fc_degree = H5F_CLOSE_WEAK,
      .open = h5_reader_open,
      .close = h5_reader_close,
      .query = h5_reader_query,
      .get_eoa = h5_reader_allocated,
      .set_eoa = h5_reader_allocate,
      .get_eof = h5_reader_size,
      .read = h5_reader_read,
      .write = h5_reader_write,
      .fl_map = H5FD_FLMAP_DICHOTOMY};
  return H5FDregister(&reader);
}
