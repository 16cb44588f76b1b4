/// The status of a key, according to its owner.
public struct KeyStatus: Sendable {
  /// Whether the key was revoked, for any reason.
  public let isRevoked: Bool
  /// Whether all names of the owner were revoked, though not the key.
  public let areUserIDsRevoked: Bool
  /// The expiry time, in Unix seconds; nil for never.
  public let expiry: Int64?
  /// Whether the key has a valid self-signature, or a subkey a valid binding.
  public let isBound: Bool

  /// Whether the key is bound, not revoked and not expired at a time.
  public func isValid(now: Int64) -> Bool { isBound && !isRevoked && expiry.map { now < $0 } ?? true }

  fileprivate static let unusable = KeyStatus(
    isRevoked: false, areUserIDsRevoked: false, expiry: nil, isBound: false)
}

extension Certificate {
  /// The status of the primary key.
  ///
  /// - Parameter now: the time of the judgement, in Unix seconds.
  public func status(now: Int64) -> KeyStatus {
    // A key that is too weak to verify anything cannot vouch for itself.
    guard let own = try? statement(at: now, now: now) else { return .unusable }
    return KeyStatus(
      isRevoked: own.fault == .keyRevoked, areUserIDsRevoked: own.fault == .userIDsRevoked,
      expiry: own.expiry,
      isBound: own.fault == nil || own.fault == .keyRevoked)
  }

  /// The status of a subkey, without regard to its primary key.
  ///
  /// - Parameter now: the time of the judgement, in Unix seconds.
  public func status(of subkey: Subkey, now: Int64) -> KeyStatus {
    guard let own = try? statement(of: subkey, at: now, now: now) else { return .unusable }
    return KeyStatus(
      isRevoked: own.isRevoked, areUserIDsRevoked: false, expiry: own.expiry, isBound: own.binding != nil)
  }
}
