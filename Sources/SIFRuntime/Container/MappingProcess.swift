import Glibc
import LinuxSystem
import SystemPackage

/// A process outside that maps ranges of users into the user namespace which this one makes: only set-user-id
/// programs may do that.
struct MappingProcess: ~Copyable {
  private let process: pid_t
  private let channel: OwnedDescriptor

  /// Starts the process. It waits for the namespace.
  init(_ helpers: [(program: FilePath, arguments: [String])]) throws(RuntimeError) {
    var theirs: OwnedDescriptor?
    let mine = try translating { () throws(SystemError) in try OwnedDescriptor.socketPair(&theirs) }
    let (own, other) = (mine.rawValue, theirs?.rawValue ?? -1)
    let target = getpid()
    process = try translating { () throws(SystemError) in
      try Forking.child {
        close(own)
        var byte: UInt8 = 0
        guard read(other, &byte, 1) == 1 else { return 0 }
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
    channel = mine
  }

  /// Has the ranges mapped into the namespace that this process is in by now.
  consuming func map() throws(RuntimeError) {
    var byte: UInt8 = 1
    guard write(channel.rawValue, &byte, 1) == 1, (try? Forking.wait(for: process)) == 0 else {
      throw RuntimeError(
        .unavailable, "newuidmap or newgidmap refuses the ranges of /etc/subuid and /etc/subgid")
    }
  }
}
