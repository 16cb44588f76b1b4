import ArgumentParser

/// The number of an open file descriptor.
package struct DescriptorArgument: ExpressibleByArgument, Sendable {
  /// The number.
  package let number: Int32

  /// Reads an argument; nil if no descriptor can have the number.
  package init?(argument: String) {
    guard !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int32(argument)
    else { return nil }
    self.number = number
  }
}
