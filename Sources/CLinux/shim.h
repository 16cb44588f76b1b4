// Kernel interfaces that Swift's Glibc module lacks: it is built without _GNU_SOURCE, and macros with
// casts or arguments never import. Nothing here does more than give such a thing a name.
#ifndef SWIFT_SIF_CLINUX_SHIM_H
#define SWIFT_SIF_CLINUX_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// <fcntl.h> and <linux/fs.h> guard these by _GNU_SOURCE, which Glibc's own module did not define.
static const int linux_f_ofd_getlk = 36;
static const int linux_f_ofd_setlk = 37;
static const int linux_seek_data = 3;
static const int linux_seek_hole = 4;
static const int linux_o_tmpfile = 020200000;

// fcntl is variadic: Swift does not import it with a struct argument.
static inline int linux_fcntl_lock(int fd, int command, struct flock *lock) {
  return fcntl(fd, command, lock);
}

// Declared under _GNU_SOURCE only.
static inline ssize_t linux_copy_file_range(int from, off_t *offset, int to, size_t count) {
  return copy_file_range(from, offset, to, NULL, count, 0);
}

// <sys/sendfile.h> is not part of Glibc's module.
static inline ssize_t linux_sendfile(int to, int from, off_t *offset, size_t count) {
  return sendfile(to, from, offset, count);
}

// fcntl(F_DUPFD_CLOEXEC) is variadic.
static inline int linux_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

// errno is a macro over a function call.
static inline int linux_errno(void) { return errno; }

// FICLONE is a function-like macro, and ioctl is variadic.
static inline int linux_clone_file(int destination, int source) {
  return ioctl(destination, FICLONE, source);
}

// BLKGETSIZE64 likewise: the size of a block device in bytes.
static inline int linux_block_device_size(int fd, uint64_t *size) {
  return ioctl(fd, BLKGETSIZE64, size);
}

#endif
