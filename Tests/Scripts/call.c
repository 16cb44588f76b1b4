// call NUMBER [ARGUMENT...]   makes a system call by its number and prints the error, or 0; as call32, one of 32 bits
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
  long a[4] = {0, 0, 0, 0}, result;
  for (int i = 2; i < count && i < 6; i++) a[i - 2] = strtoul(words[i], 0, 0);
  if (!strcmp(words[0], "call32")) {
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(a[0] * 0 + atol(words[1])), "b"(a[0]), "c"(a[1]) : "memory");
  } else {
    result = syscall(atol(words[1]), a[0], a[1], a[2], a[3]);
    if (result < 0) result = -errno;
  }
  printf("%ld\n", result < 0 ? result : 0);
  return 0;
}
