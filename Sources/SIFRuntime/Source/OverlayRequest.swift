public import SystemPackage

/// One `--overlay`: a directory or a file that is laid over the image.
public struct OverlayRequest: Sendable, Equatable {
  /// Its path on the host.
  public var path: FilePath
  /// Whether nothing may be written to it.
  public var isReadOnly: Bool

  /// Makes a request.
  public init(_ path: FilePath, isReadOnly: Bool = false) {
    self.path = path
    self.isReadOnly = isReadOnly
  }

  /// Reads requests as people write them: `path[:ro]`, several of them separated by commas. A backslash takes away the
  /// meaning of a following colon, comma or backslash.
  public static func parse(_ text: [UInt8]) throws(RuntimeError) -> [OverlayRequest] {
    var requests: [OverlayRequest] = []
    for parts in Bind.split(text) {
      let mode = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : "rw"
      guard parts.count <= 2, !parts[0].isEmpty, mode == "ro" || mode == "rw" else {
        throw RuntimeError(
          .invalidArgument, "an overlay is PATH[:ro], not \"\(String(decoding: text, as: UTF8.self))\"")
      }
      requests.append(OverlayRequest(FilePath(bytes: parts[0]), isReadOnly: mode == "ro"))
    }
    return requests
  }
}
