// libcryptsetup for Swift, loaded when it is first needed (docs/decisions/0007-encryption.md). Each line
// after the includes says why it is there.
#ifndef SWIFT_SIF_CCRYPTSETUP_SHIM_H
#define SWIFT_SIF_CCRYPTSETUP_SHIM_H

#include <dlfcn.h>
#include <libcryptsetup.h>
#include <stddef.h>
#include <stdint.h>

// The functions in use, with the types from the library's own header.
struct cryptsetup_calls {
  __typeof__(crypt_init) *init;
  __typeof__(crypt_free) *free;
  __typeof__(crypt_set_log_callback) *set_log_callback;
  __typeof__(crypt_metadata_locking) *metadata_locking;
  __typeof__(crypt_set_metadata_size) *set_metadata_size;
  __typeof__(crypt_set_data_offset) *set_data_offset;
  __typeof__(crypt_set_pbkdf_type) *set_pbkdf_type;
  __typeof__(crypt_format) *format;
  __typeof__(crypt_load) *load;
  __typeof__(crypt_volume_key_get) *volume_key_get;
  __typeof__(crypt_keyslot_add_by_volume_key) *keyslot_add_by_volume_key;
  __typeof__(crypt_keyslot_destroy) *keyslot_destroy;
  __typeof__(crypt_token_json_set) *token_json_set;
  __typeof__(crypt_set_data_device) *set_data_device;
  __typeof__(crypt_activate_by_volume_key) *activate_by_volume_key;
};

// In C because Swift cannot convert a pointer to data to a pointer to a function. Returns the name of the
// first function that the library lacks, or NULL.
static inline const char *cryptsetup_resolve(struct cryptsetup_calls *calls, void *library) {
#define CRYPTSETUP_CALL(name) \
  if (!(*(void **)&calls->name = dlsym(library, "crypt_" #name))) return "crypt_" #name;
  CRYPTSETUP_CALL(init)
  CRYPTSETUP_CALL(free)
  CRYPTSETUP_CALL(set_log_callback)
  CRYPTSETUP_CALL(metadata_locking)
  CRYPTSETUP_CALL(set_metadata_size)
  CRYPTSETUP_CALL(set_data_offset)
  CRYPTSETUP_CALL(set_pbkdf_type)
  CRYPTSETUP_CALL(format)
  CRYPTSETUP_CALL(load)
  CRYPTSETUP_CALL(volume_key_get)
  CRYPTSETUP_CALL(keyslot_add_by_volume_key)
  CRYPTSETUP_CALL(keyslot_destroy)
  CRYPTSETUP_CALL(token_json_set)
  CRYPTSETUP_CALL(set_data_device)
  CRYPTSETUP_CALL(activate_by_volume_key)
#undef CRYPTSETUP_CALL
  return NULL;
}

// Swift does not import macros that shift a constant.
static const unsigned int cryptsetup_no_benchmark = CRYPT_PBKDF_NO_BENCHMARK;
static const uint32_t cryptsetup_read_only = CRYPT_ACTIVATE_READONLY;

#endif
