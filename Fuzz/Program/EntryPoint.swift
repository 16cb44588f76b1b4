import FuzzTargets
import Glibc

/// Runs libFuzzer on the decoder that the variable FUZZ_TARGET names; without that, lists the names.
@main
enum EntryPoint {
  static let target = getenv("FUZZ_TARGET").flatMap { FuzzTarget.all[String(cString: $0)] }

  static func main() {
    guard target != nil else {
      print(FuzzTarget.all.keys.sorted().joined(separator: " "))
      return
    }
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    let status = runDriver(&count, &arguments) { bytes, count in
      EntryPoint.target?(Array(UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
    exit(status)
  }
}

/// libFuzzer's own loop. It has no header that Swift could import.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
