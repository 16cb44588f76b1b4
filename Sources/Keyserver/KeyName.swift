import Bytes
public import OpenPGP

/// What names a key on a key server: its fingerprint, or a part of it.
public struct KeyName: Sendable, Hashable, CustomStringConvertible {
  /// The digits in upper case: 8 or 16 of a key id, 40 or 64 of a fingerprint.
  public let digits: String

  /// Reads 8, 16, 40 or 64 hexadecimal digits, with or without `0x` and blanks; nil for anything else.
  public init?(_ text: some StringProtocol) {
    var digits = String(text).filter { $0 != " " }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") { digits = String(digits.dropFirst(2)) }
    guard [8, 16, 40, 64].contains(digits.utf8.count), Hexadecimal.bytes(digits.utf8) != nil else {
      return nil
    }
    self.digits = digits.uppercased()
  }

  /// The digits.
  public var description: String { digits }

  /// Whether it is a whole fingerprint, which names one key and no other.
  public var isFingerprint: Bool { digits.utf8.count >= 40 }

  /// Whether it is of so few digits that anybody can make another key that has them.
  public var isShort: Bool { digits.utf8.count == 8 }

  /// The text that a server is asked with. Digits are never left out: servers do not find a key by 15 of 16.
  var searchText: String { "0x" + digits.lowercased() }

  /// Whether it names a key.
  public func names(_ key: PublicKeyPacket) -> Bool {
    switch digits.utf8.count {
    case 8: key.keyIDText.hasSuffix(digits)
    case 16: key.keyIDText == digits
    default: key.fingerprintText == digits
    }
  }

  /// Whether it names a primary key, or a subkey that the primary key's owner has bound to it.
  ///
  /// - Parameter now: the time of the judgement, in Unix seconds.
  public func names(_ certificate: Certificate, now: Int64) -> Bool {
    names(certificate.primary)
      || certificate.subkeys.contains { names($0.key) && certificate.status(of: $0, now: now).isBound }
  }
}
