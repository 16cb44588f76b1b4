// The program that siftool becomes by execve(2) before it becomes a program of an image. When the kernel opens that
// program, /proc/self/exe is this one, and not an executable of the host (spec/runtime.md "The launcher").
//
// It is written in assembler: the bytes are copied into a file and run at another address, and things that a
// compiler adds to code, such as calls for instrumentation, would not work there. It only calls the kernel,
// and reads its plan, the 64-bit numbers that follow the code:
//
//    0 filters of system calls: pairs of flags and the address of a sock_fprog, until one without an address
//    8 messages for a filter that the kernel refuses
//   16 paths to try; the list ends with 0
//   24 arguments
//   32 variables
//   40 messages for a program that cannot be started
//   48 messages for a start by somebody else; only the first is used
//   56 a sigaction that ignores a signal
//   88 the file that asks for a confinement; 0 for none
//   96 what is written to it
//  104 its length
//  112 messages for a confinement that the kernel refuses
//
// Messages are 135 triples, one for each error number and the last one for all others: an address, a length,
// and an exit status.
#include "launcher.h"

#if defined(__x86_64__)
__asm__(
  ".pushsection .rodata.siftool_launcher, \"a\", @progbits\n"
  ".balign 16\n"
  ".globl siftool_launcher, siftool_launcher_end\n"
  ".hidden siftool_launcher, siftool_launcher_end\n"
  "siftool_launcher:\n"
  "  lea siftool_launcher_end(%rip), %rbx\n"
  "  xor %r14d, %r14d\n"            // the error number
  "  mov 48(%rbx), %r13\n"          // the messages
  // A start through /proc/self/exe passes a program name; ours is empty.
  "  mov 8(%rsp), %rax\n"
  "  cmpb $0, (%rax)\n"
  "  jne 7f\n"
  // Before the filters, which may forbid these calls. It takes effect with the next program, not for this one.
  "  mov 88(%rbx), %rdi\n"
  "  test %rdi, %rdi\n"
  "  jz 9f\n"
  "  mov 112(%rbx), %r13\n"
  "  mov $1, %esi\n"               // O_WRONLY
  "  xor %edx, %edx\n"
  "  mov $2, %eax\n"               // open
  "  syscall\n"
  "  mov %eax, %r14d\n"
  "  neg %r14d\n"
  "  test %eax, %eax\n"
  "  js 7f\n"
  "  mov %eax, %edi\n"
  "  mov 96(%rbx), %rsi\n"
  "  mov 104(%rbx), %rdx\n"
  "  mov $1, %eax\n"               // write
  "  syscall\n"
  "  mov %eax, %r14d\n"
  "  neg %r14d\n"
  "  test %eax, %eax\n"
  "  js 7f\n"
  "  mov $3, %eax\n"               // close
  "  syscall\n"
  "  xor %r14d, %r14d\n"
  "9: mov (%rbx), %r12\n"
  "  mov 8(%rbx), %r13\n"
  "1: mov 8(%r12), %rdx\n"
  "  test %rdx, %rdx\n"
  "  jz 2f\n"
  "  mov (%r12), %rsi\n"
  "  mov $1, %edi\n"                // SECCOMP_SET_MODE_FILTER
  "  mov $317, %eax\n"              // seccomp
  "  syscall\n"
  "  mov %eax, %r14d\n"
  "  neg %r14d\n"
  "  test %eax, %eax\n"
  "  js 7f\n"
  "  add $16, %r12\n"
  "  jmp 1b\n"
  "2: mov 16(%rbx), %r12\n"
  "  xor %r14d, %r14d\n"
  "3: mov (%r12), %rdi\n"
  "  test %rdi, %rdi\n"
  "  jz 6f\n"
  "  add $8, %r12\n"
  "  mov 24(%rbx), %rsi\n"
  "  mov 32(%rbx), %rdx\n"
  "  mov $59, %eax\n"               // execve
  "  syscall\n"
  "  neg %eax\n"
  // ENOENT and ENOTDIR say less than any other error, so they never replace one.
  "  cmp $2, %eax\n"
  "  je 4f\n"
  "  cmp $20, %eax\n"
  "  je 4f\n"
  "  mov %eax, %r14d\n"
  "  jmp 3b\n"
  "4: test %r14d, %r14d\n"
  "  cmovz %eax, %r14d\n"
  "  jmp 3b\n"
  "6: mov 40(%rbx), %r13\n"
  "7: mov $134, %eax\n"
  "  cmp %eax, %r14d\n"
  "  cmova %eax, %r14d\n"
  "  imul $24, %r14, %r14\n"
  "  add %r14, %r13\n"
  "  mov $13, %edi\n"               // SIGPIPE
  "  lea 56(%rbx), %rsi\n"
  "  xor %edx, %edx\n"
  "  mov $8, %r10d\n"
  "  mov $13, %eax\n"               // rt_sigaction
  "  syscall\n"
  "  mov $2, %edi\n"
  "  mov (%r13), %rsi\n"
  "  mov 8(%r13), %rdx\n"
  "  mov $1, %eax\n"                // write
  "  syscall\n"
  "  mov 16(%r13), %rdi\n"
  "  mov $231, %eax\n"              // exit_group
  "  syscall\n"
  "  hlt\n"
  ".balign 16\n"
  "siftool_launcher_end:\n"
  ".popsection\n");
#elif defined(__aarch64__)
__asm__(
  ".pushsection .rodata.siftool_launcher, \"a\", %progbits\n"
  ".balign 16\n"
  ".globl siftool_launcher, siftool_launcher_end\n"
  ".hidden siftool_launcher, siftool_launcher_end\n"
  "siftool_launcher:\n"
  "  adr x19, siftool_launcher_end\n"
  "  mov w20, #0\n"                 // the error number
  "  ldr x21, [x19, #48]\n"         // the messages
  // A start through /proc/self/exe passes a program name; ours is empty.
  "  ldr x0, [sp, #8]\n"
  "  ldrb w0, [x0]\n"
  "  cbnz w0, 7f\n"
  // Before the filters, which may forbid these calls. It takes effect with the next program, not for this one.
  "  ldr x1, [x19, #88]\n"
  "  cbz x1, 9f\n"
  "  ldr x21, [x19, #112]\n"
  "  mov x0, #-100\n"              // AT_FDCWD
  "  mov x2, #1\n"                 // O_WRONLY
  "  mov x3, #0\n"
  "  mov x8, #56\n"                // openat
  "  svc #0\n"
  "  neg w20, w0\n"
  "  tbnz w0, #31, 7f\n"
  "  mov w23, w0\n"
  "  ldp x1, x2, [x19, #96]\n"
  "  mov x8, #64\n"                // write
  "  svc #0\n"
  "  neg w20, w0\n"
  "  tbnz w0, #31, 7f\n"
  "  mov w0, w23\n"
  "  mov x8, #57\n"                // close
  "  svc #0\n"
  "  mov w20, #0\n"
  "9: ldr x22, [x19]\n"
  "  ldr x21, [x19, #8]\n"
  "1: ldr x2, [x22, #8]\n"
  "  cbz x2, 2f\n"
  "  ldr x1, [x22], #16\n"
  "  mov x0, #1\n"                  // SECCOMP_SET_MODE_FILTER
  "  mov x8, #277\n"                // seccomp
  "  svc #0\n"
  "  neg w20, w0\n"
  "  tbnz w0, #31, 7f\n"
  "  b 1b\n"
  "2: ldr x22, [x19, #16]\n"
  "  mov w20, #0\n"
  "3: ldr x0, [x22], #8\n"
  "  cbz x0, 6f\n"
  "  ldr x1, [x19, #24]\n"
  "  ldr x2, [x19, #32]\n"
  "  mov x8, #221\n"                // execve
  "  svc #0\n"
  "  neg w0, w0\n"
  // ENOENT and ENOTDIR say less than any other error, so they never replace one.
  "  cmp w0, #2\n"
  "  b.eq 4f\n"
  "  cmp w0, #20\n"
  "  b.eq 4f\n"
  "  mov w20, w0\n"
  "  b 3b\n"
  "4: cmp w20, #0\n"
  "  csel w20, w0, w20, eq\n"
  "  b 3b\n"
  "6: ldr x21, [x19, #40]\n"
  "7: mov w1, #134\n"
  "  cmp w20, w1\n"
  "  csel w20, w1, w20, hi\n"
  "  mov w1, #24\n"
  "  umaddl x21, w20, w1, x21\n"
  "  mov x0, #13\n"                 // SIGPIPE
  "  add x1, x19, #56\n"
  "  mov x2, #0\n"
  "  mov x3, #8\n"
  "  mov x8, #134\n"                // rt_sigaction
  "  svc #0\n"
  "  mov x0, #2\n"
  "  ldp x1, x2, [x21]\n"
  "  mov x8, #64\n"                 // write
  "  svc #0\n"
  "  ldr x0, [x21, #16]\n"
  "  mov x8, #94\n"                 // exit_group
  "  svc #0\n"
  "  udf #0\n"
  ".balign 16\n"
  "siftool_launcher_end:\n"
  ".popsection\n");
#else
#error "the launcher has no code for this machine"
#endif
