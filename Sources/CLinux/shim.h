// Kernel interfaces that Swift's Glibc module lacks: it is built without _GNU_SOURCE, and macros with
// casts or arguments never import. Nothing here does more than give such a thing a name.
#ifndef SWIFT_SIF_CLINUX_SHIM_H
#define SWIFT_SIF_CLINUX_SHIM_H

// Not with _GNU_SOURCE: some types of the C library, such as fd_set, then have other members than in Swift's
// Glibc module, and which of the two a compilation meets first is a matter of chance.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// The headers show these under _GNU_SOURCE only.
static const int linux_f_ofd_setlk = 37;
static const int linux_seek_data = 3;
static const int linux_seek_hole = 4;
static const int linux_o_tmpfile = 020200000;
static const int linux_o_noatime = 01000000;

// fcntl is variadic: Swift does not import it with a struct argument.
static inline int linux_fcntl_lock(int fd, int command, struct flock *lock) {
  return fcntl(fd, command, lock);
}

// Declared under _GNU_SOURCE only.
static inline ssize_t linux_copy_file_range(int from, off_t *offset, int to, size_t count) {
  return syscall(SYS_copy_file_range, from, offset, to, (off_t *)0, count, 0);
}

// <sys/sendfile.h> is not part of Glibc's module.
static inline ssize_t linux_sendfile(int to, int from, off_t *offset, size_t count) {
  return sendfile(to, from, offset, count);
}

// fcntl(F_DUPFD_CLOEXEC) is variadic.
static inline int linux_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

// pipe2 is declared under _GNU_SOURCE only.
static inline int linux_pipe(int ends[2]) { return syscall(SYS_pipe2, ends, O_CLOEXEC); }

// The same fcntl with the lowest number that the copy may have.
static inline int linux_duplicate_above(int fd, int lowest) { return fcntl(fd, F_DUPFD_CLOEXEC, lowest); }

// memfd_create is declared under _GNU_SOURCE only: a file in memory, without a name.
static inline int linux_memory_file(const char *name) {
  return syscall(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */);
}

// prctl is variadic: from here on no core dump of this process is written, and only root may trace it.
static inline int linux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// errno is a macro over a function call.
static inline int linux_errno(void) { return errno; }
static inline void linux_set_errno(int value) { errno = value; }

// BLKGETSIZE64 has a type for an argument, and ioctl is variadic: the size of a block device in bytes.
static inline int linux_block_device_size(int fd, uint64_t *size) {
  return ioctl(fd, BLKGETSIZE64, size);
}

// glibc has no openat2: an open that the kernel keeps beneath a directory and away from symbolic links.
static inline int linux_openat2(
    int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

// Macros with no value that Swift could import, or functions behind macros.
static const uint64_t linux_resolve_beneath = RESOLVE_BENEATH;
static const uint64_t linux_resolve_no_symlinks = RESOLVE_NO_SYMLINKS;
static const int linux_o_path = 010000000;
static inline dev_t linux_makedev(uint32_t major, uint32_t minor) { return makedev(major, minor); }
static inline uint32_t linux_major(dev_t device) { return major(device); }
static inline uint32_t linux_minor(dev_t device) { return minor(device); }

// Glibc's module leaves <sys/xattr.h> out.
extern ssize_t fgetxattr(int fd, const char *name, void *value, size_t size);
extern ssize_t flistxattr(int fd, char *list, size_t size);
extern int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
extern ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size);
extern ssize_t llistxattr(const char *path, char *list, size_t size);
extern int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags);
static inline ssize_t linux_fgetxattr(int fd, const char *name, void *value, size_t size) {
  return fgetxattr(fd, name, value, size);
}
static inline ssize_t linux_flistxattr(int fd, char *list, size_t size) { return flistxattr(fd, list, size); }
static inline int linux_fsetxattr(int fd, const char *name, const void *value, size_t size) {
  return fsetxattr(fd, name, value, size, 0);
}
static inline ssize_t linux_lgetxattr(const char *path, const char *name, void *value, size_t size) {
  return lgetxattr(path, name, value, size);
}
static inline ssize_t linux_llistxattr(const char *path, char *list, size_t size) {
  return llistxattr(path, list, size);
}
static inline int linux_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
  return lsetxattr(path, name, value, size, 0);
}

#endif
