import Glibc
import LinuxSystem

/// The confinement that a security module of the kernel gives to the program.
public struct SecurityLabel: Sendable, Equatable {
  /// A security module.
  public enum Module: Sendable {
    /// AppArmor, with a profile.
    case appArmor
    /// SELinux, with a context.
    case seLinux

    /// Its name, as its project writes it.
    public var name: String {
      switch self {
      case .appArmor: "AppArmor"
      case .seLinux: "SELinux"
      }
    }

    /// Whether the kernel has it, switched on.
    var isActive: Bool {
      switch self {
      case .appArmor:
        (try? OwnedDescriptor(opening: "/sys/module/apparmor/parameters/enabled", flags: O_RDONLY)
          .readToEnd(limit: 16).first) == UInt8(ascii: "Y")
      case .seLinux: access("/sys/fs/selinux/enforce", F_OK) == 0
      }
    }
  }

  /// The security module.
  public let module: Module
  /// The name of the profile, or the context.
  public let name: String

  /// The most bytes that the kernel takes at once, without the word before an AppArmor profile.
  private static let longest = 4000

  /// Makes a label; nil if the text cannot be one.
  public init?(_ module: Module, _ name: String) {
    guard !name.isEmpty, name.utf8.count <= Self.longest, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
    else {
      return nil
    }
    self.module = module
    self.name = name
  }

  /// Refuses a label that the program would not get.
  func check(showsProcesses: Bool) throws(RuntimeError) {
    guard module.isActive else {
      throw RuntimeError(
        .unavailable,
        "the kernel has no \(module.name), or it is switched off: the program cannot get \(name)")
    }
    guard showsProcesses else {
      throw RuntimeError(
        .unavailable,
        "\(module.name) is asked through /proc, which the site's configuration leaves out (\"mount proc = no\")"
      )
    }
  }

  /// What a process writes to get the label with the next program that it executes.
  var text: [UInt8] { Array((module == .appArmor ? "exec \(name)" : name).utf8) }

  /// The file for it, in the container that this process is in.
  var file: [UInt8] {
    // Older kernels have one file for whichever module is there.
    let own = "/proc/self/attr/apparmor/exec"
    return Array((module == .appArmor && access(own, F_OK) == 0 ? own : "/proc/self/attr/exec").utf8)
  }
}
