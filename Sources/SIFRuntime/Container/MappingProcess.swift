import Glibc
import LinuxSystem
import SystemPackage

/// A process outside that maps ranges of users into the user namespace which this process makes. Only
/// set-user-id programs may do that.
struct MappingProcess: ~Copyable {
  private let helper: Helper

  /// Starts the process, which then waits for the namespace.
  init(_ helpers: [(program: FilePath, arguments: [String])]) throws(RuntimeError) {
    let target = getpid()
    helper = try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        guard channel.waitForByte() else { return 0 }
        for helper in helpers {
          let arguments = ([helper.program.string, "\(target)"] + helper.arguments).map { Array($0.utf8) }
          let status = try? Forking.wait(
            for: Forking.child {
              _ = Forking.execute(helper.program.bytes, arguments, [])
              return 127
            })
          guard status == 0 else { return 1 }
        }
        return 0
      }
    }
  }

  /// Has the ranges mapped into the namespace that this process is in now.
  consuming func map() throws(RuntimeError) {
    guard helper.sendByte(), (try? helper.wait()) == 0 else {
      throw RuntimeError(
        .unavailable, "newuidmap or newgidmap refuses the ranges of /etc/subuid and /etc/subgid")
    }
  }
}
