import Bytes
import Glibc
import LinuxSystem
import SystemPackage

/// Copies files of the host into a tree, as `%files` does: links are followed, owners are root, and times are now
/// (spec/build.md "Files").
struct HostFiles {
  /// The deepest directories that are copied.
  static let deepest = 400

  private let files: TreeFiles
  /// Directories that are never copied, because they are being made.
  private let excluded: [FileNumber]

  /// The numbers that say which file it is.
  struct FileNumber: Hashable {
    let device: dev_t
    let inode: ino_t

    init(_ status: stat) { (device, inode) = (status.st_dev, status.st_ino) }
  }

  init(_ files: TreeFiles) throws(SystemError) {
    self.files = files
    excluded = [FileNumber(try files.root.status())]
  }

  /// The paths that a source names: itself, or what matches it as a pattern.
  ///
  /// - Parameter directory: what a relative path begins at.
  static func sources(_ source: [UInt8], in directory: FilePath) throws -> [FilePath] {
    let path = source.first == 0x2F ? FilePath(bytes: source) : directory.pushing(FilePath(bytes: source))
    if try status(path) != nil { return [path] }
    let isPattern = FilePattern.isPattern(source)
    if isPattern {
      let place = HostPlace()
      let found = try FilePattern(path.bytes).matches(in: place)
      if !found.isEmpty { return found.map { TreeFiles.path($0) } }
    }
    throw ImageBuildError(
      .notFound,
      isPattern
        ? "nothing on the host matches \(source.printable)"
        : "there is no file \(source.printable) on the host")
  }

  /// The status of what a path of the host leads to; nil for nothing.
  private static func status(_ path: FilePath) throws(SystemError) -> stat? {
    var status = stat()
    do {
      try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
    } catch {
      guard [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) else { throw error }
      return nil
    }
    return status
  }

  /// Copies a file or a directory to a path of the tree: into it if it is a directory, or else as it.
  ///
  /// - Parameters:
  ///   - createsParents: whether missing directories above the place are made.
  ///   - base: where a destination begins.
  func copy(_ source: FilePath, to destination: [UInt8], createsParents: Bool = true) throws {
    guard let status = try Self.status(source) else {
      throw ImageBuildError(.notFound, "\(source.printable) is a link that leads to nothing")
    }
    let names = TreeFiles.names(of: destination)
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    let last = source.bytes.split(separator: 0x2F).last.map(Array.init) ?? []
    let isWhole = last.isEmpty || last == [0x2E] || last == [0x2E, 0x2E]
    let found = try files.target(TreeFiles.path(names))
    if found.map({ $0.st_mode & S_IFMT == S_IFDIR }) ?? (destination.last == 0x2F && createsParents) {
      let place = try files.parent(names)
      if isWhole {
        try copyContents(source, status, into: place, above: [])
      } else {
        try copy(source, status, as: last, in: place, above: [])
      }
      return
    }
    guard let name = names.last else { return }
    if isDirectory, found != nil {
      throw ImageBuildError(
        .unsuitableImage,
        "\(source.printable) is a directory, and \(destination.printable) in the image is none")
    }
    let above = Array(names.dropLast())
    if !createsParents, try files.target(TreeFiles.path(above)) == nil {
      throw ImageBuildError(
        .notFound,
        "there is no directory \(TreeFiles.path(above).printable) in the image for \(source.printable)")
    }
    if let found {
      guard found.st_mode & S_IFMT == S_IFREG else {
        throw ImageBuildError(
          .unsuitableImage, "\(destination.printable) in the image is no file that could be replaced")
      }
      // A link at the place is followed, as everywhere in the tree.
      try overwrite(
        source, status, try files.root.openInRoot(TreeFiles.path(names), flags: O_WRONLY | O_TRUNC))
    } else {
      try copy(source, status, as: name, in: try files.parent(above), above: [])
    }
  }

  private func copyContents(
    _ source: FilePath, _ status: stat, into place: borrowing OwnedDescriptor, above: [FileNumber]
  ) throws {
    let directory = try OwnedDescriptor(opening: source, flags: O_RDONLY | O_DIRECTORY)
    for name in try directory.names().sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let path = source.pushing(FilePath(bytes: name))
      guard let inner = try Self.status(path) else {
        throw ImageBuildError(.notFound, "\(path.printable) is a link that leads to nothing")
      }
      try copy(path, inner, as: name, in: place, above: above + [FileNumber(status)])
    }
  }

  private func copy(
    _ source: FilePath, _ status: stat, as name: [UInt8], in place: borrowing OwnedDescriptor,
    above: [FileNumber]
  ) throws {
    let old = try place.status(of: name)
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      let number = FileNumber(status)
      guard !excluded.contains(number) else { return }
      guard !above.contains(number) else {
        throw ImageBuildError(.unsuitableImage, "\(source.printable) leads to a directory above it")
      }
      guard above.count < Self.deepest else {
        throw ImageBuildError(
          .limitExceeded, "\(source.printable) is nested deeper than \(Self.deepest) directories")
      }
      if old == nil {
        try place.makeDirectory(name, mode: 0o700)
      } else if old.map({ $0.st_mode & S_IFMT != S_IFDIR }) ?? false {
        throw ImageBuildError(
          .unsuitableImage, "\(source.printable) is a directory, and \(name.printable) in the image is none")
      }
      let inner = try place.openDirectory(name)
      try copyContents(source, status, into: inner, above: above)
      if old == nil { try inner.setPermissions(Self.permissions(status)) }
    case S_IFREG:
      if let old, old.st_mode & S_IFMT == S_IFREG {
        try overwrite(source, status, try place.openBeneath(name, flags: O_WRONLY | O_TRUNC))
      } else {
        if let old {
          guard old.st_mode & S_IFMT != S_IFDIR else {
            throw ImageBuildError(
              .unsuitableImage,
              "\(source.printable) is a file, and \(name.printable) in the image is a directory")
          }
          try place.remove(name)
        }
        let file = try place.openBeneath(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try overwrite(source, status, file)
        try place.setPermissions(of: name, Self.permissions(status), type: S_IFREG)
      }
    default:
      throw ImageBuildError(
        .unsuitableImage, "\(source.printable) is no file and no directory: %files copies nothing else")
    }
  }

  /// The permissions of a copy: those of the source without set-id and sticky bits, less the build's umask.
  private static func permissions(_ status: stat) -> mode_t { status.st_mode & 0o775 }

  private func overwrite(_ source: FilePath, _ status: stat, _ target: consuming OwnedDescriptor) throws {
    let file = try OwnedDescriptor(opening: source, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    guard try file.status().st_mode & S_IFMT == S_IFREG else {
      throw ImageBuildError(
        .unsuitableImage, "\(source.printable) is no file and no directory: %files copies nothing else")
    }
    _ = try file.copy(from: 0, count: Int64(status.st_size), to: target.rawValue)
  }
}

/// The host's directories.
private struct HostPlace: FilePattern.Place {
  func names(in path: [[UInt8]]) throws(SystemError) -> [[UInt8]] {
    do throws(SystemError) {
      return try OwnedDescriptor(opening: TreeFiles.path(path), flags: O_RDONLY | O_DIRECTORY).names()
    } catch {
      guard [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) else { throw error }
      return []
    }
  }

  func has(_ path: [[UInt8]]) throws(SystemError) -> Bool {
    var status = stat()
    return TreeFiles.path(path).withPlatformString { lstat($0, &status) } == 0
  }
}
