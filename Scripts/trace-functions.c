// trace-functions COMMAND...   reads "ADDRESS NAME" lines (hexadecimal, relative to the first byte of the
// position-independent executable) and prints the names of the functions that a run of the command enters, in the
// order in which it first enters them. Each function gets a breakpoint, which is removed when it is hit.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct function {
  unsigned long address;
  unsigned char original;
  char *name;
};

static int by_address(const void *left, const void *right) {
  const struct function *a = left, *b = right;
  return a->address < b->address ? -1 : a->address > b->address;
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  struct function *functions = NULL;
  size_t known = 0, room = 0;
  char line[8192];
  while (fgets(line, sizeof line, stdin)) {
    char *name;
    unsigned long address = strtoul(line, &name, 16);
    if (*name != ' ') continue;
    if (known == room) functions = realloc(functions, (room = room * 2 + 1024) * sizeof *functions);
    name[strcspn(name, "\n")] = 0;
    functions[known++] = (struct function){address, 0, strdup(name + 1)};
  }
  qsort(functions, known, sizeof *functions, by_address);

  pid_t child = fork();
  if (child == 0) {
    personality(ADDR_NO_RANDOMIZE);
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0), dup2(nothing, 1), dup2(nothing, 2);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execv(arguments[1], arguments + 1);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", child);
  FILE *maps = fopen(path, "r");
  if (!maps || !fgets(line, sizeof line, maps)) return 1;
  unsigned long base = strtoul(line, NULL, 16);
  snprintf(path, sizeof path, "/proc/%d/mem", child);
  int memory = open(path, O_RDWR);
  const unsigned char breakpoint = 0xCC;
  for (size_t i = 0; i < known; i++) {
    if (i > 0 && functions[i].address == functions[i - 1].address) {
      functions[i].original = functions[i - 1].original;
      continue;
    }
    pread(memory, &functions[i].original, 1, base + functions[i].address);
    pwrite(memory, &breakpoint, 1, base + functions[i].address);
  }
  int signal = 0;
  while (WIFSTOPPED(status)) {
    if (ptrace(PTRACE_CONT, child, 0, signal) != 0) break;
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) break;
    signal = WSTOPSIG(status);
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, child, 0, &registers);
    struct function key = {registers.rip - 1 - base, 0, NULL};
    struct function *met = signal == SIGTRAP ? bsearch(&key, functions, known, sizeof key, by_address) : NULL;
    if (!met) continue;
    puts(met->name);
    pwrite(memory, &met->original, 1, base + met->address);
    registers.rip--;
    ptrace(PTRACE_SETREGS, child, 0, &registers);
    signal = 0;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
