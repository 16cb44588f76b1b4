import Glibc
package import SystemPackage

/// The directories in which the two runtimes keep a user's files: keys, remotes, logins, the cache, instances.
package enum UserDirectories {
  /// A family of runtimes.
  package enum Family: String, Sendable, CaseIterable {
    case singularity
    case apptainer

    /// The value of one of its variables, such as `SINGULARITY_CONFIGDIR`; nil if it is not set, or empty.
    package func variable(_ end: String) -> FilePath? {
      UserDirectories.variable("\(rawValue.uppercased())_\(end)")
    }

    /// Its directory in the home directory; nil without one.
    package var directoryOfHome: FilePath? { UserDirectories.variable("HOME")?.appending(".\(rawValue)") }
  }

  /// The family that this process was called by the name of; nil for none. Set once, before there is a second thread.
  nonisolated(unsafe) package static var called: Family?

  /// The families whose files count, the most important first.
  package static var families: [Family] { called.map { [$0] } ?? Family.allCases }

  /// The value of a variable as a path; nil if it is not set, or empty.
  package static func variable(_ name: String) -> FilePath? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return FilePath(platformString: value)
  }
}
