// zstd for Swift: contexts that outlive a block, and streaming decompression of tar archives.
#ifndef SWIFT_SIF_CZSTD_SHIM_H
#define SWIFT_SIF_CZSTD_SHIM_H

#include <zstd.h>
// "The output does not fit" must be told from real failures.
#include <zstd_errors.h>

#endif
