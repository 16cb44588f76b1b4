// The code of the program that siftool becomes before it becomes a program of an image (launcher.c).
#ifndef SWIFT_SIF_LAUNCHER_H
#define SWIFT_SIF_LAUNCHER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

extern const uint8_t siftool_launcher[] __attribute__((visibility("hidden")));
extern const uint8_t siftool_launcher_end[] __attribute__((visibility("hidden")));

// Swift does not import arrays of unknown length.
static inline const uint8_t *launcher_code(void) { return siftool_launcher; }
static inline size_t launcher_code_size(void) { return (size_t)(siftool_launcher_end - siftool_launcher); }

// The machine that this was compiled for, as in an ELF header.
#if defined(__x86_64__)
static const uint16_t launcher_machine = EM_X86_64;
#elif defined(__aarch64__)
static const uint16_t launcher_machine = EM_AARCH64;
#endif

#endif
