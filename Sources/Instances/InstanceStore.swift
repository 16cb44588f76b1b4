import CLinux
import Glibc
import LinuxSystem
public import SystemPackage

/// The directory with the instances of one user on one host, where the runtimes keep theirs:
/// `instances/siftool/HOST/USER/NAME/NAME.json` in the user's configuration directory, and the logs in
/// `instances/logs/HOST/USER/`.
///
/// An instance's directory is locked for as long as the instance runs. The kernel releases the lock, whatever ends the
/// instance, so a file that was left behind is known as such.
public struct InstanceStore: Sendable {
  /// The user.
  public let user: String
  private let owner: uid_t
  private let configuration: FilePath
  private let host: String

  /// The runtime in whose directory they are: that whose name this process has, else Apptainer.
  private static var owner: UserDirectories.Family { UserDirectories.called ?? .apptainer }

  /// The directory that the runtimes of this family use besides others' names: `app`, `sing`.
  private static let family = "siftool"

  /// The store of this process's user, or for root of another one.
  ///
  /// - Throws: ``InstanceError`` if the user does not exist, or is another one and this process is not root's.
  public init(ofUser name: String? = nil) throws(InstanceError) {
    var owner = geteuid()
    if let name {
      guard let entry = getpwnam(name) else { throw InstanceError(.notFound, "there is no user \(name)") }
      guard owner == 0 || entry.pointee.pw_uid == owner else {
        throw InstanceError(.notFound, "only root can look at the instances of others")
      }
      owner = entry.pointee.pw_uid
    }
    let entry = getpwuid(owner)
    self.owner = owner
    user =
      entry.map { String(cString: $0.pointee.pw_name) }.flatMap { Self.isName($0) ? $0 : nil } ?? "\(owner)"
    let home =
      entry.map { FilePath(platformString: $0.pointee.pw_dir) }
      ?? getenv("HOME").map { FilePath(platformString: $0) }
    let variables = name == nil ? ["APPTAINER_CONFIGDIR", "SINGULARITY_CONFIGDIR"] : []
    let named = variables.lazy.compactMap { getenv($0) }.map { FilePath(platformString: $0) }.first {
      $0.isAbsolute
    }
    guard
      let configuration = named
        ?? home.flatMap({ $0.isAbsolute && $0 != "/" ? $0.appending(".\(Self.owner.rawValue)") : nil })
    else {
      throw InstanceError(
        .notFound,
        "the user \(user) has no home directory for instances: name a directory in APPTAINER_CONFIGDIR")
    }
    self.configuration = configuration
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    host = Self.isName(name) ? name : "localhost"
  }

  /// Whether a text can be the name of an instance: letters, digits, dots, underscores and hyphens.
  public static func isName(_ text: String) -> Bool {
    text != "." && text != ".." && (1...200).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
          || [0x2D, 0x2E, 0x5F].contains(byte)
      }
  }

  /// The name in an address of the form `instance://NAME`; nil if a path has another form.
  ///
  /// - Parameter path: a path has lost one of the address's slashes.
  public static func name(inAddress path: FilePath) -> String? {
    let text = path.string
    guard text.hasPrefix("instance:/") else { return nil }
    return String(text.dropFirst("instance:/".count))
  }

  static func requireName(_ text: String) throws(InstanceError) {
    guard isName(text) else {
      throw InstanceError(
        .invalidName,
        "\"\(text)\" is not the name of an instance, which has letters, digits, dots, underscores and hyphens"
      )
    }
  }

  // MARK: Directories

  private var path: FilePath {
    configuration.appending("instances").appending(Self.family).appending(host).appending(user)
  }

  private var logs: FilePath {
    configuration.appending("instances").appending("logs").appending(host).appending(user)
  }

  /// Opens a directory below the configuration directory, without following links below that one.
  ///
  /// - Returns: nil if it does not exist and is not to be made.
  private func directory(_ kind: String, makes: Bool) throws(InstanceError) -> OwnedDescriptor? {
    do throws(SystemError) {
      let place = configuration
      if makes { _ = place.withPlatformString { mkdir($0, 0o700) } }
      var current = try OwnedDescriptor(opening: place, flags: O_RDONLY | O_DIRECTORY)
      for name in ["instances", kind, host, user] {
        let bytes = Array(name.utf8)
        if makes, try current.status(of: bytes) == nil {
          do { try current.makeDirectory(bytes, mode: 0o700) } catch  where error.errno == .fileExists {}
          if geteuid() != owner { try current.openDirectory(bytes).setOwner(user: owner, group: gid_t.max) }
        }
        current = try current.openDirectory(bytes)
        let status = try current.status()
        guard status.st_uid == owner || status.st_uid == 0 else {
          throw SystemError(
            errno: .notPermitted, operation: "use a directory of user \(status.st_uid):", path: current.path)
        }
      }
      return current
    } catch {
      if !makes, error.errno == .noSuchFileOrDirectory { return nil }
      throw InstanceError(.system, "the directory of instances cannot be used: \(error)", system: error)
    }
  }

  // MARK: Starting

  /// Takes a name for a new instance.
  ///
  /// - Throws: ``InstanceError/Code/exists`` if an instance of that name runs or is being started.
  func claim(_ name: String) throws(InstanceError) -> InstanceClaim {
    try Self.requireName(name)
    guard let parent = try directory(Self.family, makes: true) else {
      throw InstanceError(.system, "the directory of instances is gone")
    }
    let bytes = Array(name.utf8)
    let file = path.appending(name).appending("\(name).json")
    let claim = try translating { () throws(SystemError) -> InstanceClaim? in
      // Others may be removing the directory at this moment, or be about to write its file.
      for _ in 0..<200 {
        if try parent.status(of: bytes) == nil { try? parent.makeDirectory(bytes, mode: 0o700) }
        if let directory = try? parent.openDirectory(bytes) {
          if try directory.lockWhole() {
            let (own, named) = (try directory.status(), try parent.status(of: bytes))
            if let named, own.st_ino == named.st_ino, own.st_dev == named.st_dev {
              return InstanceClaim(name: name, file: file, directory: directory, parent: try parent.copy())
            }
          } else if try directory.status(of: Array("\(name).json".utf8)) != nil {
            return nil
          }
        }
        usleep(5000)
      }
      return nil
    }
    guard let claim else { throw InstanceError(.exists, "the instance \(name) already exists") }
    return claim
  }

  /// Opens the log files of an instance for appending.
  func openLogs(_ name: String) throws(InstanceError) -> InstanceLogs {
    guard let directory = try directory("logs", makes: true) else {
      throw InstanceError(.system, "the directory of logs is gone")
    }
    return try translating { () throws(SystemError) in
      let flags = O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK
      return InstanceLogs(
        output: try directory.openBeneath(Array("\(name).out".utf8), flags: flags, mode: 0o644),
        errors: try directory.openBeneath(Array("\(name).err".utf8), flags: flags, mode: 0o644),
        outputPath: logs.appending("\(name).out"), errorPath: logs.appending("\(name).err"))
    }
  }

  /// Removes the log files of an instance that nobody knows by name.
  func removeLogs(_ name: String) {
    guard let directory = try? directory("logs", makes: false) else { return }
    for file in ["\(name).out", "\(name).err"] { _ = try? directory.remove(Array(file.utf8)) }
  }

  /// Opens a file that is only for locks, beside the instances.
  func openLock(_ name: String) throws(InstanceError) -> OwnedDescriptor {
    guard let directory = try directory(Self.family, makes: true) else {
      throw InstanceError(.system, "the directory of instances is gone")
    }
    return try translating { () throws(SystemError) in
      try directory.openBeneath(Array(name.utf8), flags: O_RDWR | O_CREAT | O_NONBLOCK, mode: 0o600)
    }
  }

  /// Whether a file for locks still has its name.
  func isLock(_ name: String, _ file: borrowing OwnedDescriptor) -> Bool {
    guard let directory = try? directory(Self.family, makes: false), let own = try? file.status(),
      let named = try? directory.status(of: Array(name.utf8))
    else { return false }
    return own.st_ino == named.st_ino && own.st_dev == named.st_dev
  }

  /// Removes a file for locks.
  func removeLock(_ name: String) {
    if let directory = try? directory(Self.family, makes: false) {
      _ = try? directory.remove(Array(name.utf8))
    }
  }

  // MARK: Finding

  /// The running instances whose names match a pattern of the shell's, sorted by name. What ended instances left behind
  /// is removed.
  ///
  /// - Parameter onFault: receives the reason why a file cannot be used.
  public func list(matching pattern: String = "*", onFault: (InstanceError) -> Void = { _ in })
    throws(InstanceError)
    -> [InstanceRecord]
  {
    guard let parent = try directory(Self.family, makes: false) else { return [] }
    let names = try translating { () throws(SystemError) in try parent.names() }
    var found: [InstanceRecord] = []
    for name in names.compactMap({ String(validating: $0, as: UTF8.self) }).sorted()
    where Self.isName(name) && fnmatch(pattern, name, 0) == 0 {
      do throws(InstanceError) {
        if let record = try record(name, in: parent) { found.append(record) }
      } catch { onFault(error) }
    }
    return found
  }

  /// The running instance of a name.
  ///
  /// - Throws: ``InstanceError/Code/notFound``.
  public func find(_ name: String) throws(InstanceError) -> InstanceRecord {
    try Self.requireName(name)
    guard let parent = try directory(Self.family, makes: false), let record = try record(name, in: parent)
    else {
      throw InstanceError(.notFound, "no instance \(name) runs")
    }
    return record
  }

  /// Reads the record of an instance; nil if it does not run, or is only being started.
  private func record(
    _ name: String, in parent: borrowing OwnedDescriptor
  ) throws(InstanceError) -> InstanceRecord? {
    let path = path.appending(name)
    let file = path.appending("\(name).json")
    let bytes: [UInt8]?
    do throws(SystemError) {
      guard let status = try parent.status(of: Array(name.utf8)), status.st_mode & S_IFMT == S_IFDIR else {
        return nil
      }
      let directory = try parent.openDirectory(Array(name.utf8))
      if try directory.lockWhole() {
        // Nobody runs it any more.
        InstanceClaim.remove(name, directory, parent)
        return nil
      }
      guard try directory.status(of: Array("\(name).json".utf8)) != nil else { return nil }
      let descriptor = try directory.openBeneath(
        Array("\(name).json".utf8), flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
      let own = try descriptor.status()
      bytes =
        own.st_mode & S_IFMT == S_IFREG && (own.st_uid == owner || own.st_uid == 0)
        ? try descriptor.readToEnd(limit: 1 << 20) : nil
    } catch {
      throw InstanceError(.system, "\(file.string) cannot be read: \(error.errno.description)", system: error)
    }
    guard let bytes else {
      throw InstanceError(.malformed, "\(file.string) is not a regular file of the user \(user)")
    }
    let record = try InstanceRecord(reading: bytes, of: file, named: name)
    // The lock of another machine's instance, on a shared directory, says nothing about processes here.
    guard let boot = try? ProcessHandle.bootID(), record.boot == boot,
      ProcessHandle.start(of: record.container.process) == record.processStart
    else { return nil }
    return record
  }
}

/// The log files of an instance.
struct InstanceLogs: ~Copyable {
  let output: OwnedDescriptor
  let errors: OwnedDescriptor
  let outputPath: FilePath
  let errorPath: FilePath
}

/// A taken name. The directory stays locked as long as any process has this value's descriptors.
final class InstanceClaim: Sendable {
  let name: String
  let file: FilePath
  private let directory: OwnedDescriptor
  private let parent: OwnedDescriptor

  fileprivate init(
    name: String, file: FilePath, directory: consuming OwnedDescriptor, parent: consuming OwnedDescriptor
  ) {
    self.name = name
    self.file = file
    self.directory = directory
    self.parent = parent
  }

  /// Writes the instance's file, which gets its name when it is complete.
  func write(_ record: InstanceRecord) throws(InstanceError) {
    let (final, temporary) = (Array("\(name).json".utf8), Array(".\(name).json".utf8))
    let bytes = record.bytes
    let number = directory.rawValue
    try translating { () throws(SystemError) in
      _ = try? directory.remove(temporary)
      let file = try directory.openBeneath(temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      try SystemError.writeAll(bytes.span.bytes, to: file.rawValue)
      try file.synchronize()
      let (from, to) = (FilePath(bytes: temporary), FilePath(bytes: final))
      try SystemError.check("rename to", self.file) {
        from.withPlatformString { from in to.withPlatformString { renameat(number, from, number, $0) } }
      }
    }
  }

  /// Removes the instance's directory.
  func remove() { Self.remove(name, directory, parent) }

  /// Removes a directory that is locked by the caller.
  fileprivate static func remove(
    _ name: String, _ directory: borrowing OwnedDescriptor, _ parent: borrowing OwnedDescriptor
  ) {
    for file in ["\(name).json", ".\(name).json"] { _ = try? directory.remove(Array(file.utf8)) }
    _ = FilePath(name).withPlatformString { unlinkat(parent.rawValue, $0, AT_REMOVEDIR) }
  }
}
