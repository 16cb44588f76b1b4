// libsodium for Swift: Ed25519, because libgcrypt only takes messages of up to 64 KiB.
#ifndef SWIFT_SIF_CSODIUM_SHIM_H
#define SWIFT_SIF_CSODIUM_SHIM_H

// Signing and verifying, and the keys for both.
#include <sodium/crypto_sign_ed25519.h>
// Whether 32 bytes are a valid point for a key.
#include <sodium/crypto_core_ed25519.h>

#endif
