// HDF5's identifiers and several flags are macros over casts or function calls, which Swift does not import.
#pragma once
#include <hdf5.h>

/// The memory (and file) type of an integer of 1, 2, 4 or 8 bytes.
static inline hid_t h5_native_integer(size_t bytes, int isSigned) {
  switch (bytes) {
    case 1: return isSigned ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8;
    case 2: return isSigned ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16;
    case 4: return isSigned ? H5T_NATIVE_INT32 : H5T_NATIVE_UINT32;
    default: return isSigned ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
  }
}

/// The memory (and file) type of a floating-point number of 4 or 8 bytes.
static inline hid_t h5_native_float(size_t bytes) {
  return bytes == 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
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

/// Frees the strings that HDF5 allocated for `buffer`.
static inline herr_t h5_free_strings(hid_t type, hid_t space, void *buffer) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Treclaim(type, space, H5P_DEFAULT, buffer);
#else
  return H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
#endif
}

/// Bytes of a reference to a string of varying length in a file: its length, and the address and index of what holds it.
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
  hid_t text = h5_new_string_type(0), reference = h5_new_reference_type();
  herr_t status = H5Tregister(H5T_PERS_SOFT, "reference", text, reference, h5_keep_reference);
  H5Tclose(text), H5Tclose(reference);
  return status;
}
