public import Bytes
import StrictJSON

/// The reason why a text is not an acceptable envelope.
public struct DSSEError: Fault, Equatable, Sendable {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable {
    /// Not JSON, or not the members of an envelope.
    case malformed = "malformed-envelope"
    /// A payload of another type than expected.
    case payloadType = "wrong-payload-type"
    /// No signature at all.
    case noSignature = "no-signature"
    /// Larger than the limits for envelopes.
    case tooLarge = "too-large"
  }

  /// The kind of fault.
  public let code: Code
  /// The fault, as a phrase.
  public let what: String

  /// An error of a kind.
  public init(_ code: Code, _ what: String) {
    self.code = code
    self.what = what
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: always the text of the envelope.
  public var kind: FaultKind { .malformed }

  /// One sentence that says what is wrong.
  public var description: String { "DSSE: \(what)" }
}

/// An envelope of the Dead Simple Signing Envelope specification, version 1.
public struct Envelope: Sendable {
  /// One signature in an envelope.
  public struct Signature: Sendable {
    /// A hint at the key, which is not protected; empty for none.
    public let keyID: String
    /// The signature itself.
    public let bytes: [UInt8]
  }

  /// The type of the payload.
  public let payloadType: String
  /// The signed bytes.
  public let payload: [UInt8]
  /// The signatures, in the order of the text.
  public let signatures: [Signature]

  /// The limit on the length of an envelope, in bytes; no envelope over an image's metadata is longer.
  public static let maximumBytes = 4 << 20
  private static let maximumSignatures = 64

  /// Reads an envelope: strict JSON, with every member once. Unknown members are skipped, as the
  /// specification demands, unless other readers would take them for known ones: some readers ignore the case
  /// of names.
  public init(reading text: [UInt8]) throws(DSSEError) {
    guard text.count <= Self.maximumBytes else {
      throw DSSEError(.tooLarge, "an envelope of \(text.count) bytes")
    }
    let value: JSONValue
    do { value = try JSONParser.parse(text, limits: JSONLimits(bytes: Self.maximumBytes, depth: 16)) } catch {
      throw DSSEError(.malformed, "an envelope that is not JSON: \(error.description)")
    }
    try Self.check(value, ["payloadType", "payload", "signatures"])
    guard let type = value["payloadType"]?.text, let payload = value["payload"]?.text,
      let list = value["signatures"]?.elements
    else { throw DSSEError(.malformed, "an envelope without its payload or signatures") }
    payloadType = type
    self.payload = try Self.decode(payload)
    guard !list.isEmpty else { throw DSSEError(.noSignature, "an envelope without a signature") }
    guard list.count <= Self.maximumSignatures else {
      throw DSSEError(.tooLarge, "an envelope with \(list.count) signatures")
    }
    var signatures: [Signature] = []
    for entry in list {
      try Self.check(entry, ["keyid", "sig"])
      guard let sig = entry["sig"]?.text else { throw DSSEError(.malformed, "a signature without its bytes") }
      guard entry["keyid"] == nil || entry["keyid"] == .null || entry["keyid"]?.text != nil else {
        throw DSSEError(.malformed, "a key id that is not text")
      }
      signatures.append(Signature(keyID: entry["keyid"]?.text ?? "", bytes: try Self.decode(sig)))
    }
    self.signatures = signatures
  }

  /// Refuses members whose names differ from known ones only in case.
  private static func check(_ value: JSONValue, _ known: [String]) throws(DSSEError) {
    for member in value.members ?? [] {
      let folded = folded(member.key)
      for name in known where !member.key.utf8.elementsEqual(name.utf8) && folded == Self.folded(name) {
        throw DSSEError(.malformed, "a member whose name differs from \(name) only in case")
      }
    }
  }

  /// A name without case. Besides ASCII, two characters fold into it: the long s and the kelvin sign.
  private static func folded(_ name: String) -> [UInt32] {
    name.unicodeScalars.map { scalar in
      switch scalar.value {
      case 0x41...0x5A: scalar.value + 0x20
      case 0x17F: 0x73
      case 0x212A: 0x6B
      default: scalar.value
      }
    }
  }

  /// An envelope from its parts.
  init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
    self.payloadType = payloadType
    self.payload = payload
    self.signatures = signatures
  }

  /// The specification allows both alphabets of base64.
  private static func decode(_ text: String) throws(DSSEError) -> [UInt8] {
    let standard = text.utf8.map {
      $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0
    }
    guard let bytes = Base64.decode(standard) else { throw DSSEError(.malformed, "text that is not base64") }
    return bytes
  }

  /// The text: one line without white space, members in this order.
  public var encoded: [UInt8] {
    JSONWriter.compact([
      "payloadType": .string(payloadType), "payload": .string(Self.base64(payload)),
      "signatures": .array(
        signatures.map { ["keyid": .string($0.keyID), "sig": .string(Self.base64($0.bytes))] }),
    ])
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    String(decoding: Base64.encode(bytes), as: UTF8.self)
  }

  /// The pre-authentication encoding: the bytes that are signed. It binds the payload to its type.
  static func preAuthentication(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
  }
}
