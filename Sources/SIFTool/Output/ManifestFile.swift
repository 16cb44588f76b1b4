import Glibc
import LinuxSystem
import Squash
import StrictJSON
import Synchronization
import SystemPackage

/// The manifest of what an extraction could not set: one JSON object a line, made with the first one.
final class ManifestFile: Sendable {
  private struct State: ~Copyable {
    var file: OwnedDescriptor?
    var offset: Int64 = 0
    var pending: [UInt8] = []
    var count = 0
    var failure: SystemError?
  }

  let path: FilePath
  private let replaces: Bool
  private let state = Mutex(State())

  /// - Parameter replaces: whether a manifest that is there is begun anew; otherwise it is an error.
  init(_ path: FilePath, replaces: Bool) {
    self.path = path
    self.replaces = replaces
  }

  /// Adds a line.
  func add(_ unapplied: UnappliedAttributes) {
    state.withLock { state in
      state.count += 1
      state.pending += JSONWriter.compact(unapplied.json) + [0x0A]
      if state.pending.count > 1 << 16 { flush(&state) }
    }
  }

  /// Writes what is left; answers how many lines there are.
  func finish() throws -> Int {
    let (count, failure) = state.withLock { state in
      flush(&state)
      return (state.count, state.failure)
    }
    if let failure { throw failure }
    return count
  }

  private func flush(_ state: inout State) {
    guard state.failure == nil, !state.pending.isEmpty else { return }
    do throws(SystemError) {
      if state.file == nil {
        let flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (replaces ? O_TRUNC : O_EXCL)
        state.file = try OwnedDescriptor(opening: path, flags: flags, mode: 0o644)
      }
      let bytes = state.pending
      let offset = state.offset
      let number = state.file?.rawValue ?? -1
      try SystemError.check("write", path) {
        bytes.withUnsafeBytes { pwrite(number, $0.baseAddress, $0.count, Int(offset)) }
      }
      state.offset += Int64(bytes.count)
      state.pending.removeAll(keepingCapacity: true)
    } catch { state.failure = error }
  }
}

extension UnappliedAttributes {
  /// A line of the manifest.
  var json: JSONValue {
    var members = [
      JSONMember("groupId", .integer(Int64(groupID))),
      JSONMember("mode", .string(String(permissions, radix: 8))),
      JSONMember("path", .string(String(decoding: path, as: UTF8.self))),
      JSONMember("type", .string(type.name)), JSONMember("userId", .integer(Int64(userID))),
    ]
    if String(validating: path, as: UTF8.self) == nil {
      members.append(JSONMember("pathBytes", .string(hexadecimal(path))))
    }
    if let device {
      let (major, minor) = (JSONValue.integer(Int64(device.major)), JSONValue.integer(Int64(device.minor)))
      members.append(JSONMember("device", .object([JSONMember("major", major), JSONMember("minor", minor)])))
    }
    if !attributes.isEmpty { members.append(JSONMember("attributes", .array(attributes.map(\.json)))) }
    return .object(members.sorted { $0.key < $1.key })
  }
}
