// Kernel interfaces that Swift's Glibc module lacks: it is built without _GNU_SOURCE, and Swift never imports
// macros with casts or arguments. Everything here only gives such an interface a name.
#ifndef SWIFT_SIF_CLINUX_SHIM_H
#define SWIFT_SIF_CLINUX_SHIM_H

// _GNU_SOURCE is not defined: with it, some types of the C library, such as fd_set, have other members than
// in Swift's Glibc module, and it is a matter of chance which of the two a compilation meets first.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/dm-ioctl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

// The headers only define these with _GNU_SOURCE.
static const int linux_f_ofd_setlk = 37;
static const int linux_seek_data = 3;
static const int linux_seek_hole = 4;
static const int linux_o_tmpfile = 020200000;
static const int linux_o_noatime = 01000000;

// fcntl is variadic, and Swift does not import it with a struct argument.
static inline int linux_fcntl_lock(int fd, int command, struct flock *lock) {
  return fcntl(fd, command, lock);
}

// struct statx and its call are only declared with _GNU_SOURCE. Whether the file system knows when the open file was made, and when.
static inline int linux_birth_time(int fd, int64_t *seconds, uint32_t *nanoseconds) {
  struct statx status;
  if (syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, STATX_BTIME, &status) != 0) return -1;
  if ((status.stx_mask & STATX_BTIME) == 0) return 0;
  *seconds = status.stx_btime.tv_sec;
  *nanoseconds = status.stx_btime.tv_nsec;
  return 1;
}

// The command is only defined with _GNU_SOURCE.
static inline int linux_fcntl_lease(int fd, int kind) { return fcntl(fd, 1024 /* F_SETLEASE */, kind); }

// Only declared with _GNU_SOURCE.
static inline ssize_t linux_copy_file_range(int from, off_t *offset, int to, size_t count) {
  return syscall(SYS_copy_file_range, from, offset, to, (off_t *)0, count, 0);
}

// <sys/sendfile.h> is not part of Glibc's module.
static inline ssize_t linux_sendfile(int to, int from, off_t *offset, size_t count) {
  return sendfile(to, from, offset, count);
}

// <sys/signalfd.h> is not part of Glibc's module.
static inline int linux_signal_descriptor(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Whether a signal does nothing to this process, as after nohup. The handler is in a union.
static inline int linux_is_ignored(int signal_number) {
  struct sigaction action;
  return sigaction(signal_number, 0, &action) == 0 && action.sa_handler == SIG_IGN;
}

// Only declared with _GNU_SOURCE. execve(2) then closes the descriptors from the first to the last.
static inline int linux_close_on_execute(unsigned first, unsigned last) {
  return (int)syscall(436 /* close_range */, first, last, 4 /* CLOSE_RANGE_CLOEXEC */);
}

// The same call, but it closes the descriptors at once.
static inline int linux_close_range(unsigned first, unsigned last) {
  return (int)syscall(436 /* close_range */, first, last, 0);
}

// fcntl is variadic.
static inline int linux_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

// pipe2 is only declared with _GNU_SOURCE.
static inline int linux_pipe(int ends[2]) { return syscall(SYS_pipe2, ends, O_CLOEXEC); }

// The same, with the lowest number that the copy may have.
static inline int linux_duplicate_above(int fd, int lowest) { return fcntl(fd, F_DUPFD_CLOEXEC, lowest); }

// memfd_create is only declared with _GNU_SOURCE. It makes a file in memory, without a name.
static inline int linux_memory_file(const char *name) {
  return syscall(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */);
}

// prctl is variadic. After this call the process writes no core dump, and only root may trace it.
static inline int linux_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// errno is a macro over a function call.
static inline int linux_errno(void) { return errno; }
static inline void linux_set_errno(int value) { errno = value; }

// TIOCGWINSZ: the number of a terminal's columns; 80 if it does not tell.
static inline int linux_terminal_columns(int fd) {
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The definition of BLKGETSIZE64 contains a type, and ioctl is variadic. Gets the size of a block device in bytes.
static inline int linux_block_device_size(int fd, uint64_t *size) {
  return ioctl(fd, BLKGETSIZE64, size);
}

// glibc has no openat2. The kernel keeps this open beneath a directory and away from symbolic links.
static inline int linux_openat2(
    int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  long number;
  int tries = 0;
  // The kernel asks for another try if anything on the machine is renamed or mounted meanwhile.
  do number = syscall(SYS_openat2, directory, path, &how, sizeof how);
  while (number < 0 && errno == EAGAIN && ++tries < 1000);
  return (int)number;
}

// Macros that Swift cannot import, and functions that are really macros.
static const uint64_t linux_resolve_beneath = RESOLVE_BENEATH;
static const uint64_t linux_resolve_no_symlinks = RESOLVE_NO_SYMLINKS;
static const uint64_t linux_resolve_no_magiclinks = RESOLVE_NO_MAGICLINKS;
static const int linux_o_path = 010000000;
static inline dev_t linux_makedev(uint32_t major, uint32_t minor) { return makedev(major, minor); }
static inline uint32_t linux_major(dev_t device) { return major(device); }
static inline uint32_t linux_minor(dev_t device) { return minor(device); }

// Glibc's module lacks <sys/xattr.h>.
extern ssize_t fgetxattr(int fd, const char *name, void *value, size_t size);
extern ssize_t flistxattr(int fd, char *list, size_t size);
extern int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
extern ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size);
extern ssize_t llistxattr(const char *path, char *list, size_t size);
extern int setxattr(const char *path, const char *name, const void *value, size_t size, int flags);
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
static inline int linux_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return setxattr(path, name, value, size, flags);
}
static inline int linux_lsetxattr(const char *path, const char *name, const void *value, size_t size) {
  return lsetxattr(path, name, value, size, 0);
}

// Swift marks fork(2) as unavailable because of programs with several threads. This program has one at that time.
static inline pid_t linux_fork(void) { return fork(); }

// SIG_IGN is a cast, which Swift cannot compare. Ignores a signal, and returns whether it was ignored before.
static inline int linux_ignore(int signal_number) { return signal(signal_number, SIG_IGN) == SIG_IGN; }

// Only declared with _GNU_SOURCE.
static inline int linux_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }
static inline int linux_sethostname(const char *name, size_t count) {
  return (int)syscall(SYS_sethostname, name, count);
}
// glibc has no function for this call.
static inline int linux_pivot_root(const char *new_root, const char *old_root) {
  return (int)syscall(SYS_pivot_root, new_root, old_root);
}
static const uint64_t linux_resolve_in_root = RESOLVE_IN_ROOT;

// <sys/mount.h> and <linux/mount.h> conflict on some systems, and Glibc's module has neither.
extern int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
extern int umount2(const char *target, int flags);
static inline int linux_mount(
    const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
  return mount(source, target, type, flags, data);
}
static inline int linux_unmount(const char *target, int flags) { return umount2(target, flags); }
// mount_setattr(2) for an open mount and those beneath it; the array is the kernel's struct mount_attr.
static inline int linux_mount_setattr(int tree, uint64_t set, uint64_t propagation) {
  uint64_t attributes[4] = {set, 0, propagation, 0};
  return (int)syscall(442, tree, "", 0x9000 /* AT_EMPTY_PATH, AT_RECURSIVE */, attributes, sizeof attributes);
}
// open_tree(2) copies a mount and those beneath it, detached from any tree; move_mount(2) attaches the copy.
static inline int linux_open_tree(const char *path) {
  return (int)syscall(428, -100, path, 0x8001 | 02000000 /* AT_RECURSIVE, OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC */);
}
static inline int linux_move_mount(int tree, const char *target) {
  return (int)syscall(429, tree, "", -100, target, 0x14 /* MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_SYMLINKS */);
}

// The flags of the namespaces are only defined with _GNU_SOURCE.
static const int linux_clone_mount = 0x00020000;
static const int linux_clone_uts = 0x04000000;
static const int linux_clone_ipc = 0x08000000;
static const int linux_clone_user = 0x10000000;
static const int linux_clone_pid = 0x20000000;
static const int linux_clone_network = 0x40000000;

// prctl is variadic.
static inline int linux_prctl(int option, unsigned long argument, unsigned long second) {
  return prctl(option, argument, second, 0, 0);
}

// Sets the capabilities of this thread, with bits as in /proc/self/status. The call takes two structures of
// 32 bits each.
static inline int linux_set_capabilities(uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {
    {(uint32_t)permitted, (uint32_t)permitted, (uint32_t)inheritable},
    {(uint32_t)(permitted >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  return (int)syscall(SYS_capset, &header, data);
}
static inline int linux_effective_capabilities(uint64_t *effective) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  int status = (int)syscall(SYS_capget, &header, data);
  if (status == 0) *effective = data[0].effective | (uint64_t)data[1].effective << 32;
  return status;
}

// prctl is variadic.
static inline int linux_prctl_get_parent_signal(int *signal_number) { return prctl(PR_GET_PDEATHSIG, signal_number); }

// Only declared with _GNU_SOURCE. All three numbers of this thread become the same.
static inline int linux_setresuid(uid_t user) { return (int)syscall(SYS_setresuid, user, user, user); }
static inline int linux_setresgid(gid_t group) { return (int)syscall(SYS_setresgid, group, group, group); }
static inline int linux_setgroups(size_t count, const gid_t *groups) {
  return (int)syscall(SYS_setgroups, count, groups);
}

// ioctl is variadic. The device shows a window of the file, and frees itself after its last close.
static inline int linux_loop_free_number(int control) { return ioctl(control, LOOP_CTL_GET_FREE); }
static inline int linux_loop_configure(
    int device, int file, uint64_t offset, uint64_t size_limit, const char *name) {
  struct loop_config config;
  memset(&config, 0, sizeof config);
  config.fd = (uint32_t)file;
  config.info.lo_offset = offset;
  config.info.lo_sizelimit = size_limit;
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  strncpy((char *)config.info.lo_file_name, name, LO_NAME_SIZE - 1);
  return ioctl(device, LOOP_CONFIGURE, &config);
}
static inline int linux_loop_name(int device, char name[64]) {
  struct loop_info64 info;
  int status = ioctl(device, LOOP_GET_STATUS64, &info);
  if (status == 0) memcpy(name, info.lo_file_name, LO_NAME_SIZE);
  return status;
}

// Removes a device-mapper device as soon as it is not in use. The structure ends with room for a table.
static inline int linux_mapping_remove_deferred(int control, const char *name) {
  struct dm_ioctl request;
  memset(&request, 0, sizeof request);
  request.version[0] = DM_VERSION_MAJOR;
  request.data_size = sizeof request;
  request.flags = DM_DEFERRED_REMOVE;
  strncpy(request.name, name, DM_NAME_LEN - 1);
  return ioctl(control, DM_DEV_REMOVE, &request);
}

// glibc has no function for keyctl(2). KEYCTL_JOIN_SESSION_KEYRING without a name makes a new keyring.
static inline int linux_join_new_session_keyring(void) { return syscall(SYS_keyctl, 1, (char *)0) < 0 ? -1 : 0; }

// The bare system call: for a directory outside this process's root it returns a path that is not absolute,
// which glibc's getcwd hides. Returns the length including the NUL, or -1.
static inline long linux_working_directory(char *path, size_t size) { return syscall(SYS_getcwd, path, size); }

// Brings up a network interface. The structure contains a union, whose members are macros.
static inline int linux_interface_up(int socket, const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(socket, SIOCSIFFLAGS, &request);
}

// Addresses of sockets are passed as pointers to another type. Returns a connected socket.
static inline int linux_connect_local(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) { errno = ENAMETOOLONG; return -1; }
  strcpy(address.sun_path, path);
  int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (number < 0 || connect(number, (struct sockaddr *)&address, sizeof address) == 0) return number;
  int reason = errno;
  close(number);
  errno = reason;
  return -1;
}
// Whether a port of all addresses can be used. The address is free again at once.
static inline int linux_probe_port(uint16_t port, int datagrams) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int number = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0), yes = 1;
  // Connections of an earlier server that are not quite over do not count.
  if (number >= 0 && !datagrams) setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  int status = number < 0 ? -1 : bind(number, (struct sockaddr *)&address, sizeof address);
  int reason = errno;
  if (number >= 0) close(number);
  errno = reason;
  return status == 0;
}

// Files of namespaces have a file system of their own (NSFS_MAGIC); NS_GET_NSTYPE and NS_GET_USERNS, as ioctl is variadic.
static inline int linux_is_namespace(int file) {
  struct statfs system;
  return fstatfs(file, &system) == 0 && system.f_type == 0x6e736673;
}
static inline int linux_namespace_type(int file) { return ioctl(file, 0xb703); }
static inline int linux_namespace_owner(int file) { return ioctl(file, 0xb701); }

// Control messages are read and written with macros. Each message has one descriptor and one byte of data.
static inline int linux_send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec data = {&byte, 1};
  union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}
// Returns the descriptor, or -1; errno is 0 if the other end was closed without sending one.
static inline int linux_receive_descriptor(int socket) {
  char byte;
  struct iovec data = {&byte, 1};
  union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control;
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                           .msg_controllen = sizeof control};
  ssize_t count = recvmsg(socket, &message, 0x40000000 /* MSG_CMSG_CLOEXEC */);
  if (count < 0) return -1;
  errno = 0;
  struct cmsghdr *header = count == 1 ? CMSG_FIRSTHDR(&message) : 0;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -1;
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
  return descriptor;
}
// send(2) without the signal for a reader that is gone.
static inline ssize_t linux_send(int socket, const void *bytes, size_t count) {
  return send(socket, bytes, count, MSG_NOSIGNAL);
}
static inline int linux_socket_pair(int ends[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

// Only declared with _GNU_SOURCE. Becomes the program in an open file, with an empty name and no variables.
static inline int linux_execute_launcher(int file) {
  char *const arguments[] = {(char *)"", 0}, *const environment[] = {0};
  return (int)syscall(SYS_execveat, file, "", arguments, environment, 0x1000 /* AT_EMPTY_PATH */);
}

// Installs a filter in this thread, and returns the descriptor through which the calls that the filter reports are answered.
// Kernels before 5.19 do not know the flag by which signals let a reported call go on.
static inline int linux_seccomp_listener(const uint64_t *instructions, uint16_t count) {
  struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  int number = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | 1ul << 5 /* WAIT_KILLABLE_RECV */, &program);
  if (number < 0 && errno == EINVAL) number = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  return number;
}
// Takes the next reported call. The kernel's structure may grow, and has to be empty before.
static inline int linux_seccomp_receive(int listener, struct seccomp_notif *call) {
  union { struct seccomp_notif call; char space[1024]; } buffer;
  memset(&buffer, 0, sizeof buffer);
  int status = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &buffer);
  if (status == 0) *call = buffer.call;
  return status;
}
static inline uint64_t linux_seccomp_argument(const struct seccomp_notif *call, int index) {
  return call->data.args[index];
}
// Answers a reported call with an error number, or 0; or has the kernel do it.
static inline int linux_seccomp_answer(int listener, uint64_t id, int error, int continues) {
  union { struct seccomp_notif_resp answer; char space[1024]; } buffer;
  memset(&buffer, 0, sizeof buffer);
  buffer.answer.id = id;
  buffer.answer.error = -error;
  buffer.answer.flags = continues ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &buffer);
}
// Whether the caller still waits for the answer.
static inline int linux_seccomp_is_waiting(int listener, uint64_t id) {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}
static inline int linux_chroot(const char *path) { return (int)syscall(SYS_chroot, path); }
static inline int linux_change_owner(int file, uid_t user, gid_t group) {
  return (int)syscall(SYS_fchownat, file, "", user, group, 0x1000 /* AT_EMPTY_PATH */);
}
// Root, umask and working directory of this thread are no longer those of the process.
static inline int linux_unshare_directories(void) { return (int)syscall(SYS_unshare, 0x200 /* CLONE_FS */); }
// The flags of the inode that chattr(1) changes. ioctl is variadic.
static inline int linux_inode_flags(int file, int *flags) { return ioctl(file, FS_IOC_GETFLAGS, flags); }
static inline int linux_set_inode_flags(int file, int flags) { return ioctl(file, FS_IOC_SETFLAGS, &flags); }
static inline int linux_is_network_file_system(const char *path) {
  struct statfs system;
  return statfs(path, &system) == 0 && (system.f_type == 0x6969 /* NFS */ || system.f_type == 0x0BD00BD0 /* Lustre */);
}

// glibc has no function for bpf(2), whose argument is a large union. These load and attach device filters for
// control groups.
static inline int linux_bpf_load_device_filter(const uint64_t *instructions, uint32_t count) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uint64_t)(uintptr_t)instructions;
  attributes.insn_cnt = count;
  attributes.license = (uint64_t)(uintptr_t)"";
  return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}
static inline int linux_bpf_attach_device_filter(int group, int filter) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)group;
  attributes.attach_bpf_fd = (uint32_t)filter;
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

// Glibc's module lacks <sys/inotify.h>.
static inline int linux_inotify_begin(void) { return (int)syscall(SYS_inotify_init1, O_CLOEXEC); }
static inline int linux_inotify_watch(int watch, const char *path) {
  return (int)syscall(SYS_inotify_add_watch, watch, path, 0x400 /* IN_DELETE_SELF */);
}

// glibc has no function for this call. It returns a descriptor that becomes readable when the process has ended.
static inline int linux_pidfd_open(pid_t process) { return (int)syscall(434, process, 0); }
// Sends a signal through such a descriptor.
static inline int linux_pidfd_send_signal(int process, int number) {
  return (int)syscall(424, process, number, 0, 0);
}
// Only declared with _GNU_SOURCE. With such a descriptor, it enters several namespaces at once (Linux 5.8).
static inline int linux_setns(int process, int flags) { return (int)syscall(SYS_setns, process, flags); }
static const int linux_clone_control_group = 0x02000000;

// Only declared with _GNU_SOURCE. Returns the name of an error, such as EPERM, or a null pointer.
extern const char *strerrorname_np(int number);
static inline const char *linux_errno_name(int number) { return strerrorname_np(number); }

#endif
