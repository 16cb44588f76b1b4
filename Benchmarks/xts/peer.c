// libgcrypt itself over the same 8 GiB: buffers of 1 MiB, each in one call, as one data unit.
#include <gcrypt.h>
#include <stdlib.h>

int main(void) {
  gcry_check_version(NULL);
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
  unsigned char key[64], iv[16] = {0};
  for (int i = 0; i < 64; i++) key[i] = i;
  gcry_cipher_hd_t cipher;
  if (gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0)) return 1;
  if (gcry_cipher_setkey(cipher, key, sizeof key)) return 1;
  unsigned char *buffer = aligned_alloc(4096, 1 << 20);
  for (int i = 0; i < 1 << 20; i++) buffer[i] = 0;
  for (int run = 0; run < 8192; run++) {
    iv[0] = run, iv[1] = run >> 8;
    if (gcry_cipher_setiv(cipher, iv, sizeof iv)) return 1;
    if (gcry_cipher_encrypt(cipher, buffer, 1 << 20, NULL, 0)) return 1;
  }
  return 0;
}
