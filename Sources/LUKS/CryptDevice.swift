import CCryptsetup
import CLinux
import Gcrypt
import Glibc
import LinuxSystem
import SystemPackage

/// A volume's header in memory, on which libcryptsetup works. The library sees a file that is as long as the
/// volume but only has the checked parts of the header. It never sees the user's file.
///
/// Only one thread at a time may use it, but any thread may read the memory.
final class CryptDevice: VolumeSource, @unchecked Sendable {
  /// The library's messages, for our error messages.
  private final class Log {
    var errors: [String] = []
  }

  private let calls: cryptsetup_calls
  private let handle: OpaquePointer
  /// The file in memory.
  private let memory: OwnedDescriptor
  /// The length that the library sees.
  let byteCount: Int64
  private let log = Log()

  /// Makes a device over a file in memory.
  ///
  /// - Parameters:
  ///   - byteCount: the length that the library sees.
  ///   - parts: the contents of the file and their offsets; the rest is zero.
  init(byteCount: Int64, parts: [(offset: Int64, bytes: [UInt8])]) throws(LUKSError) {
    let library = try CryptLibrary.shared()
    let memory = try Self.memoryFile(byteCount, parts)
    var device: OpaquePointer?
    let status = library.calls.`init`(&device, "/proc/self/fd/\(memory.rawValue)")
    guard status == 0, let device else {
      throw LUKSError(.library, "libcryptsetup cannot start: \(Self.reason(status))")
    }
    calls = library.calls
    handle = device
    self.memory = memory
    self.byteCount = byteCount
    library.calls.set_log_callback(
      device,
      { level, message, log in
        guard level == CRYPT_LOG_ERROR, let message, let log else { return }
        Unmanaged<Log>.fromOpaque(log).takeUnretainedValue().errors.append(String(cString: message))
      }, Unmanaged.passUnretained(log).toOpaque())
  }

  deinit { calls.free(handle) }

  private static func memoryFile(
    _ byteCount: Int64, _ parts: [(offset: Int64, bytes: [UInt8])]
  ) throws(LUKSError) -> OwnedDescriptor {
    do throws(SystemError) {
      let number = try SystemError.check("make a file in memory") { linux_memory_file("luks") }
      let memory = OwnedDescriptor(adopting: number, path: FilePath("memory"))
      try memory.truncate(to: byteCount)
      for part in parts {
        let span = part.bytes.span.bytes
        try span.withUnsafeBytes { (bytes) throws(SystemError) in try memory.write(bytes, at: part.offset) }
      }
      return memory
    } catch { throw LUKSError(error) }
  }

  private static func reason(_ status: Int32) -> String { String(cString: strerror(-status)) }

  /// Turns a status below zero into an error with the library's message.
  @discardableResult
  private func check(_ status: Int32, _ operation: String) throws(LUKSError) -> Int32 {
    guard status < 0 else { return status }
    let words = log.errors.last.map { ": \($0.filter { $0 != "\n" })" } ?? ": \(Self.reason(status))"
    throw LUKSError(.library, "libcryptsetup cannot \(operation)\(words)")
  }

  // MARK: Reading

  /// Reads data that the library wrote.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(LUKSError) -> Int {
    do { return try memory.read(into: buffer, at: offset) } catch { throw LUKSError(error) }
  }

  /// Reads the header, which may be of either version.
  func load() throws(LUKSError) { try check(calls.load(handle, nil, nil), "read the header") }

  /// Finds the slot that a key opens, and the volume key.
  ///
  /// - Parameters:
  ///   - count: the number of bytes of the volume key.
  ///   - slot: the only slot to try; nil for all.
  /// - Throws: ``LUKSError/Code/wrongKey`` if the key opens no slot.
  func volumeKey(_ key: Span<UInt8>, count: Int, slot: Int? = nil) throws(LUKSError) -> (Int, VolumeKey) {
    var volumeKey: SecureBytes
    do { volumeKey = try SecureBytes(count: count) } catch { throw LUKSError(error) }
    var size = count
    var output = volumeKey.mutableSpan
    let status = output.withUnsafeMutableBufferPointer { output in
      output.withMemoryRebound(to: CChar.self) { output in
        key.withChars { key in
          calls.volume_key_get(
            handle, Int32(slot ?? -1), output.baseAddress, &size, key.baseAddress, key.count)
        }
      }
    }
    if status == -EPERM || status == -ENOENT {
      throw LUKSError(.wrongKey, "the passphrase or key opens no key slot of the volume")
    }
    if status == -ENOMEM {
      throw LUKSError(.cost, "there is not enough memory to derive the key")
    }
    try check(status, "derive the volume key")
    guard size == count else { throw LUKSError(.damagedHeader, "the volume key has the wrong length") }
    return (Int(status), VolumeKey(volumeKey))
  }

  /// Maps the data of a block device read-only, under a name of device-mapper.
  func activate(_ name: String, over device: String, _ volumeKey: VolumeKey) throws(LUKSError) {
    try check(calls.set_data_device(handle, device), "use \(device)")
    let calls = calls
    let handle = handle
    let status = volumeKey.read { key in
      calls.activate_by_volume_key(handle, name, key.baseAddress, key.count, cryptsetup_read_only)
    }
    try check(status, "map the volume")
  }

  // MARK: Changing

  /// Makes a header without key slots.
  func format(_ options: FormatOptions, _ volumeKey: VolumeKey) throws(LUKSError) {
    let slotBytes = options.dataOffset - 2 * FormatOptions.headerBytes
    try check(
      calls.set_metadata_size(handle, UInt64(FormatOptions.headerBytes), UInt64(slotBytes)),
      "lay out the header")
    try check(calls.set_data_offset(handle, UInt64(options.dataOffset / 512)), "place the data")
    try set(options.kdf)
    var parameters = crypt_params_luks2()
    parameters.sector_size = UInt32(options.sectorSize)
    let calls = calls
    let handle = handle
    let status = volumeKey.read { key in
      calls.format(
        handle, CRYPT_LUKS2, "aes", "xts-plain64", options.uuid, key.baseAddress, key.count, &parameters)
    }
    try check(status, "make a header")
  }

  /// Sets the costs of the key slots that are added after this call.
  func set(_ kdf: KeyDerivationCost) throws(LUKSError) {
    let status = kdf.algorithm.rawValue.withCString { name in
      "sha256".withCString { hash in
        var parameters = crypt_pbkdf_type()
        parameters.type = name
        parameters.hash = hash
        parameters.iterations = kdf.time
        parameters.max_memory_kb = kdf.algorithm == .pbkdf2 ? 0 : kdf.memory
        parameters.parallel_threads = kdf.algorithm == .pbkdf2 ? 0 : kdf.lanes
        parameters.flags = cryptsetup_no_benchmark
        return calls.set_pbkdf_type(handle, &parameters)
      }
    }
    try check(status, "use these costs for deriving keys")
  }

  /// Adds a key slot, and returns its number.
  func addSlot(_ key: Span<UInt8>, for volumeKey: VolumeKey) throws(LUKSError) -> Int {
    let calls = calls
    let handle = handle
    let status = volumeKey.read { volume in
      key.withChars { key in
        calls.keyslot_add_by_volume_key(
          handle, -1, volume.baseAddress, volume.count, key.baseAddress, key.count)
      }
    }
    if status == -EINVAL || status == -ENOSPC {
      throw LUKSError(
        .noFreeKeySlot,
        "the header has no room for another key slot: remove one first, or encrypt again with more room")
    }
    return Int(try check(status, "add a key slot"))
  }

  /// Destroys a key slot.
  func destroySlot(_ number: Int) throws(LUKSError) {
    try check(calls.keyslot_destroy(handle, Int32(number)), "destroy key slot \(number)")
  }

  /// Adds a token.
  func addToken(_ json: [UInt8]) throws(LUKSError) {
    let text = json.map { CChar(bitPattern: $0) } + [0]
    try check(calls.token_json_set(handle, -1, text), "add a token")
  }
}

extension Span where Element == UInt8 {
  /// The bytes as C's characters.
  fileprivate func withChars<Result>(_ body: (UnsafeBufferPointer<CChar>) -> Result) -> Result {
    withUnsafeBufferPointer { bytes in bytes.withMemoryRebound(to: CChar.self, body) }
  }
}
