import TestSupport
import Testing

/// Kernels and machines that lack something, or have none left: another way, or a sentence.
@Suite struct MountResourceTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Two hundred servers at once, of one user.
  @Test func manyServersAtOnce() throws {
    let answer = try fixture.ordinary(
      """
      cd work; mkdir m; for i in $(seq 200); do mkdir m/$i; siftool mount ../plain.sif m/$i & done; wait
      cat m/*/bin/data | grep -c data; for i in $(seq 200); do siftool unmount m/$i & done; wait
      grep -c \(fixture.directory.path)/work/m/ /proc/self/mountinfo
      """)
    #expect(answer.text == "200\n0\n", "\(answer.text) \(answer.errors.prefix(2000))")
    #expect(try fixture.leftovers() == "\n")
  }

  /// The kernel's devices are all taken: by others that were faster, for a while or for ever, or there are no more nodes.
  @Test func allLoopDevicesBusy() throws {
    let inject =
      "strace -f -qq -o trace $(for i in $(seq 0 999); do printf ' -P /dev/loop%s' $i; done) -e trace=ioctl"
    let answer = try fixture.root(
      """
      \(inject) -e inject=ioctl:error=EBUSY:when=1..9 siftool exec plain.sif cat /bin/data
      grep -c LOOP_CONFIGURE.*INJECTED trace; grep -c 'LOOP_CONFIGURE.* = 0' trace
      \(inject) -e inject=ioctl:error=EBUSY siftool exec plain.sif cat /bin/data 2> errors; tail -n 1 errors
      """)
    #expect(
      answer.text == """
        data
        9
        1
        data
        siftool: the kernel cannot mount it (cannot find a free loop device: Device or resource busy): mounting through FUSE

        """, "\(answer.text) \(answer.errors)")
    // Every device that has a node is in use: of the next one there is none.
    let nodes = try fixture.root(
      """
      truncate -s 1M busy; first=$(losetup -f --show busy); second=$(losetup -f --show busy)
      unshare -m bash -c '
        mkdir dev; mount -t tmpfs x dev; cp -a /dev/null /dev/zero /dev/fuse /dev/loop-control '$first' '$second' dev/; mount --move dev /dev
        siftool exec --contain plain.sif cat /bin/data; mkdir -p mnt; siftool mount --json plain.sif mnt | grep kind; siftool unmount mnt' 2>&1
      losetup -d $first $second
      """)
    #expect(nodes.text.contains("data\n") && nodes.text.contains("\"kind\": \"fuse\""), "\(nodes.text)")
    #expect(nodes.text.contains("loop"), "\(nodes.text)")
  }

  /// Cut off or replaced while the kernel has it mounted, or a program runs from it.
  @Test func imagesThatChange() throws {
    let answer = try fixture.root(
      """
      t() { siftool mount plain-$1.sif mnt; }; mkdir mnt; for n in cut new run; do cp plain.sif plain-$n.sif; done
      t cut; truncate -s 40000 plain-cut.sif; sha256sum mnt/bin/sh 2>&1 | grep -o 'Input/output error'; siftool unmount mnt; echo $?
      t new; printf x > tmp; mv tmp plain-new.sif; cmp mnt/bin/sh rootfs/bin/sh && echo same; siftool unmount mnt; echo $?
      mkfifo go ready; for fuse in "" --fuse; do
        siftool exec $fuse plain-run.sif sh -c 'echo > ready; read x < go; cat /bin/su | wc -c' > /dev/null 2>&1 &
        read x < ready; truncate -s 40000 plain-run.sif; echo > go; wait $!; cp plain.sif plain-run.sif; done
      """)
    #expect(
      answer.text.hasPrefix("Input/output error\n0\nsame\n0\n"), "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Without device-mapper the server decrypts, and says why.
  @Test func withoutDeviceMapper() throws {
    try fixture.encrypt()
    let answer = try fixture.root(
      """
      mkdir -p mnt
      unshare -m bash -c 'mkdir -p /dev/mapper; mount -t tmpfs x /dev/mapper; mknod /dev/mapper/control c 10 255
        siftool mount --json --passphrase-file phrase secret.sif mnt | grep -o fuse; cat mnt/bin/data; siftool unmount mnt
        siftool exec --passphrase-file phrase secret.sif cat /bin/data; losetup -j secret.sif' 2> errors; cat errors
      """)
    #expect(answer.text.hasPrefix("fuse\ndata\ndata\n"), "\(answer.text) \(answer.errors)")
    let notes = answer.text.split(separator: "\n").filter {
      $0.hasPrefix("siftool: the kernel cannot mount it (") && $0.hasSuffix("): mounting through FUSE")
    }
    #expect(notes.count == 2, "\(answer.text)")
  }

  /// Mount points that the image lacks are there without an overlay too: where it is asked for, and where there is none.
  @Test func underlays() throws {
    let show =
      "ls -ld /; ls -lA / /etc /bin | grep -vE ' (etc|localtime|hosts|resolv.conf|tmp|dev|proc|sys|there|nonexistent)$|^total'"
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" 2>&1; }; i=plain.sif; echo one > work/file
      t --bind work:/etc/there $i sh -c "\(show)" > work/overlay; t --underlay --bind work:/etc/there $i sh -c "\(show)" > work/underlay
      sed -i '1s/.* [0-9][0-9]:[0-9][0-9]//; s/  *[0-9]* [A-Z].*:[0-9][0-9] / /' work/overlay work/underlay; diff work/overlay work/underlay && echo same
      t --underlay --bind work/file:/etc/motd,work/file:/bin/one:ro,work:/deep/new/place,work/file:/var/inside,work/file:/opt/x/y $i \\
        sh -c 'cat /etc/motd /bin/one /deep/new/place/file /etc/inside /opt/x/y; echo x > /new; echo x > /bin/new; echo x > /etc/new
          rm /bin/sh; mkdir /deep/more; echo x > /bin/one; cat /bin/data; id -un' 2>&1
      t --underlay --writable-tmpfs $i true; echo $?; t --underlay --bind work:/bin/sh/x $i true; echo $?
      """)
    #expect(
      answer.text.hasPrefix(
        """
        same
        one
        one
        one
        one
        one
        sh: can't create /new: Read-only file system
        sh: can't create /bin/new: Read-only file system
        sh: can't create /etc/new: Read-only file system
        rm: can't remove '/bin/sh': Read-only file system
        mkdir: can't create directory '/deep/more': Read-only file system
        sh: can't create /bin/one: Read-only file system
        data
        nobody
        siftool: --underlay is read-only
        """), "\(answer.text) \(answer.errors)")
    #expect(answer.text.contains("\n64\n") && answer.text.hasSuffix("\n64\n"), "\(answer.text)")
    // The kernel makes none: a program does, and a note says so.
    let without = try fixture.ordinary(
      """
      t() { strace -f -qq -o work/trace -P /var/tmp/root -e trace=mount -e inject=mount:error=ENODEV:when=1 siftool exec "$@"; echo $?; }
      t --bind work/file:/bin/one plain.sif cat /bin/one; grep -c 'tmpfs.* = 0' work/trace; t --writable-tmpfs plain.sif true
      """.replacing("t() {", with: "echo one > work/file; t() {"))
    #expect(without.text == "one\n0\n1\n0\n", "\(without.text) \(without.errors)")
    #expect(
      without.errors.contains(
        "siftool: the kernel makes no overlay here (No such device): fuse-overlayfs makes it"
      ),
      "\(without.errors)")
    let root = try fixture.root(
      "siftool exec --underlay plain.sif sh -c 'cat /bin/data; id -u; echo x > /new' 2>&1; siftool exec --underlay --fakeroot plain.sif id -u"
    )
    #expect(
      root.text == "data\n0\nsh: can't create /new: Read-only file system\n0\n", "\(root.text) \(root.errors)"
    )
    #expect(try fixture.leftovers() == "\n")
  }
}
