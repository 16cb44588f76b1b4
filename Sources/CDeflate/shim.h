// libdeflate for Swift: whole-buffer zlib streams, for the blocks of gzip-compressed squashfs.
#ifndef SWIFT_SIF_CDEFLATE_SHIM_H
#define SWIFT_SIF_CDEFLATE_SHIM_H

#include <libdeflate.h>

#endif
