import CLinux
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// A copy of this process that becomes a step of a build, and what it leaves: its output, its end, and the owners that it
/// asked for. This process must have one thread.
///
/// The copy ends with this process, however that ends, and everything that it has started ends with it: it is in a namespace
/// of processes of its own.
struct StepProcess {
  /// What the files of the tree have in the image.
  let attributes: TreeAttributes
  /// The umask of the step.
  var mask: mode_t = 0o002
  /// Receives what is written to standard output and to standard error; nil if the step has the caller's streams.
  let output: (@Sendable ([UInt8]) -> Void)?

  /// Runs `body`, which becomes the step's program.
  ///
  /// - Returns: its exit status, or 128 and the number of the signal that ended it.
  /// - Throws: ``RuntimeError`` if it was not started.
  func run(_ body: () throws -> Never) throws(RuntimeError) -> Int32 {
    try Container.checkThreads()
    let users = UserMap.current()
    let filter = users.isLimited ? try OwnerFilter(pretendsUsers: users.isSingle) : nil
    var writing: OwnedDescriptor?
    var reading: OwnedDescriptor?
    var null: OwnedDescriptor?
    if output != nil {
      reading = try translating(try OwnedDescriptor.pipe(&writing))
      null = try translating(try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY))
    }
    let streams = [null?.rawValue, writing?.rawValue, writing?.rawValue]
    let end = reading?.rawValue ?? -1
    let starter = getpid()
    let ignored = output == nil ? [SIGINT, SIGQUIT].filter { linux_ignore($0) == 0 } : []
    defer { for signal in ignored { Glibc.signal(signal, SIG_DFL) } }
    let mask = mask
    let child = try translating { () throws(SystemError) in
      try Helper(.child) { channel in
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
        guard getppid() == starter else { return 1 }
        if end >= 0 { close(end) }
        for signal in ignored { Glibc.signal(signal, SIG_DFL) }
        SignalSet().holdOnly()
        umask(mask)
        var prefix: [UInt8] = []
        do {
          if let filter {
            prefix = [0]
            try CallListener.install(filter.filter).send(through: channel)
            prefix = []
          }
          try Container.connect(streams)
          try body()
        } catch {
          let words = prefix + RuntimeError(any: error).bytes
          _ = linux_send(channel.rawValue, words, words.count)
          return 1
        }
      }
    }
    writing = nil
    null = nil
    var supervisor: OwnerSupervisor?
    if let filter {
      supervisor = try translating { () throws(SystemError) in
        guard let listener = try child.channel?.receive(path: "listener") else { return nil }
        return try OwnerSupervisor(CallListener(listener), filter, attributes)
      }
    }
    defer { supervisor?.stop() }
    if let output, let reading { Self.pass(reading, to: output) }
    let failure = try translating { () throws(SystemError) in
      try child.channel?.readToEnd(limit: 1 << 16) ?? []
    }
    let status = try translating(try child.wait())
    if let failure = RuntimeError(bytes: failure) { throw failure }
    return status
  }

  /// Reads a pipe to its end, and keeps nothing.
  private static func pass(_ pipe: borrowing OwnedDescriptor, to output: ([UInt8]) -> Void) {
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(pipe.rawValue, &block, block.count)
      if count < 0, linux_errno() == EINTR { continue }
      guard count > 0 else { return }
      output(Array(block.prefix(count)))
    }
  }
}
