import ArgumentParser

/// An argument of any bytes but NUL, such as a path inside an image, which need not be UTF-8.
package struct BytesArgument: ExpressibleByArgument, Sendable {
  /// The bytes.
  package let bytes: [UInt8]

  /// Reads an argument.
  package init?(argument: String) { bytes = Array(ArgumentBytes.decode(argument).dropLast()) }
}
