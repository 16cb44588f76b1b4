import Glibc
import LinuxSystem
public import SystemPackage

/// The vendors whose drivers are found by the names of their files.
public enum DriverVendor: String, Sendable, CaseIterable {
  /// NVIDIA: `/dev/nvidia*`.
  case nvidia
  /// AMD: `/dev/kfd` and `/dev/dri`.
  case rocm

  /// The name of the administrators' list.
  public var listName: String {
    switch self {
    case .nvidia: "nvliblist.conf"
    case .rocm: "rocmliblist.conf"
    }
  }

  /// The list where there is none of the administrators'.
  public var list: DriverList {
    switch self {
    case .nvidia: .nvidia
    case .rocm: .rocm
    }
  }

  /// The name in messages.
  public var name: String {
    switch self {
    case .nvidia: "NVIDIA"
    case .rocm: "AMD"
    }
  }
}

/// Finds the files of a vendor's driver on the host.
public struct DriverSearch: Sendable {
  /// The libraries that the host's loader knows.
  public let cache: LibraryCache
  /// The directories that programs are looked for in, separated by colons; nil for `PATH`.
  public let path: String?
  /// The directory of the devices.
  public let devices: FilePath

  /// Makes a search.
  public init(_ cache: LibraryCache, path: String? = nil, devices: FilePath = "/dev") {
    self.cache = cache
    self.path = path
    self.devices = devices
  }

  /// The socket through which programs keep the driver loaded.
  private static let persistence: FilePath = "/var/run/nvidia-persistenced/socket"

  /// Finds everything.
  ///
  /// Libraries of another machine or word size are passed over, and so is whatever the host lacks.
  public func find(_ list: DriverList, of vendor: DriverVendor) -> DriverFiles {
    var found = DriverFiles()
    for entry in list.libraries {
      for library in libraries(entry) { found.add(library) }
    }
    for name in list.programs {
      guard let program = HostPrograms.find(name, path: path) else { continue }
      found.add(DriverFiles.File(program, at: FilePath("/usr/bin").appending(name)))
    }
    for file in list.files.map({ FilePath($0) }) where Self.isFile(file) {
      found.add(DriverFiles.File(file))
    }
    if vendor == .nvidia, Self.kind(of: Self.persistence) == S_IFSOCK {
      found.add(DriverFiles.File(Self.persistence))
    }
    for device in devices(of: vendor) { found.add(device: device) }
    return found
  }

  // MARK: Libraries

  /// The libraries that an entry of a list means.
  private func libraries(_ entry: String) -> [DriverFiles.Library] {
    var paths: [(name: String, path: FilePath)] = []
    if entry.utf8.contains(0x2F) {
      let path = FilePath(entry)
      guard let name = path.lastComponent?.string else { return [] }
      paths.append((name, path))
      // Programs load a library by its shorter names, which are links beside it.
      paths += Self.links(to: path)
    } else {
      paths = cache.entries.filter { Self.matches($0.name, entry) }.map { ($0.name, $0.path) }
    }
    return paths.filter { Self.fits($0.path) }.map { DriverFiles.Library($0.name, at: $0.path) }
  }

  /// Whether a library's name is the entry, or the entry with a version: `libEGL.so` means `libEGL.so.1`, and neither
  /// `libEGL.sold` nor `../libEGL.so.1`. An entry without `.so` at its end is the beginning of the name.
  private static func matches(_ name: String, _ entry: String) -> Bool {
    guard name.utf8.starts(with: entry.utf8), !name.utf8.contains(0x2F) else { return false }
    return name.utf8.count == entry.utf8.count || !entry.hasSuffix(".so")
      || name.utf8.dropFirst(entry.utf8.count).first == 0x2E
  }

  /// The other names of a library in its directory: those that begin like it, up to `.so`, and are the same file.
  private static func links(to library: FilePath) -> [(name: String, path: FilePath)] {
    guard let own = library.lastComponent?.string, let end = own.firstRange(of: ".so"),
      let wanted = try? OwnedDescriptor.naming(library).status(),
      let directory = try? OwnedDescriptor(
        opening: library.removingLastComponent(), flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC),
      let names = try? directory.names()
    else { return [] }
    let beginning = Array(own[..<end.upperBound].utf8)
    var links: [(name: String, path: FilePath)] = []
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) where name.starts(with: beginning) {
      guard let text = String(validating: name, as: UTF8.self), text != own else { continue }
      let path = library.removingLastComponent().appending(text)
      guard let status = try? OwnedDescriptor.naming(path).status(), status.st_ino == wanted.st_ino,
        status.st_dev == wanted.st_dev
      else { continue }
      links.append((text, path))
    }
    return links
  }

  /// Whether this machine's programs can load a library.
  private static func fits(_ path: FilePath) -> Bool {
    guard isFile(path),
      let file = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    else { return false }
    return ELFFile(file)?.fitsThisProcess ?? false
  }

  private static func kind(of path: FilePath) -> mode_t? {
    (try? OwnedDescriptor.naming(path).status()).map { $0.st_mode & S_IFMT }
  }

  private static func isFile(_ path: FilePath) -> Bool { kind(of: path) == S_IFREG }

  // MARK: Devices

  private func devices(of vendor: DriverVendor) -> [DriverFiles.File] {
    let names: [String]
    switch vendor {
    case .rocm: names = ["kfd", "dri"]
    case .nvidia:
      let directory = try? OwnedDescriptor(opening: devices, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      let all = (try? directory?.names()) ?? []
      names = all.compactMap { String(validating: $0, as: UTF8.self) }.filter { $0.hasPrefix("nvidia") }
        .sorted()
    }
    return names.compactMap { name in
      let source = devices.appending(name)
      guard let kind = Self.kind(of: source), kind == S_IFCHR || kind == S_IFDIR else { return nil }
      // Below a directory are the devices of partitions and of rendering.
      return DriverFiles.File(source, at: FilePath("/dev").appending(name), isReadOnly: false)
    }
  }
}
