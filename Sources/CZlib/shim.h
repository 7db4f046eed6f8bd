// zlib's initialisers are macros that pass its version and a structure size, which Swift does not import.
#pragma once
#include <zlib.h>

/// Prepares `stream` to inflate zlib's own format (RFC 1950), which HDF5 uses.
static inline int zlib_begin(z_stream *stream) { return inflateInit(stream); }

/// Prepares `stream` to inflate one gzip member (RFC 1952), its checksum and length verified.
static inline int zlib_begin_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

/// Prepares `stream` to inflate bare deflated data (RFC 1951), as they lie in a zip file.
static inline int zlib_begin_raw(z_stream *stream) { return inflateInit2(stream, -15); }
