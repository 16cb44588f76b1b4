import Bytes
public import Transport

/// The address of a key server, as people write it: `hkp://`, `hkps://`, `http://` or `https://`, a host, and perhaps a port
/// and a path.
public struct KeyserverAddress: Sendable, Hashable, CustomStringConvertible {
  /// The address as it was written, without slashes at its end.
  public let description: String
  /// The address over HTTP: `hkp://` is plain HTTP, with a port of its own.
  public let address: HTTPAddress

  /// Reads an address.
  ///
  /// - Throws: ``KeyserverError/Code/address`` for any other text, and for one with a query.
  public init(_ text: String) throws(KeyserverError) {
    func wrong(_ why: String) -> KeyserverError {
      KeyserverError(.address, "\"\(text.printable)\" is not the address of a key server: \(why)")
    }
    let schemes = ["hkp": "http", "hkps": "https", "http": "http", "https": "https"]
    guard let separator = text.firstRange(of: "://"),
      case let name = text[..<separator.lowerBound].lowercased(), let scheme = schemes[name]
    else { throw wrong("it has to begin with hkp://, hkps://, http:// or https://") }
    var rest = text[separator.upperBound...]
    while rest.hasSuffix("/") { rest.removeLast() }
    let read: HTTPAddress
    do { read = try HTTPAddress("\(scheme)://\(rest)") } catch {
      throw KeyserverError(.address, error.description, error)
    }
    guard read.query == nil, !rest.contains("#") else { throw wrong("it has a query or a fragment") }
    guard name == "hkp", !Self.hasPort(rest.prefix { $0 != "/" }) else {
      address = read
      description = "\(name)://\(rest)"
      return
    }
    let origin = HTTPAddress.Origin(scheme: .http, host: read.host, port: 11371)
    address = HTTPAddress(origin: origin, path: read.path)
    description = "\(name)://\(rest)"
  }

  private static func hasPort(_ authority: Substring) -> Bool {
    // The colons of an IPv6 address stand in brackets.
    authority[(authority.lastIndex(of: "]") ?? authority.startIndex)...].contains(":")
  }
}
