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

    /// An image with an id and a time.
    public init(
      launchScript: [UInt8] = [], id: ImageID, time: Timestamp, capacity: Int64 = Header.defaultCapacity
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
}
