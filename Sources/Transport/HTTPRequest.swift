public import Bytes

/// The fields of a head, in their order. Names are compared without regard to case.
public struct HTTPFields: Sendable, Equatable {
  /// One line of a head.
  public struct Field: Sendable, Equatable {
    /// The name, as it was written.
    public let name: String
    /// The value, without blanks around it.
    public let value: String
  }

  /// All of them, in their order.
  public private(set) var all: [Field] = []

  /// No fields.
  public init() {}

  /// Fields with values.
  public init(_ fields: [(name: String, value: String)]) {
    for field in fields { add(field.name, field.value) }
  }

  /// The value of the first field of that name.
  public subscript(name: String) -> String? {
    let name = name.lowercased()
    return all.first { $0.name.lowercased() == name }?.value
  }

  /// The values of all fields of that name.
  public func values(_ name: String) -> [String] {
    let name = name.lowercased()
    return all.filter { $0.name.lowercased() == name }.map(\.value)
  }

  /// Adds a field. What could end its line is left out, so that no value can bring in a second field.
  public mutating func add(_ name: String, _ value: String) {
    let clean = String(decoding: value.utf8.filter { $0 >= 0x20 && $0 != 0x7F || $0 == 9 }, as: UTF8.self)
    all.append(Field(name: name, value: clean))
  }

  /// Replaces all fields of that name by one; nil removes them.
  public mutating func set(_ name: String, _ value: String?) {
    let lower = name.lowercased()
    all.removeAll { $0.name.lowercased() == lower }
    if let value { add(name, value) }
  }
}

/// The bytes that a request carries.
public enum HTTPBody: Sendable {
  /// Nothing.
  case none
  /// Bytes in memory.
  case bytes([UInt8])
  /// The first bytes of a file or the like. They are read again if the request is repeated.
  case source(any RandomAccess, byteCount: Int64)

  /// How many there are; nil if the request carries no body.
  var byteCount: Int64? {
    switch self {
    case .none: nil
    case .bytes(let bytes): Int64(bytes.count)
    case .source(_, let byteCount): byteCount
    }
  }
}

/// A request: what is asked of which address, and what goes with it.
public struct HTTPRequest: Sendable {
  /// A method of HTTP.
  public enum Method: String, Sendable {
    /// Asks for the thing.
    case get = "GET"
    /// Asks for its head.
    case head = "HEAD"
    /// Gives something to the thing.
    case post = "POST"
    /// Puts a thing there.
    case put = "PUT"
    /// Changes a part.
    case patch = "PATCH"
    /// Removes the thing.
    case delete = "DELETE"
  }

  /// Which answers with another address are followed.
  public enum Redirects: Sendable {
    /// All, at most ten.
    case follow
    /// All but `303 See Other`, which the caller reads.
    case followExceptSeeOther
    /// None: the caller reads them.
    case none
  }

  /// What is done.
  public var method: Method
  /// Where.
  public var address: HTTPAddress
  /// What it is for, as a verb phrase for errors: `read the manifest of alpine:3.20`.
  public var purpose: String
  /// Fields of the head that any host may see.
  public var fields: HTTPFields
  /// Credentials, the value of the field `Authorization`. They go to this address's origin, and to no other one
  /// that the server names.
  public var authorization: String?
  /// The bytes that go with it.
  public var body: HTTPBody
  /// The part of the thing that is wanted, the end included; nil for the whole. With no end, all that follows the start.
  public var range: (first: Int64, last: Int64?)?
  /// Which answers with another address are followed.
  public var redirects = Redirects.follow
  /// Whether the request may be made again if the connection breaks before the answer.
  public var isRepeatable: Bool

  /// A request.
  ///
  /// - Parameter purpose: what it is for, as a verb phrase for errors: `read the manifest of alpine:3.20`.
  public init(
    _ method: Method, _ address: HTTPAddress, purpose: String, fields: HTTPFields = HTTPFields(),
    authorization: String? = nil, body: HTTPBody = .none
  ) {
    self.method = method
    self.address = address
    self.purpose = purpose
    self.fields = fields
    self.authorization = authorization
    self.body = body
    isRepeatable = method != .post && method != .patch
  }
}
