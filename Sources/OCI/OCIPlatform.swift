import Bytes
import Glibc

/// The operating system and the processor that an image is for.
public struct OCIPlatform: Hashable, Sendable, CustomStringConvertible {
  /// The operating system, such as `linux`.
  public var os: String
  /// The architecture by its name in Go, such as `amd64`.
  public var architecture: String
  /// The variant, such as `v7` of `arm`; nil for none.
  public var variant: String?

  /// A platform from its parts, as they are.
  public init(os: String = "linux", architecture: String, variant: String? = nil) {
    self.os = os
    self.architecture = architecture
    self.variant = variant
  }

  /// Reads `os/architecture[/variant]`, or an architecture alone. Usual other names become those of Go, such as `x86_64`.
  ///
  /// - Throws: ``OCIError/Code/invalidReference`` for another form, or for an operating system other than Linux.
  public init(_ text: String) throws(OCIError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count),
      parts.allSatisfy({ part in
        !part.isEmpty
          && part.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
              || [0x2E, 0x5F, 0x2D].contains(byte)
          }
      })
    else {
      throw OCIError(
        .invalidReference, "\"\(text.printable)\" is not a platform, such as linux/amd64 or linux/arm/v7")
    }
    let system = parts.count == 1 ? "linux" : parts[0]
    guard system == "linux" else {
      throw OCIError(.invalidReference, "\"\(text.printable)\": only images for linux can be used")
    }
    self =
      Self(
        os: system, architecture: parts.count == 1 ? parts[0] : parts[1],
        variant: parts.count == 3 ? parts[2] : nil
      ).normalized
  }

  /// The platform of this machine.
  public static var host: OCIPlatform {
    var machine = utsname()
    guard uname(&machine) == 0 else { return OCIPlatform(architecture: "amd64") }
    let name = withUnsafeBytes(of: &machine.machine) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch name {
    case "i686", "i586": return OCIPlatform(architecture: "386")
    case "armv6l": return OCIPlatform(architecture: "arm", variant: "v6")
    case "armv7l", "armv8l": return OCIPlatform(architecture: "arm", variant: "v7")
    case "loongarch64": return OCIPlatform(architecture: "loong64")
    default: return OCIPlatform(architecture: name).normalized
    }
  }

  /// The same platform by its names in Go.
  var normalized: OCIPlatform {
    var platform = self
    platform.os = os.lowercased()
    platform.variant = variant?.lowercased()
    switch architecture.lowercased() {
    case "i386": platform.architecture = "386"
    case "x86_64", "x86-64": platform.architecture = "amd64"
    case "aarch64", "arm64":
      platform.architecture = "arm64"
      if ["8", "v8"].contains(platform.variant) { platform.variant = nil }
    case "armhf": (platform.architecture, platform.variant) = ("arm", "v7")
    case "armel": (platform.architecture, platform.variant) = ("arm", "v6")
    case "arm":
      platform.architecture = "arm"
      switch platform.variant {
      case nil, "7": platform.variant = "v7"
      case "5", "6", "8": platform.variant = platform.variant.map { "v\($0)" }
      default: break
      }
    case let other: platform.architecture = other
    }
    return platform
  }

  /// How well an image for this platform suits the one that is wanted: 0 is best, nil is not at all. Of `arm`, an older
  /// variant is the next best.
  func rank(for wanted: OCIPlatform) -> Int? {
    let (offered, wanted) = (normalized, wanted.normalized)
    guard offered.os == wanted.os, offered.architecture == wanted.architecture else { return nil }
    guard let variant = wanted.variant, variant != offered.variant else { return 0 }
    guard wanted.architecture == "arm", let most = Self.number(variant),
      let number = offered.variant.flatMap(Self.number), number < most
    else { return nil }
    return most - number
  }

  /// Whether an image whose configuration states this platform is for another one than the one that is wanted. Many do not
  /// state their variant.
  func contradicts(_ wanted: OCIPlatform) -> Bool {
    let (own, wanted) = (normalized, wanted.normalized)
    return own.os != wanted.os || own.architecture != wanted.architecture
      || variant != nil && rank(for: wanted) == nil
  }

  private static func number(_ variant: String) -> Int? {
    variant.first == "v" ? Int(variant.dropFirst()).flatMap { (1...99).contains($0) ? $0 : nil } : nil
  }

  /// The platform as it is written on command lines.
  public var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }
}
