public import SystemPackage

/// The parts of the host's drivers that programs in a container need to use its accelerators: libraries, programs,
/// other files, devices and variables.
///
/// They are the host's because they have to fit the kernel's driver; everything else of a GPU program comes with its image.
public struct DriverFiles: Sendable {
  /// A file of the host and its place in the container.
  public struct File: Sendable, Equatable {
    /// The path on the host.
    public let source: FilePath
    /// The path in the container.
    public let target: FilePath
    /// Whether the container may not write to it.
    public let isReadOnly: Bool

    /// Makes a file; by default at the same path, and read-only.
    public init(_ source: FilePath, at target: FilePath? = nil, isReadOnly: Bool = true) {
      self.source = source
      self.target = target ?? source
      self.isReadOnly = isReadOnly
    }
  }

  /// A shared library, which the container sees in one directory with the others.
  public struct Library: Sendable, Equatable {
    /// The name by which programs load it, without a slash.
    public let name: String
    /// The path on the host.
    public let source: FilePath

    /// Makes a library.
    public init(_ name: String, at source: FilePath) {
      self.name = name
      self.source = source
    }
  }

  /// The libraries, each name once.
  public private(set) var libraries: [Library] = []
  /// Programs, sockets and data, each place once.
  public private(set) var files: [File] = []
  /// Device nodes, or directories of them, each place once. They are below `/dev`, where a container with the host's
  /// `/dev` has them anyway, unless source and target differ.
  public private(set) var devices: [File] = []
  /// Variables that the program gets, unless the caller sets them.
  public private(set) var variables: [(name: String, value: String)] = []

  /// Makes an empty collection.
  public init() {}

  /// Whether there is nothing.
  public var isEmpty: Bool { libraries.isEmpty && files.isEmpty && devices.isEmpty && variables.isEmpty }

  /// Adds a library, unless one of that name is there.
  public mutating func add(_ library: Library) {
    guard !libraries.contains(where: { $0.name == library.name }) else { return }
    libraries.append(library)
  }

  /// Adds a file, unless there is one at that place.
  public mutating func add(_ file: File) {
    guard !files.contains(where: { $0.target == file.target }) else { return }
    files.append(file)
  }

  /// Adds a device, unless there is one at that place.
  public mutating func add(device: File) {
    guard !devices.contains(where: { $0.target == device.target }) else { return }
    devices.append(device)
  }

  /// Sets a variable; the last value wins.
  public mutating func set(_ name: String, _ value: String) {
    variables.removeAll { $0.name == name }
    variables.append((name, value))
  }

  /// Adds everything of another collection.
  public mutating func add(_ other: DriverFiles) {
    for library in other.libraries { add(library) }
    for file in other.files { add(file) }
    for device in other.devices { add(device: device) }
    for (name, value) in other.variables { set(name, value) }
  }
}
