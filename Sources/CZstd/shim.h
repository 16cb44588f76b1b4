// zstd for Swift: contexts for more than one block, and streaming decompression of tar archives.
#ifndef SWIFT_SIF_CZSTD_SHIM_H
#define SWIFT_SIF_CZSTD_SHIM_H

#include <zstd.h>
// Needed to distinguish "the output does not fit" from other errors.
#include <zstd_errors.h>

#endif
