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

  /// 32-bit x86: `386`.
  public static let i386 = Architecture(digits: 1)
  /// 64-bit x86: `amd64`.
  public static let amd64 = Architecture(digits: 2)
  /// 32-bit ARM: `arm`.
  public static let arm = Architecture(digits: 3)
  /// 64-bit ARM: `arm64`.
  public static let arm64 = Architecture(digits: 4)
  /// 64-bit PowerPC, big-endian: `ppc64`.
  public static let ppc64 = Architecture(digits: 5)
  /// 64-bit PowerPC, little-endian: `ppc64le`.
  public static let ppc64le = Architecture(digits: 6)
  /// 32-bit MIPS, big-endian: `mips`.
  public static let mips = Architecture(digits: 7)
  /// 32-bit MIPS, little-endian: `mipsle`.
  public static let mipsle = Architecture(digits: 8)
  /// 64-bit MIPS, big-endian: `mips64`.
  public static let mips64 = Architecture(digits: 9)
  /// 64-bit MIPS, little-endian: `mips64le`.
  public static let mips64le = Architecture(digits: 10)
  /// IBM Z: `s390x`.
  public static let s390x = Architecture(digits: 11)
  /// 64-bit RISC-V: `riscv64`.
  public static let riscv64 = Architecture(digits: 12)
  /// 64-bit LoongArch: `loong64`.
  public static let loong64 = Architecture(digits: 13)

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
