import Bytes
import Gcrypt
import Testing
import TestSupport

@testable import Forensics

@Suite struct HashListTests {
  private static let digest = [UInt8](repeating: 0xAB, count: 32)

  /// sha256sum reads our lists, and we read those of sha256sum: names of every byte that a name can have.
  @Test func asCoreutils() throws {
    let directory = try Scratch()
    let names = (1...255).filter { $0 != 0x2F }.map { [UInt8(ascii: "n"), UInt8($0), UInt8(ascii: "m")] }
    var list: [UInt8] = []
    for name in names {
      let path = String(decoding: name, as: UTF8.self)
      let bytes = name + name
      // The shell writes the names that a Swift String cannot hold.
      if String(validating: name, as: UTF8.self) == nil {
        try Tool.check(
          ["sh", "-c", "cat > \"$(printf 'n\\\(octal(name[1]))m')\""], input: bytes, in: directory.path)
      } else {
        try directory.write(path, bytes)
      }
      list += HashList.line(try HashContext.digest(.sha256, bytes.span.bytes), name)
    }
    let lists = try Scratch()
    let ours = try lists.write("list", list)
    let check = try Tool.run(["sha256sum", "-c", "--strict", "--quiet", ours], in: directory.path)
    #expect(check.status == 0 && check.errors.isEmpty, "\(check.errors) \(check.text)")
    for form in ["sha256sum *", "sha256sum -b *", "sha256sum --tag *", "sha256sum ./*"] {
      let theirs = try Tool.check(["sh", "-c", form], in: directory.path).output
      var earlier = try EarlierHashes(theirs, algorithm: .sha256)
      for name in names {
        let digest = try HashContext.digest(.sha256, (name + name).span.bytes)
        #expect(earlier.meet(name, digest).change == .same, "\(form) \(name)")
      }
      #expect(earlier.missing.isEmpty)
    }
  }

  private func octal(_ byte: UInt8) -> String { String(byte, radix: 8) }

  @Test func changes() throws {
    let list = Array("\(Self.digest.hexadecimal)  a\n\(Self.digest.hexadecimal) *./b\r\n\n# c\n".utf8)
    var earlier = try EarlierHashes(list, algorithm: .sha256)
    #expect(earlier.missing.map(\.name) == [Array("a".utf8), Array("b".utf8)])
    #expect(earlier.meet(Array("./a".utf8), Self.digest) == (.same, Self.digest))
    #expect(earlier.meet(Array("c".utf8), Self.digest).change == .new)
    #expect(earlier.missing.map(\.name) == [Array("b".utf8)])
    #expect(earlier.meet(Array("b".utf8), nil) == (.notRead, Self.digest))
    #expect(earlier.meet(Array("b".utf8), [1]).change == .changed)
    #expect(earlier.missing.isEmpty)
  }

  @Test(arguments: [
    "x", "  name", "abcd  name", "zz  name", "\(digest.hexadecimal)", "\(digest.hexadecimal)  ",
    "\(digest.hexadecimal) name", "\(digest.hexadecimal)00  name", "\\\(digest.hexadecimal)  na\\me",
    "\\\(digest.hexadecimal)  name\\", "SHA512 (name) = \(digest.hexadecimal)",
    "SHA256 (name) = ", "SHA256 () = \(digest.hexadecimal)", "SHA256 (name) =\(digest.hexadecimal)",
    "\(digest.hexadecimal)  name\n\(String(repeating: "00", count: 32))  ./name",
  ])
  func refused(list: String) {
    #expect {
      try EarlierHashes(Array(list.utf8), algorithm: .sha256)
    } throws: {
      ($0 as? HashError)?.code == .list
    }
  }

  @Test func randomLists() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      var names: Set<[UInt8]> = []
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        let bytes: [UInt8] = [0x0A, 0x0D, 0x5C, 0x20, 0x2A, 0x28, 0x29, 0x3D, 0x61, 0xFF]
        let name = (0..<Int.random(in: 1...9, using: &random)).map { _ in
          bytes.randomElement(using: &random) ?? 0x61
        }
        names.insert(name)
      }
      let list = names.flatMap { HashList.line(Self.digest, $0) }
      var earlier = try EarlierHashes(list, algorithm: .sha256)
      for name in names { #expect(earlier.meet(name, Self.digest).change == .same, "seed \(seed) \(name)") }
      #expect(earlier.missing.isEmpty, "seed \(seed)")
    }
  }
}
