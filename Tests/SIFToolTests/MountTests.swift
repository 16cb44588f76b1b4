import Glibc
import TestSupport
import Testing

/// `mount` and `unmount` on the real binary: through the kernel and through FUSE, as root and as nobody.
@Suite struct MountTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(directory.path); chmod 755 .; mkdir -p rootfs/etc/deep rootfs/many mnt other; chmod 777 mnt other
      seq 90000 > rootfs/text; truncate -s 400000 rootfs/holes; echo end >> rootfs/holes; : > rootfs/empty
      (cd rootfs/many; seq -w 1500 | xargs touch); ln -s ../text rootfs/etc/link; ln rootfs/text rootfs/etc/hard
      mkfifo rootfs/pipe; mknod rootfs/null c 1 3; mknod rootfs/block b 7 200; chmod 4751 rootfs/empty
      chown 12:34 rootfs/etc/deep; chmod 700 rootfs/etc/deep; setfattr -n user.note -v "a value" rootfs/text
      setfattr -n trusted.secret -v x rootfs/text; printf x > "$(printf 'rootfs/e\\033sc a,p')"
      find rootfs -exec touch -h -d @1600000000 {} +
      \(Fixture.siftool) pack rootfs app.sif --plain --arch amd64
      \(Fixture.siftool) dump "$(\(Fixture.siftool) list --json app.sif | grep -m1 '"id": [0-9]' | tr -dc 0-9)" app.sif > part
      """,
    ])
  }

  private func asNobody(_ script: String, devices: String? = nil) throws -> ToolAnswer {
    try OrdinaryUser.run(script, in: directory, devices: devices)
  }

  /// What a tree shows, but for the lengths of directories and numbers of inodes, which squashfuse has of its own.
  private static let show = """
    show() { (cd "$1"; find . ! -type d -printf '%P %y %m %U %G %s %T@ %n %l\\n' | sort
      find . -type d -printf '%P %y %m %U %G %T@ %n\\n' | sort
      find . -type f -exec sha256sum {} + | sort; getfattr -hd -m user text; ls many | sha256sum
      stat -c '%t:%T' null block); }
    more() { (cd "$1"; find . -type d -printf '%P %s\\n' | sort; find . -printf '%P %i\\n' | sort
      getfattr -Rhd -m - . | sort; ls -f many | wc -l; stat -f -c '%b %c %l %S' .); }
    """

  /// What squashfuse, the kernel and our server show is the same, in every attribute.
  @Test func whatIsShown() throws {
    let answer = try Shell.run(
      """
      set -e; \(Self.show)
      squashfuse_ll part mnt; show mnt > squashfuse; umount mnt
      siftool mount --fuse app.sif mnt; show mnt > fuse; more mnt > more-fuse
      siftool mount --list > list; siftool unmount mnt
      siftool mount app.sif mnt; show mnt > kernel; more mnt > more-kernel; siftool mount --list >> list
      siftool unmount mnt; diff squashfuse fuse; diff fuse kernel
      sed -i 's/ 255 131072$/ 255/; s/ 256 131072$/ 255/' more-fuse more-kernel; diff more-fuse more-kernel; grep "$PWD/" list
      """, in: directory)
    #expect(answer.status == 0, "\(answer.text.prefix(3000)) \(answer.errors)")
    #expect(
      answer.text == "\(directory.path)/mnt\tfuse\t\(directory.path)/app.sif\n"
        + "\(directory.path)/mnt\tkernel\t\(directory.path)/app.sif\n", "\(answer.text.prefix(3000))")
    // A namespace that another test made meanwhile has the mount too, until it goes.
    let rest = try Shell.run(
      """
      for i in $(seq 600); do [ -n "$(losetup -j app.sif)" ] || break; sleep 0.1; done
      grep -c \(directory.path) /proc/self/mountinfo; losetup -j app.sif
      """, in: directory)
    #expect(rest.text == "0\n")
  }

  @Test func asAnOrdinaryUser() throws {
    let answer = try asNobody(
      """
      set -e; siftool mount app.sif mnt; siftool mount --list | grep "^\(directory.path)/"; sha256sum < mnt/text; ls mnt/many | wc -l
      ls mnt/etc/deep 2>&1 || echo denied; echo x 2>&1 > mnt/text || echo read-only
      cat mnt/null 2>&1 || echo nodev; siftool mount --json part other; siftool unmount mnt; siftool unmount other
      grep -cE "\(directory.path)/(mnt|other)" /proc/self/mountinfo || true
      """)
    #expect(answer.status == 0, "\(answer.errors)")
    let lines = answer.text.split(separator: "\n").map(String.init)
    #expect(lines.first == "\(directory.path)/mnt\tfuse\t\(directory.path)/app.sif")
    let sum = try Shell.run("sha256sum < rootfs/text", in: directory).text.dropLast()
    #expect(lines.contains(String(sum)))
    #expect(lines.contains("1500") && lines.contains("denied"))
    #expect(lines.contains("read-only") && lines.contains("nodev"))
    #expect(answer.text.contains("\"kind\": \"fuse\""))
    #expect(lines.last == "0", "\(answer.text)")
  }

  /// Whoever is killed, the server or the one that watches it, the other takes the mount away.
  @Test(arguments: ["KILL 1", "KILL 2", "TERM 1", "TERM 2", "HUP 1", "HUP 2", "INT 2"])
  func killedServers(how: String) throws {
    let (signal, number) = (how.dropLast(2), how.suffix(1))
    let command = "siftool mount app.sif \(directory.path)/mnt"
    let answer = try asNobody(
      """
      \(command) || exit 1; exec 5< mnt/text
      kill -\(signal) $(pgrep -xf "\(command)" | sed -n \(number)p)
      for i in $(seq 600); do grep -q "\(directory.path)/mnt" /proc/self/mountinfo || break; sleep 0.1; done
      grep -c "\(directory.path)/mnt" /proc/self/mountinfo; exec 5<&-
      for i in $(seq 600); do pgrep -xf "\(command)" > /dev/null || break; sleep 0.1; done
      pgrep -xf "\(command)"; siftool unmount mnt 2>&1
      """)
    #expect(answer.text == "0\nsiftool: nothing is mounted on mnt\n", "\(answer.text) \(answer.errors)")
  }

  @Test func imagesThatChangeWhileTheyAreMounted() throws {
    let answer = try Shell.run(
      """
      cp app.sif cut.sif; siftool mount --fuse cut.sif mnt; truncate -s 40000 cut.sif
      sha256sum mnt/text 2>&1; echo $?; siftool unmount mnt
      cp app.sif new.sif; siftool mount --fuse new.sif mnt; printf x > tmp; mv tmp new.sif
      sha256sum < mnt/text; siftool unmount mnt; sha256sum < rootfs/text
      """, in: directory)
    let lines = answer.text.split(separator: "\n")
    #expect(lines.count == 4 && lines[0].hasSuffix("Input/output error") && lines[1] == "1")
    #expect(lines.count == 4 && lines[2] == lines[3], "\(answer.text) \(answer.errors)")
  }

  @Test func verifiedFirst() throws {
    let answer = try Shell.run(
      """
      openssl genpkey -algorithm ed25519 -out key.pem 2> /dev/null; openssl pkey -in key.pem -pubout -out pub.pem
      openssl genpkey -algorithm ed25519 -out other.pem 2> /dev/null
      siftool mount --verify --key pub.pem app.sif mnt; echo $?
      cp app.sif signed.sif; siftool sign --key key.pem signed.sif
      siftool mount --verify --key pub.pem signed.sif mnt; echo $?; siftool unmount mnt; echo $?
      siftool mount --verify --key other.pem signed.sif mnt; echo $?
      cp signed.sif bad.sif; printf X | dd of=bad.sif bs=1 seek=50000 conv=notrunc 2> /dev/null
      siftool mount --verify --key pub.pem bad.sif mnt; echo $?; siftool mount --verify part mnt 2> /dev/null; echo $?
      """, in: directory)
    #expect(answer.text == "2\n0\n0\n3\n4\n64\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("siftool: the image's verdict is tampered"), "\(answer.errors)")
    #expect(
      try Shell.run("losetup -j bad.sif; grep -c \(directory.path)/mnt /proc/self/mountinfo", in: directory)
        .text == "0\n")
  }

  @Test func whatCannotBeMounted() throws {
    let answer = try Shell.run(
      """
      mount -t tmpfs none other
      t() { siftool "$@" 2>&1; echo $?; }
      t mount app.sif text; t mount app.sif rootfs/text; t mount rootfs/text mnt; t mount app.sif
      t unmount mnt; t unmount other; t unmount nowhere/at/all; t mount --list app.sif mnt | tail -1; umount other
      head -c 40000 part > cut; t mount cut mnt; printf '\\377' | dd of=part bs=1 seek=46 conv=notrunc 2> /dev/null
      t mount part mnt; t mount --id 99 app.sif mnt; printf hsqs > tiny; t mount tiny mnt; t exec tiny true
      siftool new empty.sif; t mount empty.sif mnt; t ls tiny; t ls empty.sif
      """, in: directory)
    let text = answer.text.replacing(directory.path, with: "D")
    #expect(
      text.hasPrefix(
        """
        siftool: cannot examine D/text: No such file or directory
        7
        siftool: cannot mount on D/rootfs/text: Not a directory
        7
        siftool: rootfs/text: 
        """.dropLast()), "\(text)")
    for part in [
      "siftool: nothing is mounted on mnt\n7\n", "siftool: the mount on other is not an image\n7\n",
      "\n64\n",
      "siftool: cut: truncated: 40000 of ", "no object has the id 99",
    ] {
      #expect(text.contains(part), "\(part) in \(text)")
    }
    let short = "siftool: tiny: too short for a squashfs superblock\n5\n"
    let none = "siftool: empty.sif: the image has no partition\n1\n"
    #expect(text.hasSuffix(short + short + none + short + none), "\(text)")
    #expect(text.split(separator: "\n").filter { $0 == "5" }.count == 6, "\(text)")
  }

  @Test func withoutWhatItNeeds() throws {
    let missing = try asNobody(
      "siftool mount app.sif mnt; echo $?", devices: OrdinaryUser.closedFuse(in: directory))
    #expect(
      missing.errors.contains("/dev/fuse") && missing.text == "7\n", "\(missing.errors)")
    let helper = try asNobody(
      "siftool mount app.sif mnt; echo $?", devices: "mount --bind /dev/null $(command -v fusermount3)")
    #expect(helper.text == "7\n" && helper.errors.contains("fusermount3 (package fuse3)"), "\(helper.errors)")
    // Root without loop devices mounts through FUSE.
    let root = try Tool.run([
      "unshare", "-m", "sh", "-c",
      """
      cd \(directory.path); mount --bind /dev/null /dev/loop-control; \(Fixture.siftool) mount --json app.sif mnt
      cat mnt/etc/link | wc -l; \(Fixture.siftool) unmount mnt
      """,
    ])
    #expect(root.text.contains("\"kind\": \"fuse\"") && root.text.hasSuffix("90000\n"), "\(root.errors)")
    #expect(root.errors.contains("the kernel cannot mount it"), "\(root.errors)")
  }

  /// Many at once find a loop device each, and leave none, once namespaces that were copied meanwhile are gone too.
  @Test func manyAtOnce() throws {
    let answer = try Shell.run(
      """
      mkdir -p m; for i in $(seq 200); do mkdir m/$i; siftool mount app.sif m/$i & done; wait
      cat m/*/etc/link | wc -l; for i in $(seq 200); do siftool unmount m/$i & done; wait
      for i in $(seq 1200); do [ "$(losetup -j app.sif)" ] || break; sleep 0.1; done
      losetup -j app.sif; grep -c \(directory.path)/m/ /proc/self/mountinfo
      """, in: directory)
    #expect(answer.text == "\(200 * 90000)\n0\n", "\(answer.text) \(answer.errors.prefix(2000))")
  }

  /// Where the kernel has no dm-crypt, and for who has no right to it, an encrypted image is decrypted by the server.
  @Test func encrypted() throws {
    let script = """
      printf secret > phrase; chmod 644 phrase; \(Fixture.siftool) encrypt app.sif secret.sif --passphrase-file phrase \
        --kdf pbkdf2 --kdf-time 1000 --quiet; chmod 644 secret.sif; printf wrong > wrong; chmod 644 wrong
      """
    #expect(try Shell.run(script, in: directory).status == 0)
    let mount = """
      siftool mount --fuse --passphrase-file phrase secret.sif mnt; echo $?; wc -l < mnt/etc/hard; siftool unmount mnt
      siftool mount --passphrase-file wrong secret.sif mnt; echo $?
      siftool mount secret.sif mnt < /dev/null; echo $?
      """
    for answer in [try Shell.run(mount, in: directory), try asNobody(mount)] {
      #expect(answer.text == "0\n90000\n6\n6\n", "\(answer.text) \(answer.errors)")
    }
  }
}
