import ArgumentParser

/// A path inside an image: any bytes but NUL, and not empty.
package struct InnerPathArgument: ExpressibleByArgument, Sendable {
  /// The bytes.
  package let bytes: [UInt8]

  /// Reads an argument; nil if it is empty.
  package init?(argument: String) {
    guard let argument = BytesArgument(argument: argument), !argument.bytes.isEmpty else { return nil }
    bytes = argument.bytes
  }
}

/// An argument of any bytes but NUL, such as a path inside an image, which need not be UTF-8.
package struct BytesArgument: ExpressibleByArgument, Sendable {
  /// The bytes.
  package let bytes: [UInt8]

  /// Reads an argument.
  package init?(argument: String) { bytes = Array(ArgumentBytes.decode(argument).dropLast()) }
}
