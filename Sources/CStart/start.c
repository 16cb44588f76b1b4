// Two parts of Swift's runtime run before main in every process, and this tool needs neither. If the runtime
// is linked statically, these definitions replace those of the archive. If it is a shared library, they are
// hidden from it and do nothing. If a new runtime no longer matches, linking fails with a duplicate symbol.
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden"), used))

// The runtime finds its arguments by searching /proc/self/maps for the stack. But the C library passes them
// to every constructor.
static int argument_count;
static char **arguments;

// With less stack than this the process would end by SIGSEGV somewhere, without a word (spec/output.md lists the status).
enum { SMALLEST_STACK = 256 << 10 };

__attribute__((constructor(101))) static void require_stack(void) {
  struct rlimit stack;
  if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur >= SMALLEST_STACK) return;
  static const char text[] = "siftool: a program needs a stack of 256 KiB, and this process may have less (`ulimit -s`)\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(7);
  _exit(7);
}

__attribute__((constructor(101))) static void keep_arguments(int count, char **vector) {
  argument_count = count;
  arguments = vector;
}

HIDDEN char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
  *count = argument_count;
  return arguments;
}

HIDDEN void _swift_stdlib_overrideUnsafeArgvArgc(char **vector, int count) {
  arguments = vector;
  argument_count = count;
}

// When a process crashes on a terminal, the runtime runs a program called swift-backtrace. It looks for that
// beside the executable's name, which is the working directory if a shell found the tool in PATH. A tool that
// works on other people's images and directories must not start a program from there. All zeros mean "off".
HIDDEN char _swift_backtraceSettings[256];

HIDDEN bool _swift_spawnBacktracer(const void *arguments, int memory) {
  (void)arguments, (void)memory;
  return false;
}

HIDDEN void _swift_displayCrashMessage(int signal, const void *address) { (void)signal, (void)address; }

HIDDEN bool _swift_backtrace_isThunkFunction(const char *name) {
  (void)name;
  return false;
}

HIDDEN char *_swift_backtrace_demangle(const char *name, size_t length, char *buffer, size_t *size) {
  (void)name, (void)length, (void)buffer, (void)size;
  return NULL;
}
