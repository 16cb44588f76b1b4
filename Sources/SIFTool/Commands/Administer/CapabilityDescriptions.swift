/// What each capability allows, in a line for people.
enum CapabilityDescriptions {
  /// The description of a capability; empty for one that is unknown.
  static func text(of name: String) -> String { all.first { $0.0 == name }?.1 ?? "" }

  private static var all: [(String, String)] {
    [
      ("CAP_CHOWN", "change the owner and group of any file"),
      ("CAP_DAC_OVERRIDE", "read, write and execute files whatever their permissions are"),
      ("CAP_DAC_READ_SEARCH", "read files and search directories whatever their permissions are"),
      ("CAP_FOWNER", "do to any file what only its owner may do, such as changing its permissions"),
      ("CAP_FSETID", "keep the set-id bits of files that are changed, and set them for any group"),
      ("CAP_KILL", "send signals to processes of other users"),
      ("CAP_SETGID", "take on any group, and map groups into user namespaces"),
      ("CAP_SETUID", "take on any user, and map users into user namespaces"),
      ("CAP_SETPCAP", "change the capabilities that later programs can have"),
      ("CAP_LINUX_IMMUTABLE", "set and clear the attributes immutable and append-only of files"),
      ("CAP_NET_BIND_SERVICE", "listen on ports below 1024"),
      ("CAP_NET_BROADCAST", "send broadcasts and receive multicasts; not used by the kernel"),
      ("CAP_NET_ADMIN", "configure interfaces, routes, firewalls and other parts of the network"),
      ("CAP_NET_RAW", "use raw and packet sockets, and bind to any address"),
      ("CAP_IPC_LOCK", "lock memory without a limit"),
      ("CAP_IPC_OWNER", "use System V IPC objects whatever their permissions are"),
      ("CAP_SYS_MODULE", "load and unload modules of the kernel"),
      ("CAP_SYS_RAWIO", "access ports, memory and devices directly"),
      ("CAP_SYS_CHROOT", "change the root directory, and join mount namespaces"),
      ("CAP_SYS_PTRACE", "trace and look into processes of other users"),
      ("CAP_SYS_PACCT", "switch the accounting of processes on and off"),
      ("CAP_SYS_ADMIN", "mount, make namespaces, and much else that an administrator does"),
      ("CAP_SYS_BOOT", "restart the machine, and load another kernel"),
      ("CAP_SYS_NICE", "raise priorities, and choose schedulers and processors of any process"),
      ("CAP_SYS_RESOURCE", "exceed quotas and limits, and raise them"),
      ("CAP_SYS_TIME", "set the clocks"),
      ("CAP_SYS_TTY_CONFIG", "hang up and configure terminals"),
      ("CAP_MKNOD", "make device nodes"),
      ("CAP_LEASE", "take leases on files of other users"),
      ("CAP_AUDIT_WRITE", "write to the kernel's audit log"),
      ("CAP_AUDIT_CONTROL", "configure the kernel's audit"),
      ("CAP_SETFCAP", "give capabilities to files"),
      ("CAP_MAC_OVERRIDE", "override the rules of Smack"),
      ("CAP_MAC_ADMIN", "configure the rules of Smack and AppArmor"),
      ("CAP_SYSLOG", "read and clear the kernel's messages, and see its addresses"),
      ("CAP_WAKE_ALARM", "set timers that wake the machine"),
      ("CAP_BLOCK_SUSPEND", "keep the machine from being suspended"),
      ("CAP_AUDIT_READ", "read the kernel's audit log"),
      ("CAP_PERFMON", "measure the performance of the whole machine"),
      ("CAP_BPF", "load BPF programs and make their maps"),
      (
        "CAP_CHECKPOINT_RESTORE",
        "save and restore processes: choose their numbers, and open the files that they map"
      ),
    ]
  }
}
