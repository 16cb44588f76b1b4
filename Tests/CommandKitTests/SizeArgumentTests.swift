import CommandKit
import Testing

/// The one grammar of sizes.
@Suite struct SizeArgumentTests {
  @Test func sizes() {
    let sizes: [(String, Int64)] = [
      ("0", 0), ("512", 512), ("512b", 512), ("64K", 65536), ("64k", 65536), ("64KiB", 65536),
      ("64kib", 65536),
      ("64KB", 64000), ("64kb", 64000), ("1M", 1 << 20), ("1MB", 1_000_000), ("1.5G", 3 << 29),
      ("2TiB", 1 << 41),
      ("1P", 1 << 50), ("7E", 7 << 60), ("9EB", 9_000_000_000_000_000_000), ("0.1K", 102),
      ("1.999999999K", 2047),
      ("9223372036854775807", .max),
    ]
    for (text, bytes) in sizes { #expect(SizeArgument(argument: text)?.bytes == bytes, "\(text)") }
  }

  @Test func whatIsNoSize() {
    for text in [
      "", "K", ".", ".5K", "5.K", "1.5", "1.5b", "1..5G", "1,5G", "1 G", " 1", "-1", "+1", "1Ki", "1KIBB",
      "1KK", "1Z",
      "0x10", "1e3", "8E", "9.3EB", "9223372036854775808", "99999999999999999999", "1.9999999999K", "١K",
      "1\u{301}K",
    ] { #expect(SizeArgument(argument: text) == nil, "\(text)") }
  }

  @Test func defaultsInHelp() {
    for (bytes, text) in [
      (131072, "128K"), (1 << 20, "1M"), (4096, "4K"), (512, "512"), (0, "0"), (3 << 30, "3G"),
    ] {
      #expect(SizeArgument(Int64(bytes)).defaultValueDescription == text)
    }
  }
}
