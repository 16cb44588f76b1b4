import Bytes
import Squash
import Testing
import TestSupport

/// Real images with bytes changed at random: the result is an error or a fault, never a trap.
@Suite struct MutationTests {
  /// A generator whose seed decides its sequence (SplitMix64).
  struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  @Test(arguments: ["gzip", "zstd", "xz", "lz4", "none", "lzma"]) func mutations(compressor: String) throws {
    let scratch = try Scratch()
    try shell(
      """
      cd \(scratch.path); mkdir -p tree/dir/sub; cd tree; seq 1 3000 > numbers; echo tail > small; ln -s small link
      ln small dir/hard; mkfifo pipe; mknod null c 1 3; truncate -s 20000 hole; seq 1 500 > dir/sub/more
      for n in 1 2 3 4 5 6; do echo $n > dir/file-$n; done
      setfattr -n user.a -v value small; setfattr -n user.b -v other numbers; setfattr -n trusted.c -v third dir
      cd ..
      case \(compressor) in
        none) mksquashfs tree image -noI -noD -noF -noX -b 4096 -noappend -quiet -no-progress -all-time 0;;
        lzma) gensquashfs -q -x -D tree -c lzma -b 4096 image;;
        *) mksquashfs tree image -comp \(compressor) -b 4096 -noappend -quiet -no-progress -all-time 0;;
      esac
      """)
    var bytes = try contents(of: scratch.file("image"))
    let whole = try exerciseSquashfs(MemoryReader(bytes))
    #expect(whole.entries >= 15 && whole.faults == 0)
    let used = Int(try Superblock(reading: MemoryReader(bytes)).bytesUsed)
    bytes.removeSubrange(used...)

    let seed = UInt64.random(in: 0 ... .max)
    print("mutations of \(compressor): seed \(seed)")
    var generator = Generator(state: seed)
    var (refused, damaged) = (0, 0)
    for _ in 0..<10_000 {
      var copy = bytes
      // Most of the image is content; most faults are possible after it, or in the superblock.
      let changes = Int.random(in: 1...4, using: &generator)
      for _ in 0..<changes {
        let place =
          switch Int.random(in: 0..<4, using: &generator) {
          case 0: Int.random(in: 0..<96, using: &generator)
          case 1: Int.random(in: 0..<used, using: &generator)
          default: Int.random(in: max(used - 1500, 0)..<used, using: &generator)
          }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: copy[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: copy[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: copy[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
        default: copy[place] = copy[Int.random(in: 0..<used, using: &generator)]
        }
      }
      do throws(SquashError) {
        if try exerciseSquashfs(MemoryReader(copy), events: 1000).faults > 0 { damaged += 1 }
      } catch { refused += 1 }
    }
    #expect(refused > 100)
    #expect(damaged > 100)
  }
}
