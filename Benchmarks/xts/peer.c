// libgcrypt itself over the same 8 GiB, in buffers of 1 MiB: peer BYTES-PER-CALL. Each call is one data unit.
#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
  size_t unit = count > 1 ? strtoul(arguments[1], NULL, 10) : 4096;
  gcry_check_version(NULL);
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
  unsigned char key[64], vector[16] = {0};
  for (int i = 0; i < 64; i++) key[i] = i;
  gcry_cipher_hd_t cipher;
  if (gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0)) return 1;
  if (gcry_cipher_setkey(cipher, key, sizeof key)) return 1;
  unsigned char *buffer = aligned_alloc(4096, 1 << 20);
  memset(buffer, 0, 1 << 20);
  unsigned long number = 0;
  for (int run = 0; run < 8192; run++) {
    for (size_t place = 0; place < 1 << 20; place += unit, number += unit / 512) {
      memcpy(vector, &number, sizeof number);
      if (gcry_cipher_setiv(cipher, vector, sizeof vector)) return 1;
      if (gcry_cipher_encrypt(cipher, buffer + place, unit, NULL, 0)) return 1;
    }
  }
  return 0;
}
