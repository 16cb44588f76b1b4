import TestSupport
import Testing

/// Objects that the reference deleted are found again, byte for byte.
@Suite struct CarveTests {
  /// One thing to put into an image: the arguments that say what it is, its bytes, and whether they tell where they begin and end.
  private struct Sample {
    let name: String
    let arguments: [String]
    let bytes: [UInt8]
    let isStructured: Bool
    /// A LUKS volume tells where it begins, and not where it ends.
    var tellsEnd: Bool { isStructured && name != "volume.luks" }
  }

  private static let partition = ["--datatype", "4", "--parttype", "3", "--partarch", "2", "--groupid", "1"]

  /// Everything that carving knows, and three things that it cannot know.
  private static func samples(in directory: Scratch) throws -> [Sample] {
    let shell = """
      mkdir tree && cp /bin/true tree/ && seq 1 5000 > tree/numbers
      mksquashfs tree padded.squashfs -quiet -no-progress -all-root > /dev/null
      mksquashfs tree bare.squashfs -quiet -no-progress -all-root -nopad > /dev/null
      truncate -s 18M volume.luks
      printf secret | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 volume.luks -
      dd if=/dev/urandom of=volume.luks bs=1M seek=16 count=2 conv=notrunc 2> /dev/null
      truncate -s 1M disk.ext4 && /sbin/mke2fs -q -t ext4 -d tree disk.ext4
      truncate -s 300K disk.ext2 && /sbin/mke2fs -q -t ext2 -b 1024 disk.ext2
      cp /bin/true program.elf
      tar -cf files.tar tree
      seq 1 20000 | gzip -n > numbers.gz
      seq 1 20000 | zstd -q --no-check > numbers.zst
      # Always the same: noise that happens to begin or end with a zero is taken for padding.
      openssl enc -aes-128-ctr -K 01 -iv 02 -in /dev/zero 2> /dev/null | head -c 3000 > noise.bin
      """
    try Tool.check(["sh", "-ec", shell], in: directory.path)
    try directory.write(
      "labels.json",
      Array("{\n  \"org.label-schema.name\": \"a {b} \\\" c\",\n  \"n\": [1, {}, []]\n}\n".utf8))
    try directory.write("message.asc", try Fixture.read("keys/rsa2048.msg.asc"))
    try directory.write("key.pem", try Fixture.read("keys/pem-rsa.pem"))
    try directory.write("inner.sif", try Fixture.read("images/groups-and-links.sif"))
    try directory.write("definition.txt", Array("Bootstrap: docker\nFrom: debian:12\n\n%post\n  true\n".utf8))
    try directory.write("zeros.bin", [0, 0, 7] + [UInt8](repeating: 1, count: 100) + [0, 0, 0])
    func sample(_ name: String, _ arguments: [String], _ isStructured: Bool = true) throws -> Sample {
      Sample(
        name: name, arguments: arguments, bytes: try directory.read(name), isStructured: isStructured)
    }
    let squashfs = partition + ["--partfs", "1"]
    let raw = partition + ["--partfs", "4"]
    func plain(_ type: Int) -> [String] { ["--datatype", "\(type)", "--groupid", "1"] }
    return [
      try sample("definition.txt", plain(1), false), try sample("padded.squashfs", squashfs),
      try sample("labels.json", plain(3)), try sample("bare.squashfs", squashfs),
      try sample("noise.bin", plain(7), false), try sample("volume.luks", raw),
      try sample("message.asc", plain(7)), try sample("disk.ext4", partition + ["--partfs", "2"]),
      try sample("key.pem", plain(7)), try sample("program.elf", plain(7)),
      try sample("disk.ext2", partition + ["--partfs", "2"]), try sample("files.tar", plain(7)),
      try sample("zeros.bin", plain(7), false), try sample("numbers.gz", plain(7)),
      try sample("inner.sif", plain(7)), try sample("numbers.zst", plain(7)),
    ]
  }

  @Test func deletedByTheReference() throws {
    let directory = try Scratch()
    let samples = try Self.samples(in: directory)
    let seed: UInt64 = 1_789
    var random = SeededRandom(seed: seed)
    for round in 0..<12 {
      let order = round == 0 ? samples : samples.shuffled(using: &random)
      let image = directory.file("image\(round).sif")
      try Tool.check(["siftool", "new", image])
      for sample in order {
        try Tool.check(["siftool", "add", image, directory.file(sample.name)] + sample.arguments)
      }
      let isDeleted = order.map { _ in round == 1 || Bool.random(using: &random) }
      for (index, isGone) in isDeleted.enumerated() where isGone {
        try Tool.check(["siftool", "del", "\(index + 1)", image])
      }
      // A slot that is used again changes nothing: the reference writes behind everything.
      if round.isMultiple(of: 3) {
        try Tool.check(
          ["siftool", "add", image, directory.file("labels.json"), "--datatype", "3", "--groupid", "1"])
      }
      let before = try Tool.check(["sha256sum", image]).text
      let found = directory.file("found\(round)")
      try Siftool.check("carve", image, "--extract", found, "--quiet")
      #expect(try Tool.check(["sha256sum", image]).text == before)
      let sums = try Tool.check(["sh", "-c", "sha256sum * | cut -d ' ' -f 1"], in: found).text
      for (index, sample) in order.enumerated() where isDeleted[index] {
        // What does not tell where it begins or ends does so where its neighbours do, unless they cannot tell either.
        let tellsStart =
          sample.isStructured || index == 0 || !isDeleted[index - 1] || order[index - 1].tellsEnd
        let tellsEnd =
          sample.tellsEnd || index + 1 == order.count || !isDeleted[index + 1]
          || order[index + 1].isStructured
        guard tellsStart, tellsEnd else { continue }
        let sum = try Tool.check(["sha256sum", directory.file(sample.name)]).text.prefix(64)
        #expect(
          sums.contains(sum),
          "seed \(seed), round \(round): \(sample.name) behind \(index > 0 ? order[index - 1].name : "-"), before \(index + 1 < order.count ? order[index + 1].name : "-")"
        )
      }
    }
  }
}
