import Glibc
import LUKS
import LinuxSystem
public import SystemPackage

/// A mount of an image that this program made.
public struct ImageMount: Sendable, Equatable {
  /// How it is mounted.
  public enum Kind: String, Sendable {
    /// By the kernel's own squashfs.
    case kernel
    /// By our own server.
    case fuse
  }

  /// How it is mounted.
  public let kind: Kind
  /// The image's path, as far as the kernel knows it.
  public let image: FilePath
  /// The directory that it is mounted on.
  public let target: FilePath

  /// Makes a mount from its parts.
  public init(kind: Kind, image: FilePath, target: FilePath) {
    self.kind = kind
    self.image = image
    self.target = target
  }
}

/// The mounts of images that this process sees.
public enum ImageMounts {
  /// All of our mounts, in the kernel's order.
  ///
  /// Only root can read the marks of loop devices. For other users, a squashfs is ours if its loop device has
  /// a size limit and is cleared after its last use: ours are like that, and hardly any others.
  public static func list() throws(RuntimeError) -> [ImageMount] {
    try translating(try MountTable.read()).compactMap(recognize)
  }

  private static func recognize(_ entry: MountEntry) -> ImageMount? {
    if entry.type == FuseMount.type {
      return ImageMount(kind: .fuse, image: FilePath(bytes: entry.source), target: entry.target)
    }
    let source = FilePath(bytes: entry.source)
    guard entry.type == "squashfs" else { return nil }
    if source.starts(with: "/dev/mapper"),
      source.lastComponent?.string.hasPrefix(KernelMapping.prefix) == true
    {
      // The mapping lies on one device, our loop device.
      let beneath = try? OwnedDescriptor(
        opening: FilePath("/sys/dev/block/\(entry.device)/slaves"), flags: O_RDONLY | O_DIRECTORY
      ).names()
      let image = beneath?.first.flatMap { backingFile(of: FilePath(bytes: $0)) }
      return ImageMount(kind: .kernel, image: image ?? source, target: entry.target)
    }
    guard geteuid() == 0 ? LoopDevice.mark(of: source) == KernelMount.mark : looksLikeOurs(source) else {
      return nil
    }
    return ImageMount(kind: .kernel, image: backingFile(of: source) ?? source, target: entry.target)
  }

  private static func looksLikeOurs(_ device: FilePath) -> Bool {
    attribute("autoclear", of: device) == Array("1".utf8)
      && attribute("sizelimit", of: device).map { $0 != Array("0".utf8) } == true
  }

  private static func backingFile(of device: FilePath) -> FilePath? {
    attribute("backing_file", of: device).map { FilePath(bytes: $0) }
  }

  /// Reads an attribute of a loop device that every user may read.
  private static func attribute(_ attribute: String, of device: FilePath) -> [UInt8]? {
    guard let name = device.lastComponent?.string,
      let file = try? OwnedDescriptor(
        opening: FilePath("/sys/block/\(name)/loop/\(attribute)"), flags: O_RDONLY),
      let text = try? file.readToEnd(limit: 1 << 16)
    else { return nil }
    return text.last == 0x0A ? text.dropLast() : text
  }

  /// Makes a path absolute. Its last part may be a mount whose server has died, so that part is not looked at.
  public static func absolute(_ path: FilePath) throws(RuntimeError) -> FilePath {
    guard let name = path.lastComponent, name.kind == .regular else {
      return try resolve(path)
    }
    let parent = path.removingLastComponent()
    return try resolve(parent.isEmpty ? "." : parent).appending(name)
  }

  /// Resolves all symbolic links of a path.
  static func resolve(_ path: FilePath) throws(RuntimeError) -> FilePath {
    try translating(try path.resolvingLinks())
  }

  /// Unmounts an image.
  ///
  /// - Parameters:
  ///   - target: where it is mounted.
  ///   - lazily: whether to take the mount from the tree at once, even if it is in use; it ends with its last user.
  /// - Throws: ``RuntimeError``; ``RuntimeError/Code/notMounted`` if the topmost mount is not one of ours, or
  ///   there is none.
  public static func unmount(_ target: FilePath, lazily: Bool = false) throws(RuntimeError) {
    var place = try absolute(target)
    var top = try top(at: place)
    if top == nil, let resolved = try? resolve(target), resolved != place {
      place = resolved
      top = try Self.top(at: place)
    }
    guard let top else {
      throw RuntimeError(.notMounted, "nothing is mounted on \(target.string)")
    }
    // Only root can see whose loop device it is.
    if geteuid() != 0, top.type == "squashfs", FilePath(bytes: top.source).starts(with: "/dev") {
      throw RuntimeError(
        .unavailable,
        "the kernel made the mount on \(target.string): only root can unmount it")
    }
    guard let mount = recognize(top) else {
      throw RuntimeError(.notMounted, "the mount on \(target.string) is not an image")
    }
    if mount.kind == .fuse, geteuid() != 0 {
      return try FuseMount.unmountThroughHelper(place, lazily: lazily)
    }
    try translating(try Mounting.unmount(place, lazily: lazily))
  }

  /// The topmost mount on a directory.
  static func top(at place: FilePath) throws(RuntimeError) -> MountEntry? {
    try translating(try MountTable.read()).last { $0.target == place }
  }
}
