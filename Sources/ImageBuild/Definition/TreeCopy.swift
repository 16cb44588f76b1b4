import Bytes
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// Copies files from one tree to another with everything they have: owners, modes, times, names, links, devices and extended
/// attributes, also those that only the tables of the trees know.
final class TreeCopy {
  private let attributes: (source: TreeAttributes?, target: TreeAttributes)
  /// The files with several names, by their paths in the directory that is copied to.
  private var links: [HostFiles.FileNumber: [UInt8]] = [:]
  private var top: OwnedBox?
  private var prefix: [UInt8] = []
  private let excluded: Set<HostFiles.FileNumber>

  /// An open directory that outlives the call that opened it.
  private final class OwnedBox {
    let descriptor: OwnedDescriptor
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
  }

  /// - Parameter excluded: directories that are left out.
  init(from source: TreeAttributes?, to target: TreeAttributes, leavingOut excluded: [stat] = []) {
    attributes = (source, target)
    self.excluded = Set(excluded.map(HostFiles.FileNumber.init))
  }

  /// Copies all that is in a directory, and its attributes.
  func copyContents(
    of source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, depth: Int = 0
  ) throws {
    guard depth < HostFiles.deepest else {
      throw ImageBuildError(.limitExceeded, "the tree is nested deeper than \(HostFiles.deepest) directories")
    }
    if depth == 0 { top = OwnedBox(try target.openDirectory([0x2E])) }
    for name in try source.names().sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      try copy(name, in: source, as: name, in: target, depth: depth)
    }
    let from = try source.namingBeneath([0x2E])
    let to = try target.namingBeneath([0x2E])
    try apply(try source.status(), of: [0x2E], in: source, from, to: [0x2E], in: target, to)
  }

  /// Copies a file or a directory under another name.
  func copy(
    _ name: [UInt8], in source: borrowing OwnedDescriptor, as newName: [UInt8],
    in target: borrowing OwnedDescriptor, depth: Int = 0
  ) throws {
    guard let status = try source.status(of: name) else { return }
    let kind = status.st_mode & S_IFMT
    let number = HostFiles.FileNumber(status)
    guard !excluded.contains(number), kind != S_IFSOCK else { return }
    let old = try target.status(of: newName)
    if kind == S_IFDIR {
      if old.map({ $0.st_mode & S_IFMT != S_IFDIR }) ?? false { try target.remove(newName) }
      if old.map({ $0.st_mode & S_IFMT != S_IFDIR }) ?? true {
        try target.makeDirectory(newName, mode: 0o700)
      }
      let above = prefix
      prefix += newName + [0x2F]
      defer { prefix = above }
      try copyContents(
        of: try source.openDirectory(name), to: try target.openDirectory(newName), depth: depth + 1)
      return
    }
    if let old {
      guard old.st_mode & S_IFMT != S_IFDIR else {
        throw ImageBuildError(
          .unsuitableImage,
          "\(newName.printable) is a directory in the image, and no directory takes its place")
      }
      try target.remove(newName)
    }
    if status.st_nlink > 1, let first = links[number], let top {
      try target.makeLink(newName, to: first, in: top.descriptor)
      return
    }
    switch kind {
    case S_IFLNK: try target.makeSymlink(newName, target: try source.symlinkTarget(of: name))
    case S_IFREG: try copyFile(name, status, in: source, as: newName, in: target)
    default: try makeNode(newName, status, in: target)
    }
    let from = try source.namingBeneath(name)
    let to = try target.namingBeneath(newName)
    try apply(status, of: name, in: source, from, to: newName, in: target, to)
    if status.st_nlink > 1, top != nil { links[number] = prefix + newName }
  }

  private func copyFile(
    _ name: [UInt8], _ status: stat, in source: borrowing OwnedDescriptor, as newName: [UInt8],
    in target: borrowing OwnedDescriptor
  ) throws {
    let file = try source.openBeneath(name, flags: O_RDONLY | O_NONBLOCK)
    let copy = try target.openBeneath(newName, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    _ = try file.copy(from: 0, count: Int64(status.st_size), to: copy.rawValue)
  }

  /// Makes a device, or an empty file that stands for it.
  private func makeNode(
    _ name: [UInt8], _ status: stat, in target: borrowing OwnedDescriptor
  ) throws {
    do throws(SystemError) {
      try target.makeNode(name, mode: status.st_mode & S_IFMT | 0o600, device: status.st_rdev)
    } catch {
      guard error.errno == .notPermitted, status.st_mode & S_IFMT != S_IFIFO else { throw error }
      try target.makeNode(name, mode: S_IFREG | 0o600, device: 0)
      try attributes.target.change(try target.namingBeneath(name)) { entry in
        entry.node = TreeAttributes.Node(
          isBlock: status.st_mode & S_IFMT == S_IFBLK, number: DeviceNumber(kernel: status.st_rdev))
      }
    }
  }

  /// Gives a copy what the original has. What the kernel refuses is recorded.
  private func apply(
    _ status: stat, of name: [UInt8], in source: borrowing OwnedDescriptor, _ from: borrowing OwnedDescriptor,
    to newName: [UInt8], in target: borrowing OwnedDescriptor, _ to: borrowing OwnedDescriptor
  ) throws {
    let isLink = status.st_mode & S_IFMT == S_IFLNK
    var refused = TreeAttributes.Entry()
    do throws(SystemError) {
      try target.setOwner(of: newName, user: status.st_uid, group: status.st_gid)
    } catch {
      guard [.notPermitted, .invalidArgument].contains(error.errno) else { throw error }
      // A number of which this namespace knows nothing stands for nobody in particular.
    }
    for (key, value) in try source.attributes(of: name) {
      do throws(SystemError) { try target.setAttribute(of: newName, key, value) } catch {
        guard [.notPermitted, .permissionDenied, .notSupported, .invalidArgument].contains(error.errno) else {
          throw error
        }
        // What the host adds to its own files is none of the image's.
        if !key.starts(with: "security.selinux".utf8) {
          refused.set([ExtendedAttribute(name: key, value: value)])
        }
      }
    }
    if !isLink {
      try target.setPermissions(
        of: newName, status.st_mode & 0o7777, type: try to.status().st_mode & S_IFMT)
    }
    try target.setTimes(of: newName, to: Int64(status.st_mtim.tv_sec))
    let known = attributes.source?.entry(of: from)
    guard known != nil || refused != TreeAttributes.Entry() else { return }
    try attributes.target.change(to) { entry in
      if let known {
        let node = entry.node
        entry = known
        entry.node = known.node ?? node
      }
      entry.set(refused.attributes)
    }
  }
}
