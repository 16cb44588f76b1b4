import TestSupport
import Testing

/// Images that were damaged or forged, mounted through our server and run: it never hangs, never dies, and leaves no
/// mount. What the reader makes of them is in the tests of Squash.
@Suite struct HostileMountTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  /// Runs a script of bash; for its `each` and `left` see Tests/Scripts/hostile-mounts.sh.
  private func bash(_ script: String) throws -> ToolAnswer {
    try directory.write("script", ". \(Fixture.script("hostile-mounts.sh"))\n\(script)")
    return try Shell.run("timeout -s KILL 3000 bash script", in: directory)
  }

  @Test(arguments: ["gzip", "zstd"]) func mutations(compressor: String) throws {
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(directory.path); mkdir -p tree/dir/sub tree/many tree/bin tree/etc; cd tree; seq 1 9000 > numbers
      echo tail > small; ln -s small link; ln small dir/hard; mkfifo pipe; mknod null c 1 3; truncate -s 20000 hole
      seq 1 500 > dir/sub/more; cd many; seq 100 | xargs touch; cd ..; setfattr -n user.a -v value small
      setfattr -n trusted.c -v third dir; cd ..
      mksquashfs tree image -comp \(compressor) -b 4096 -noappend -quiet -no-progress -all-time 0 -nopad
      """,
    ])
    let bytes = try directory.read("image")
    let seed = UInt64.random(in: 0 ... .max)
    print("mounted mutations of \(compressor): seed \(seed)")
    var generator = SeededRandom(seed: seed)
    for number in 0..<110 {
      var copy = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        // Most of what can go wrong is behind the content, or in the superblock.
        let place =
          switch Int.random(in: 0..<8, using: &generator) {
          case 0: Int.random(in: 8..<96, using: &generator)
          case 1: Int.random(in: 96..<copy.count, using: &generator)
          default: Int.random(in: (copy.count - 1500)..<copy.count, using: &generator)
          }
        copy[place] =
          Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator)
          : copy[place] ^ 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      try directory.write("m-\(number)", copy)
    }
    let answer = try bash(
      #"""
      each m-*; echo "$refused $mounted"; left
      # A program that is not the image's own looks at it from inside.
      for i in $(seq 0 19); do
        timeout -s KILL 600 siftool exec --fuse --no-home --bind /bin/busybox:/trusted/busybox m-$i /trusted/busybox \
          timeout 300 /trusted/busybox find / -xdev -maxdepth 3 > /dev/null 2>&1; status=$?
        [ $status -lt 124 ] || [ $status = 127 ] || [ $status = 126 ] || echo "m-$i: $status"
      done; left
      """#)
    let lines = answer.text.split(separator: "\n")
    #expect(lines.dropFirst() == ["left 00", "left 00"], "\(answer.text) \(answer.errors.suffix(2000))")
    let counts = lines.first.map { $0.split(separator: " ").compactMap { Int($0) } } ?? []
    try #require(counts.count == 2)
    #expect(
      counts[0] + counts[1] == 110 && counts[0] > 5 && counts[1] > 5,
      "\(counts) \(answer.errors.suffix(2000))")
  }

  @Test func forgeries() throws {
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    var loop = ForgedImage()
    // The root's inode is the first: its reference is known before it is made.
    loop.root = loop.directory(number: 1, [(text("loop"), 1, 0, 1)])
    try directory.write("m-loop", loop.build())
    var inner = ForgedImage()
    // So is that of a directory within, which contains itself and its parent.
    let own = inner.directory(number: 2, [(text("again"), 2, 0, 1), (text("up"), 1, 40, 1)])
    inner.root = inner.directory(number: 1, [(text("down"), 2, own, 1)])
    try directory.write("m-inner", inner.build())
    for (name, size) in [("huge", UInt64(1) << 60), ("negative", UInt64.max), ("signed", UInt64(1) << 63)] {
      let image = ForgedImage.withRoot { forged in
        [
          (text("f"), 2, forged.file(number: 2, size: size), 2),
          (text("g"), 3, forged.file(number: 3, size: 0), 2),
        ]
      }
      try directory.write("m-\(name)", image.build())
    }
    let names = ForgedImage.withRoot { forged in
      let file = forged.file(number: 2, size: 0)
      return ["../out", "..", ".", "/", "a\u{0}b", "a/b", String(repeating: "x", count: 256), "zz"].map {
        (text($0), 2, file, 2)
      }
    }
    try directory.write("m-names", names.build())
    var doubled = ForgedImage()
    // Forty directories, each twice in the one above: 2^40 paths.
    var below = doubled.directory(number: 50, [])
    for number in (1..<41).reversed() {
      let next = UInt32(number + 1 == 41 ? 50 : number + 1)
      below = doubled.directory(
        number: UInt32(number), [(text("a"), next, below, 1), (text("b"), next, below, 1)])
    }
    doubled.root = below
    try directory.write("m-doubled", doubled.build())
    let answer = try bash(
      #"""
      each m-*; echo "$((refused + mounted))"; left
      siftool mount --fuse m-names mnt && ls -a mnt 2> errors; siftool unmount mnt
      siftool mount --fuse m-huge mnt && { timeout 300 head -c 9 mnt/f 2>&1; stat -c %s mnt/g; }; siftool unmount mnt
      siftool mount --fuse m-loop mnt && timeout 300 ls mnt/loop/loop 2>&1; siftool unmount mnt
      mkdir bomb; truncate -s 6G bomb/zeros; gensquashfs -q -D bomb -c gzip -b 1M m-bomb 2> /dev/null
      siftool mount --fuse m-bomb mnt; head -c 300M mnt/zeros | wc -c
      for p in $(pgrep -f "siftool .*m-bomb"); do awk '/VmHWM/ && $2 > 300000 { print "too much memory:", $2 }' /proc/$p/status; done
      siftool unmount mnt; left
      """#)
    let lines = answer.text.split(separator: "\n").map(String.init)
    #expect(lines.prefix(2) == ["7", "left 00"], "\(answer.text) \(answer.errors)")
    #expect(lines.contains("zz") && !lines.contains("out"), "\(answer.text)")
    #expect(!lines.contains { $0.hasPrefix("a") || $0.hasPrefix("x") }, "\(answer.text)")
    #expect(lines.suffix(2) == ["314572800", "left 00"], "\(answer.text) \(answer.errors)")
  }

  /// With verification, what nobody has signed gets nowhere near the kernel: no device, no mount, not even a server.
  @Test func unverifiedImagesReachNobody() throws {
    try directory.write(
      "m-forged", ForgedImage.withRoot { [([0x66], 2, $0.file(number: 2, size: 1 << 60), 2)] }.build())
    let answer = try bash(
      #"""
      openssl genpkey -algorithm ed25519 -out key.pem 2> /dev/null; openssl pkey -in key.pem -pubout -out pub.pem
      siftool new bad.sif; siftool add bad.sif m-forged --datatype partition --parttype primary-system --partfs squashfs --partarch amd64 --groupid 1
      cp bad.sif tampered.sif; siftool sign --key key.pem tampered.sif
      at=$(siftool list tampered.sif | grep 'FS (' | sed 's/.*|\([0-9]*\)-.*/\1/'); 
      printf X | dd of=tampered.sif bs=1 seek=$((at + 50)) conv=notrunc 2> /dev/null
      for image in bad tampered; do
        for command in "mount $image.sif mnt" "exec $image.sif true"; do
          set -- $command; verb=$1; shift
          strace -f -o trace -e trace=mount,ioctl,unshare,clone,clone3,fork,vfork,openat,fsopen,move_mount \
            siftool $verb --verify --key pub.pem "$@" > /dev/null 2>&1; echo $?
          grep -cE 'mount\(|LOOP_|DM_|unshare|clone|fork|fsopen|/dev/(loop|fuse|mapper)' trace; grep -c openat trace > /dev/null || echo nothing
        done
      done; left
      """#)
    #expect(answer.text == "2\n0\n2\n0\n4\n0\n4\n0\nleft 00\n", "\(answer.text) \(answer.errors)")
  }
}
