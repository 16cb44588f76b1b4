import Gcrypt
public import SIF

/// The SHA-256 of a whole file, as a seal on the examined evidence.
public enum StorageDigest {
  /// Hashes all bytes; skips holes as a map does.
  ///
  /// - Parameter progress: called with numbers of bytes as they are done.
  /// - Returns: nil if bytes cannot be read, or if there are more bytes of holes than
  ///   ``ImageMap/longestHashedHoles``.
  /// - Throws: ``SIFError`` if the storage fails as a whole.
  public static func sha256(
    of storage: any Storage, progress: ((Int64) -> Void)? = nil
  ) throws(SIFError) -> [UInt8]? {
    let size: Int64
    do { size = try storage.byteCount } catch { throw SIFError(error) }
    guard size > 0 else {
      do { return try HashContext.digest(.sha256, [UInt8]().span.bytes) } catch {
        throw SIFError(.system, error.description)
      }
    }
    var whole = [MapRegion(.unknown, 0..<size, "the file")]
    try Measurement.run(storage, &whole, progress: progress)
    return whole[0].measure.sha256
  }
}
