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
    /// By a server of ours.
    case fuse
  }

  /// How it is mounted.
  public let kind: Kind
  /// The image's path, as far as the kernel knows it.
  public let image: FilePath
  /// Where it is.
  public let target: FilePath

  /// A mount from its parts.
  public init(kind: Kind, image: FilePath, target: FilePath) {
    self.kind = kind
    self.image = image
    self.target = target
  }
}

/// The mounts of images that this process sees.
public enum ImageMounts {
  /// All of ours, in the order in which the kernel has them.
  ///
  /// Root alone may look at the marks of loop devices. To others a squashfs is ours whose loop device ends within its file
  /// and with its last user, as ours do and hardly any other's.
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
      // Beneath the mapping there is one device, our loop device.
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

  /// What everybody may know of a loop device.
  private static func attribute(_ attribute: String, of device: FilePath) -> [UInt8]? {
    guard let name = device.lastComponent?.string,
      let file = try? OwnedDescriptor(
        opening: FilePath("/sys/block/\(name)/loop/\(attribute)"), flags: O_RDONLY),
      let text = try? file.readToEnd(limit: 1 << 16)
    else { return nil }
    return text.last == 0x0A ? text.dropLast() : text
  }

  /// The absolute path of a place, whose last part may be a mount that nobody answers for any more.
  public static func absolute(_ path: FilePath) throws(RuntimeError) -> FilePath {
    guard let name = path.lastComponent, name.kind == .regular else {
      return try resolve(path)
    }
    let parent = path.removingLastComponent()
    return try resolve(parent.isEmpty ? "." : parent).appending(name)
  }

  /// A path free of links.
  static func resolve(_ path: FilePath) throws(RuntimeError) -> FilePath {
    try translating(try path.resolvingLinks())
  }

  /// Unmounts an image.
  ///
  /// - Parameters:
  ///   - target: where it is mounted.
  ///   - lazily: whether it goes from the tree at once though it is in use, and altogether with its last user.
  /// - Throws: ``RuntimeError``, ``RuntimeError/Code/notMounted`` where something else is on top there, or nothing.
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
    // Whose the loop device is, root alone can see.
    if geteuid() != 0, top.type == "squashfs", FilePath(bytes: top.source).starts(with: "/dev") {
      throw RuntimeError(
        .unavailable,
        "what is mounted on \(target.string) was mounted by the kernel: root alone can unmount it")
    }
    guard let mount = recognize(top) else {
      throw RuntimeError(.notMounted, "what is mounted on \(target.string) is no image")
    }
    if mount.kind == .fuse, geteuid() != 0 {
      return try FuseMount.unmountThroughHelper(place, lazily: lazily)
    }
    try translating(try Mounting.unmount(place, lazily: lazily))
  }

  /// What is mounted on a place, last of all.
  static func top(at place: FilePath) throws(RuntimeError) -> MountEntry? {
    try translating(try MountTable.read()).last { $0.target == place }
  }
}
