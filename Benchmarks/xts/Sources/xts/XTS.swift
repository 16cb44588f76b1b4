import Gcrypt

/// Encrypts 8 GiB in memory on one core, as volumes are: `xts SECTOR-BYTES`.
@main
enum XTS {
  static func main() throws {
    let sectorSize = CommandLine.arguments.last.flatMap { Int($0) } ?? 4096
    let key = [UInt8](0..<64)
    let cipher = try SectorCipher(.aes256, .xts, key: key.span, sectorSize: sectorSize)
    // A run of sectors, as long as those that files are encrypted in.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    for run in 0..<8192 { try cipher.encrypt(buffer, at: Int64(run) << 20) }
    buffer.deallocate()
  }
}
