import LinuxSystem
public import SystemPackage

extension Image {
  /// The properties of a new image.
  public struct Creation: Hashable, Sendable {
    /// The launch script, at most 31 bytes.
    public var launchScript: [UInt8]
    /// The image's id.
    public var id: ImageID
    /// Both times of the header.
    public var time: Timestamp
    /// The number of descriptor slots.
    public var capacity: Int64

    /// The most slots of a new image: ``Image/init(reading:)`` can still read it if all are used.
    public static let maximumCapacity = Int64(Image.maximumObjects)

    /// By default an image with a random id, made now.
    public init(
      launchScript: [UInt8] = [], id: ImageID = .random(), time: Timestamp = .now,
      capacity: Int64 = Header.defaultCapacity
    ) {
      self.launchScript = launchScript
      self.id = id
      self.time = time
      self.capacity = capacity
    }

    /// Refuses a launch script or a capacity that does not fit.
    ///
    /// - Throws: ``SIFError/Code/invalidArgument``.
    public func check() throws(SIFError) {
      guard launchScript.count < Header.launchScriptByteCount else {
        throw SIFError(
          .invalidArgument, "the launch script is \(launchScript.count) bytes long; 31 is the most")
      }
      guard (0...Self.maximumCapacity).contains(capacity) else {
        throw SIFError(
          .invalidArgument,
          "a capacity of \(capacity) descriptors is not between 0 and \(Self.maximumCapacity)")
      }
    }

    /// An image without an id and without times: its bytes are the same whenever it is made.
    public static let deterministic = Creation(id: .none, time: .none)
  }

  /// Makes an empty image: a header and a table of free slots.
  ///
  /// - Parameter storage: empty storage.
  /// - Throws: ``SIFError/Code/invalidArgument`` for a launch script or a capacity that does not fit.
  public static func create(_ creation: Creation, in storage: any Storage) throws(SIFError) -> Image {
    try creation.check()
    let header = Header(
      launchScript: creation.launchScript, id: creation.id, createdAt: creation.time,
      capacity: creation.capacity)
    try accessing(try storage.truncate(to: header.dataOffset))
    try accessing(try storage.write(header.encoded().span.bytes, at: 0))
    return try Image(loading: storage)
  }

  /// Makes an empty image in a file, which gets its name when it is complete. If an image of that name exists, it is
  /// replaced.
  ///
  /// ```swift
  /// try Image.create(at: "new.sif")
  /// var editor = try ImageEditor(opening: "new.sif")
  /// ```
  ///
  /// - Parameter creation: by default a random id, and the present time.
  /// - Throws: ``SIFError/Code/invalidArgument`` for a launch script or a capacity that does not fit, and
  ///   ``SIFError/Code/system``.
  @discardableResult
  public static func create(at path: String, _ creation: Creation = Creation()) throws(SIFError) -> Image {
    try create(at: FilePath(path), creation)
  }

  /// The same for a path that is not text.
  @discardableResult
  public static func create(at path: FilePath, _ creation: Creation = Creation()) throws(SIFError) -> Image {
    do {
      try NewImageFile.write(replacing: path, mode: 0o755) { storage throws(SIFError) in
        _ = try create(creation, in: storage)
      }
    } catch let error as SIFError {
      throw error.naming(path)
    } catch let error as SystemError {
      throw SIFError(error).naming(path)
    } catch {
      throw SIFError(.system, "\(error)", path: path)
    }
    return try Image(opening: path)
  }
}
