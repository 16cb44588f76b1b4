// libgcrypt for Swift. Each line after the include says why it is there.
#ifndef SWIFT_SIF_CGCRYPT_SHIM_H
#define SWIFT_SIF_CGCRYPT_SHIM_H

#include <gcrypt.h>

// gcry_control is variadic, so each command in use has its own function.
static inline gcry_error_t gcrypt_disable_secure_memory_warning(void) {
  return gcry_control(GCRYCTL_DISABLE_SECMEM_WARN, 0);
}
static inline gcry_error_t gcrypt_initialise_secure_memory(int bytes) {
  return gcry_control(GCRYCTL_INIT_SECMEM, bytes, 0);
}
static inline gcry_error_t gcrypt_expand_secure_memory(unsigned int bytes) {
  return gcry_control(GCRYCTL_AUTO_EXPAND_SECMEM, bytes);
}
static inline gcry_error_t gcrypt_initialization_finished(void) {
  return gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

// A plain memset before free may be optimised away; a volatile store may not.
static inline void gcrypt_wipe(void *memory, size_t bytes) {
  volatile unsigned char *byte = memory;
  while (bytes--) *byte++ = 0;
}

#endif
