// A loader that an image names for a program: it keeps open what it was started from, which is /proc/self/exe, and becomes
// a program of the image that writes there.
static long call(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
void _start(void) {
  call(1, 1, (long)"loaded\n", 7);
  call(33, call(2, (long)"/proc/self/exe", 0, 0), 20, 0);
  char *arguments[] = {"/bin/late", 0}, *environment[] = {0};
  call(59, (long)arguments[0], (long)arguments, (long)environment);
  call(60, 99, 0, 0);
}
