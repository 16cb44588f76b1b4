import Bytes
import Gcrypt
import SIF
import Squash
import Testing
import TestSupport

@testable import Forensics

@Suite struct EntryHasherTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image")
    try Tool.check(
      [
        "sh", "-c",
        """
        set -e; mkdir -p tree/a/b tree/many
        head -c 5000000 /dev/urandom > tree/big; yes text | head -c 700000 > tree/a/text; ln tree/a/text tree/a/b/link
        ln tree/a/text tree/z; truncate -s 9000000 tree/holes; printf end >> tree/holes; : > tree/empty
        truncate -s 4000000 tree/zeros; ln -s a/text tree/symlink; mkfifo tree/pipe
        i=0; while [ $i -lt 700 ]; do echo $i > tree/many/$i; i=$((i+1)); done
        mksquashfs tree image -quiet -no-progress -comp gzip > /dev/null
        """,
      ], in: directory.path)
  }

  private func open(_ bytes: [UInt8]) throws -> SquashImage { try SquashImage(MemoryReader(bytes)) }

  private func digests(_ image: SquashImage, threads: Int, budget: inout HashBudget) throws -> [String] {
    var lines: [String] = []
    try EntryHasher(image, .sha256, threads: threads).run(budget: &budget) { event in
      switch event {
      case .fault(let fault): lines.append("fault \(fault)")
      case .entry(let hashed):
        guard hashed.entry.inode.type == .regular else { return #expect(hashed.digest == nil) }
        lines.append(
          "\(hashed.digest?.hexadecimal ?? "\(String(describing: hashed.fault))")  \(String(decoding: hashed.entry.path, as: UTF8.self))"
        )
      }
    }
    return lines
  }

  @Test func asSha256sum() throws {
    let squash = try open(try Tool.read(image))
    let theirs = try Tool.check(
      ["sh", "-c", "cd tree && find . -type f -printf '%P\\0' | xargs -0 sha256sum | LC_ALL=C sort -k 2"],
      in: directory.path
    ).text.split(separator: "\n").map(String.init)
    var spent: [Int64] = []
    var ours: [[String]] = []
    for threads in [1, 2, 7] {
      var budget = HashBudget(limit: 1 << 30)
      ours.append(try digests(squash, threads: threads, budget: &budget))
      spent.append(budget.spent)
    }
    // The same order for any number of threads.
    #expect(ours[0] == ours[1] && ours[0] == ours[2])
    #expect(ours[0].sorted { $0.dropFirst(66) < $1.dropFirst(66) } == theirs)
    // The three names of one file cost its length once.
    let sizes = try Tool.check(
      ["sh", "-c", "find tree -type f ! -name link ! -name z -printf '%s\\n'"], in: directory.path)
    let total = sizes.text.split(separator: "\n").compactMap { Int64($0) }.reduce(0, +)
    #expect(spent == [total, total, total])
  }

  @Test func theBudgetEnds() throws {
    let squash = try open(try Tool.read(image))
    var budget = HashBudget(limit: 6_000_000)
    #expect { try digests(squash, threads: 2, budget: &budget) } throws: {
      ($0 as? HashError)?.code == .tooMuch
    }
  }

  /// Damage anywhere leads only to faults and digests.
  @Test func damaged() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let bytes = try Tool.read(image)
    for _ in 0..<60 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        let isTable = Bool.random(using: &random)
        let place =
          isTable
          ? bytes.count - 1 - Int.random(in: 0..<20_000, using: &random)
          : Int.random(in: 0..<bytes.count, using: &random)
        damaged[max(place, 0)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let squash = try? open(damaged) else { continue }
      var (one, two) = (HashBudget(limit: 200 << 20), HashBudget(limit: 200 << 20))
      let first = Result { try digests(squash, threads: 1, budget: &one) }
      let second = Result { try digests(squash, threads: 3, budget: &two) }
      #expect((try? first.get()) == (try? second.get()), "seed \(seed)")
    }
  }

  @Test func whatPartitionsHold() throws {
    guard case .squashfs = EvidenceContents(reading: MemoryReader(try Tool.read(image))) else {
      Issue.record("no squashfs")
      return
    }
    guard case .other = EvidenceContents(reading: MemoryReader([1, 2, 3])) else {
      Issue.record("three bytes")
      return
    }
    guard case .unreadable(let error) = EvidenceContents(reading: MemoryReader(Array("hsqs, not".utf8)))
    else {
      Issue.record("a magic alone")
      return
    }
    #expect(error.code == .notSquashfs)
    let volume = directory.file("luks")
    try Tool.check(["truncate", "-s", "20M", volume])
    try Tool.check(
      [
        "cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations",
        "1000", volume, "-",
      ],
      input: Array("secret".utf8))
    guard case .encrypted(let facts) = EvidenceContents(reading: MemoryReader(try Tool.read(volume))) else {
      Issue.record("no LUKS")
      return
    }
    #expect(facts.version == 2 && facts.cipher == "aes-xts-plain64")
  }

  /// The runs of uncompressed content hold exactly its bytes.
  @Test func storedRuns() throws {
    let bytes = try Tool.read(image)
    let reader = try SquashReader(try open(bytes))
    for (name, isStored) in [("big", true), ("a/text", false)] {
      let entry = try reader.lookup(Array(name.utf8))
      let layout = try #require(entry.inode.layout)
      let runs = try reader.storedRuns(of: layout, limit: 100)
      #expect((runs != nil) == isStored, "\(name)")
      guard let runs else { continue }
      let content = runs.flatMap { bytes[Int($0.imageOffset)..<Int($0.imageOffset + $0.byteCount)] }
      #expect(content == (try Tool.read(directory.file("tree/\(name)"))))
      #expect(try reader.storedRuns(of: layout, limit: 0) == nil)
    }
    let hole = try #require(try reader.lookup(Array("zeros".utf8)).inode.layout)
    #expect(try reader.storedRuns(of: hole, limit: 10) == [])
  }
}

/// A fault of the storage is also the fault of a partition in it.
@Suite struct StorageFaultTests {
  private final class FailingStorage: Storage {
    let fault: StorageFault
    let byteCount: Int64 = 1 << 20
    init(_ fault: StorageFault) { self.fault = fault }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
      throw fault
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) { throw fault }
    func truncate(to length: Int64) throws(StorageFault) { throw fault }
    func synchronize() throws(StorageFault) { throw fault }
  }

  @Test(arguments: [
    (StorageFault(.truncated, "it ends"), SquashError.Code.truncated, SIFError.Code.truncated),
    (StorageFault(.limitExceeded, "too much"), .limitExceeded, .limitExceeded),
    (StorageFault(.invalidArgument, "no such place"), .invalidArgument, .invalidArgument),
    (StorageFault(.system, "the disk failed"), .system, .system),
  ])
  func aFaultIsTheSameEverywhere(fault: StorageFault, squash: SquashError.Code, sif: SIFError.Code) throws {
    let storage = FailingStorage(fault)
    guard case .unreadable(let error) = EvidenceContents(reading: Window(storage, 0..<1000)) else {
      Issue.record("it was read")
      return
    }
    #expect(error.code == squash && error.what == fault.description)
    do throws(SIFError) {
      _ = try Image(reading: storage)
      Issue.record("it was read")
    } catch { #expect(error.code == sif && error.message == fault.description) }
  }
}
