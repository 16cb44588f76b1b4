/// How a key stands, by the word of its owner.
public struct KeyStatus: Sendable {
  /// Whether it was revoked, for whatever reason.
  public let isRevoked: Bool
  /// When it expires or expired, in Unix seconds; nil for never.
  public let expiry: Int64?
  /// Whether there is a valid self-signature, or for a subkey a binding.
  public let isBound: Bool

  /// Whether nothing speaks against the key at a time.
  public func isValid(now: Int64) -> Bool { isBound && !isRevoked && expiry.map { now < $0 } ?? true }

  fileprivate static let unusable = KeyStatus(isRevoked: false, expiry: nil, isBound: false)
}

extension Certificate {
  /// How the primary key stands.
  ///
  /// - Parameter now: the time of judging, in Unix seconds.
  public func status(now: Int64) -> KeyStatus {
    // A key too weak to check anything with vouches for nothing.
    guard let own = try? statement(at: now, now: now) else { return .unusable }
    return KeyStatus(
      isRevoked: own.fault == .keyRevoked, expiry: own.expiry, isBound: own.fault != .keyNotBound)
  }

  /// How one of the subkeys stands, apart from its primary key.
  ///
  /// - Parameter now: the time of judging, in Unix seconds.
  public func status(of subkey: Subkey, now: Int64) -> KeyStatus {
    guard let own = try? statement(of: subkey, at: now, now: now) else { return .unusable }
    return KeyStatus(isRevoked: own.isRevoked, expiry: own.expiry, isBound: own.binding != nil)
  }
}
