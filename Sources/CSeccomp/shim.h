// libseccomp for Swift: compiles filters of system calls for the kernel. It is LGPL 2.1 and linked
// statically; this repository has the sources that a user needs to link siftool with another version of it.
#ifndef SWIFT_SIF_CSECCOMP_SHIM_H
#define SWIFT_SIF_CSECCOMP_SHIM_H

#include <seccomp.h>

// These are macros with arguments: the result of a filter, with a number for the caller or the tracer.
static inline uint32_t linux_seccomp_errno(uint32_t number) { return SCMP_ACT_ERRNO(number); }
static inline uint32_t linux_seccomp_trace(uint32_t number) { return SCMP_ACT_TRACE(number); }

// Reports a call to the process that listens.
static const uint32_t linux_seccomp_notify = 0x7fc00000U;

#endif
