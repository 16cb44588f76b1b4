import Glibc
public import LinuxSystem
public import SystemPackage

/// The shared libraries that the host's loader knows, as `ldconfig -p` prints them.
public struct LibraryCache: Sendable {
  /// One library.
  public struct Entry: Equatable, Sendable {
    /// Its name, such as `libcuda.so.1`.
    public let name: String
    /// Its path on the host.
    public let path: FilePath
  }

  /// The libraries, in the loader's order.
  public let entries: [Entry]

  /// The most bytes that the list may have.
  private static let maximumBytes = 64 << 20

  /// Reads what `ldconfig -p` printed: a header, then lines of the form `<tab>NAME (FLAGS) => PATH`. Lines of other
  /// forms are passed over.
  public init(parsing text: [UInt8]) {
    var entries: [Entry] = []
    for line in text.split(separator: 0x0A) where line.first == 0x09 {
      let line = String(decoding: line.dropFirst(), as: UTF8.self)
      guard let flags = line.firstRange(of: " ("),
        let arrow = line[flags.upperBound...].firstRange(of: ") => ")
      else { continue }
      let path = FilePath(String(line[arrow.upperBound...]))
      guard path.isAbsolute else { continue }
      entries.append(Entry(name: String(line[..<flags.lowerBound]), path: path))
    }
    self.entries = entries
  }

  /// Asks the host's `ldconfig`.
  ///
  /// - Parameter program: the program; nil for the first one in `PATH`, `/sbin` and `/usr/sbin`.
  /// - Returns: an empty list if the host has no such program, or it knows no list (musl).
  /// - Throws: ``SystemError`` if the program cannot be run.
  public init(askingWith program: FilePath? = nil) throws(SystemError) {
    guard let program = program ?? HostPrograms.find("ldconfig", besides: ["/sbin", "/usr/sbin"]) else {
      self.init(parsing: [])
      return
    }
    let outcome = try ChildProcess(running: program.string, ["-p"]).communicate([], limit: Self.maximumBytes)
    self.init(parsing: outcome.status == 0 ? outcome.output : [])
  }
}

/// Programs of the host, as its user finds them.
package enum HostPrograms {
  /// The first executable file of that name in the directories of `PATH`, then in other directories.
  package static func find(_ name: String, path: String? = nil, besides others: [FilePath] = []) -> FilePath?
  {
    let own = path ?? getenv("PATH").map { String(cString: $0) } ?? ""
    let directories = own.split(separator: ":").map { FilePath(String($0)) }.filter(\.isAbsolute) + others
    for directory in directories {
      let file = directory.appending(name)
      guard let status = try? OwnedDescriptor.naming(file).status(), status.st_mode & S_IFMT == S_IFREG,
        file.withPlatformString({ access($0, X_OK) }) == 0
      else { continue }
      return file
    }
    return nil
  }
}
