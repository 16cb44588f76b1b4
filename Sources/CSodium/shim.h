// libsodium for Swift: Ed25519, for which libgcrypt takes no message beyond 64 KiB.
#ifndef SWIFT_SIF_CSODIUM_SHIM_H
#define SWIFT_SIF_CSODIUM_SHIM_H

// Signing, verifying and the keys of both.
#include <sodium/crypto_sign_ed25519.h>
// Whether 32 bytes are a point that a key may be.
#include <sodium/crypto_core_ed25519.h>

#endif
