// libseccomp for Swift: filters of system calls, compiled for the kernel. LGPL 2.1, linked statically: the sources
// that a user needs to link siftool with another version of it are this repository.
#ifndef SWIFT_SIF_CSECCOMP_SHIM_H
#define SWIFT_SIF_CSECCOMP_SHIM_H

#include <seccomp.h>

// A macro with arguments: what a filter answers, with a number for the caller or the tracer.
static inline uint32_t linux_seccomp_errno(uint32_t number) { return SCMP_ACT_ERRNO(number); }
static inline uint32_t linux_seccomp_trace(uint32_t number) { return SCMP_ACT_TRACE(number); }

#endif
