import LinuxSystem
import SIFRuntime

/// A profile of system calls, and the filter that is compiled from it.
@Sendable func fuzzSeccomp(_ bytes: [UInt8]) {
  guard let profile = try? SeccompProfile(parsing: bytes, file: "fuzz") else { return }
  for capabilities in [[], .all] as [Capabilities] {
    guard let filter = try? profile.compile(capabilities: capabilities, onNote: { _ in }) else { continue }
    if filter.instructions.isEmpty { fatalError("no instruction decides") }
  }
}

/// A file of resource limits.
@Sendable func fuzzLimits(_ bytes: [UInt8]) { _ = try? ResourceLimits(parsing: bytes, file: "fuzz") }
