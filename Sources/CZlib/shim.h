// zlib for Swift: streaming decompression of tar archives. Each line after the include says why it is there.
#ifndef SWIFT_SIF_CZLIB_SHIM_H
#define SWIFT_SIF_CZLIB_SHIM_H

#include <zlib.h>

// inflateInit2 is a macro that adds the version and the size of the structure.
static inline int zlib_inflate_begin(z_stream *stream, int window_bits) {
  return inflateInit2(stream, window_bits);
}

#endif
