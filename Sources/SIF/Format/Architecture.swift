/// A CPU architecture as the format writes it: two digits and a NUL (spec/format.md, "Architectures").
public struct Architecture: Hashable, Sendable {
  /// The three bytes as they lie in the file.
  public var bytes: [UInt8]

  /// The architecture of three bytes, known or not.
  public init(bytes: [UInt8]) { self.bytes = bytes }

  private init(digits number: Int) {
    bytes = [0x30 + UInt8(number / 10), 0x30 + UInt8(number % 10), 0]
  }

  /// No architecture: `00`, in an image without a primary system partition.
  public static let unknown = Architecture(digits: 0)

  /// Go's names of the architectures; an architecture's number is its index here plus one.
  private static let names = [
    "386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "s390x",
    "riscv64", "loong64",
  ]

  /// Every architecture that the format has a number for, in its order.
  public static var allKnown: [Architecture] {
    (1...names.count).map(Architecture.init(digits:))
  }

  /// The architecture with a name such as `amd64` or `arm64`, or nil for a name that the format does not
  /// know.
  public init?(name: some StringProtocol) {
    guard let index = Self.names.firstIndex(where: { $0 == name }) else { return nil }
    self.init(digits: index + 1)
  }

  /// The number of the architecture from 1, or nil if the bytes are not a known one.
  public var number: Int? {
    Self.allKnown.firstIndex(of: self).map { $0 + 1 }
  }

  /// The architecture with a number from 1, or nil for a number that the format does not know.
  public init?(number: Int) {
    guard (1...Self.names.count).contains(number) else { return nil }
    self.init(digits: number)
  }

  /// The name, or `unknown`.
  public var name: String {
    number.map { Self.names[$0 - 1] } ?? "unknown"
  }
}
