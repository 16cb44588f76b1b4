import Glibc

/// Hands the decoder that the variable FUZZ_TARGET names to libFuzzer.
@main
enum EntryPoint {
  static func main() {
    guard let name = getenv("FUZZ_TARGET"), FuzzTarget.all[String(cString: name)] != nil else {
      print(FuzzTarget.all.keys.sorted().joined(separator: " "))
      return
    }
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    exit(
      runDriver(&count, &arguments) { bytes, count in
        FuzzTarget.chosen(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
      })
  }
}

/// libFuzzer's own loop; it has no header that Swift could import.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The decoders, by name.
enum FuzzTarget {
  static let all: [String: @Sendable ([UInt8]) -> Void] = [
    "header": fuzzHeader, "descriptor": fuzzDescriptor, "image": fuzzImage, "luks-facts": fuzzVolumeFacts,
    "json": fuzzJSON, "key-ring": fuzzKeyRing, "armor": fuzzArmor, "clear-signed": fuzzClearSigned,
    "envelope": fuzzEnvelope, "pem": fuzzPEM, "metadata": fuzzMetadata,
  ]

  static let chosen: @Sendable ([UInt8]) -> Void = {
    all[getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""] ?? { _ in }
  }()
}
