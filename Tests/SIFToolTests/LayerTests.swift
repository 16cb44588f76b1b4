import TestSupport
import Testing

/// What is run and what lies over it: directories, squashfs and ext3 files, with fuse2fs, mke2fs, debugfs and mksquashfs as
/// peers.
@Suite struct LayerTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Runs a script in a directory of the user's own, with `t` for `siftool exec` and its status.
  private func run(_ script: String, isRoot: Bool) throws -> ToolAnswer {
    let all = """
      PATH=$PATH:/usr/sbin:/sbin; mkdir -p work/mine; cd work/mine; i=../../plain.sif; d=$PWD
      t() { siftool exec "$@"; echo "= $?"; }
      ready() { until [ -e $d/ready ]; do sleep 0.05; done; rm $d/ready; }
      servers() { for p in $(pgrep -x fuse2fs); do ls -l /proc/$p/fd 2> /dev/null | grep -q "$d/" && echo $p; done; }
      \(script)
      for i in $(seq 100); do [ -n "$(servers)" ] || break; sleep 0.1; done; servers
      """
    return isRoot ? try fixture.root(all) : try fixture.ordinary(all)
  }

  // MARK: Directories

  @Test(arguments: [false, true]) func sandboxes(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir box; cp -a ../../rootfs/bin ../../rootfs/etc box/; mkdir box/tmp box/inner; before=$(ls -R box | md5sum)
      t box sh -c 'cat /bin/data; ls -d /proc /dev; echo x > /new' 2> /dev/null; t --contain box cat /bin/data
      t --underlay --bind $d:/a/b box ls /a/b; t --overlay new box true 2> /dev/null; mkdir over
      t --overlay over box sh -c 'echo x > /new; cat /new'; [ "$before" = "$(ls -R box | md5sum)" ] && echo same
      t --writable box sh -c 'echo x > /new; ls -d /proc' 2> notes; cat box/new; ls box | tr '\\n' ' '; grep -c 'lacks the places: /proc, /sys' notes
      t --writable --bind $d:/nowhere box true 2> /dev/null; t / true 2> /dev/null; siftool test box 2> /dev/null; echo $?
      echo '#!/bin/sh' > box/singularity; echo 'echo runs $1' >> box/singularity; chmod 755 box/singularity; siftool run box 1
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        data
        /dev
        /proc
        = 1
        data
        = 0
        box
        = 0
        = 7
        x
        = 0
        same
        = 1
        x
        bin etc inner new tmp 1
        = 64
        = 64
        0
        runs 1

        """, "\(answer.text) \(answer.errors)")
  }

  /// Mounts in it are those of the host, and cannot keep it from running.
  @Test(arguments: [false, true]) func sandboxWithMounts(isRoot: Bool) throws {
    let mounts = """
      mkdir -p \(fixture.directory.path)/box/inner; cp -a \(fixture.directory.path)/rootfs/bin \(fixture.directory.path)/box/
      mount -t tmpfs inner \(fixture.directory.path)/box/inner; echo in > \(fixture.directory.path)/box/inner/file
      """
    let script =
      "for o in --contain --underlay --writable-tmpfs; do siftool exec $o box sh -c 'cat /bin/data'; echo $?; done"
    let answer =
      isRoot
      ? try Tool.run([
        "unshare", "-m", "sh", "-c",
        "cd \(fixture.directory.path); \(mounts)\nPATH=${0%/*}:$PATH; \(script)", Fixture.siftool,
      ])
      : try fixture.ordinary(
        script, devices: "mount --bind \(fixture.directory.path)/fuse-device /dev/fuse; \(mounts)")
    #expect(answer.text == "data\n0\ndata\n0\ndata\n0\n", "\(answer.text) \(answer.errors)")
  }

  @Test func imagesOfSingularity2() throws {
    let answer = try run(
      """
      mksquashfs ../../rootfs bare.sqfs -quiet -no-progress > /dev/null 2>&1
      (printf '#!/usr/bin/env run-singularity\\n'; cat bare.sqfs) > old.img; t old.img cat /bin/data; siftool cat old.img bin/data
      (printf '#!/bin/sh\\n'; cat bare.sqfs) > none.img; t none.img true 2> /dev/null
      """, isRoot: false)
    #expect(answer.text == "data\n= 0\ndata\n= 5\n", "\(answer.text) \(answer.errors)")
  }

  // MARK: Several layers

  @Test(arguments: [false, true]) func order(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir -p one two/upper top; for n in one two/upper; do echo $n > $n/f; done; echo g > one/g; mksquashfs one one.sqfs -quiet -no-progress > /dev/null
      siftool pack one one.sif --plain --arch amd64 --quiet
      t -o one:ro -o two:ro $i cat /f /g; t -o two:ro -o one:ro $i cat /f; t -o two:ro,one.sqfs $i cat /f; t -o one.sif -o two:ro $i cat /f
      t -o top -o one.sqfs $i sh -c 'echo top > /f; cat /f /g'; cat top/upper/f; t -o top -o two $i true; t -o top --writable-tmpfs $i true
      t -o top:ro --writable-tmpfs $i sh -c 'cat /f; echo x > /f; cat /f'; cat top/upper/f; t -w -o top $i true; t -o :ro $i true; t -o top:rx $i true
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        two/upper
        g
        = 0
        one
        = 0
        one
        = 0
        two/upper
        = 0
        top
        g
        = 0
        top
        = 64
        = 64
        top
        x
        = 0
        top
        = 64
        = 64
        = 64

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("only one layer can be written"), "\(answer.errors)")
  }

  // MARK: ext3

  /// What fuse-overlayfs has removed stays removed; without such marks the kernel merges the layers.
  @Test(arguments: [false, true]) func removedInExt3(isRoot: Bool) throws {
    let answer = try run(
      """
      cp -r ../../rootfs r; mkdir -p r/d/e; echo a > r/d/a; siftool pack r r.sif --plain --arch amd64 --quiet
      for n in o p q; do siftool overlay create --sparse $n.img; done
      t -o o.img r.sif sh -c 'rm -r /d; mkdir /d; echo n > /d/new'; t -o o.img:ro r.sif ls /d
      t -o p.img r.sif rm /d/a; t -o p.img:ro r.sif ls /d
      t -o q.img r.sif sh -c 'echo n > /d/new'; t -o q.img:ro r.sif ls /d
      for n in o p q; do siftool exec -o $n.img:ro r.sif cat /proc/mounts | grep -c '^[^ ]* / overlay .*layer-1'; done
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        = 0
        new
        = 0
        = 0
        e
        = 0
        = 0
        a
        e
        new
        = 0
        0
        0
        1

        """, "\(answer.text) \(answer.errors)")
  }

  @Test(arguments: [false, true]) func ext3(isRoot: Bool) throws {
    let answer = try run(
      """
      siftool overlay create --sparse o.img; siftool overlay create --sparse p.img; cp ../../app.sif app.sif; siftool overlay create --sparse app.sif; mkdir top
      t -o o.img $i sh -c 'echo kept > /bin/kept; rm /bin/data; echo x > /bin/su 2> /dev/null'
      for m in "o.img" "o.img:ro" "o.img:ro --writable-tmpfs" "o.img:ro -o top" "o.img:ro -o p.img" "o.img --pid"; do
        t -o $m $i sh -c 'cat /bin/kept; ls /bin/data 2> /dev/null'; done
      t -o o.img:ro $i sh -c 'echo x > /bin/kept' 2> /dev/null; debugfs -R 'cat /upper/bin/kept' o.img 2> /dev/null; e2fsck -fn o.img > /dev/null 2>&1; echo $?
      t -w app.sif sh -c 'echo inside > /bin/kept'; t app.sif cat /bin/kept; t app.sif sh -c 'echo x > /bin/kept' 2> /dev/null; siftool check app.sif | head -c 5
      t -w $i true 2> /dev/null; t -o app.sif:ro $i cat /bin/kept
      """, isRoot: isRoot)
    let kept = String(repeating: "kept\n= 1\n", count: 6)
    #expect(
      answer.text == "= 0\n\(kept)= 1\nkept\n0\n= 0\ninside\n= 0\n= 1\nsound= 64\ninside\n= 0\n"
        || answer.text == "= 1\n\(kept)= 1\nkept\n0\n= 0\ninside\n= 0\n= 1\nsound= 64\ninside\n= 0\n",
      "\(answer.text) \(answer.errors)")
  }

  @Test(arguments: [false, true]) func oneWriter(isRoot: Bool) throws {
    let answer = try run(
      """
      siftool overlay create --sparse o.img; siftool exec -o o.img --bind $d:/mnt $i sh -c 'touch /mnt/ready; exec sleep 60' & ready
      t -o o.img $i true; t -o o.img:ro $i true; kill -9 $!; wait $! 2> /dev/null
      for i in $(seq 100); do [ -n "$(servers)" ] || break; sleep 0.1; done; i=../../plain.sif
      siftool exec -o o.img:ro --bind $d:/mnt $i sh -c 'touch /mnt/ready; exec sleep 60' & ready
      t -o o.img $i true; t -o o.img:ro $i true; kill -9 $!; wait $! 2> /dev/null
      python3 -c 'import fcntl, time; f = open("o.img", "r+b"); fcntl.lockf(f, fcntl.LOCK_EX); open("ready", "w"); time.sleep(60)' & ready
      t -o o.img $i true; kill $!
      """, isRoot: isRoot)
    #expect(answer.text == "= 7\n= 7\n= 7\n= 0\n= 7\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("o.img cannot be written: another process uses its ext3 file system"),
      "\(answer.errors)")
    #expect(
      answer.errors.contains("o.img cannot be read: another process writes its ext3 file system"),
      "\(answer.errors)")
  }

  @Test(arguments: [false, true]) func faultyFiles(isRoot: Bool) throws {
    let answer = try run(
      """
      siftool overlay create --sparse o.img; head -c 30M o.img > cut.img; truncate -s 64M four.img; mke2fs -q -t ext4 four.img; truncate -s 1M zero.img
      mkdir tree; truncate -s 64M links.img; mke2fs -q -t ext3 -d tree links.img; debugfs -w -R 'symlink /upper /etc' links.img 2> /dev/null; debugfs -w -R 'mkdir /work' links.img 2> /dev/null
      mkdir -p tree/upper tree/work; truncate -s 64M work.img; mke2fs -q -t ext3 -d tree work.img; debugfs -w -R 'symlink /work/work /etc' work.img 2> /dev/null
      for f in cut.img four.img zero.img links.img links.img:ro work.img; do t -o $f $i true; done; dd if=/dev/urandom of=o.img bs=1k seek=2 count=60 conv=notrunc 2> /dev/null; t -o o.img $i true
      siftool overlay create --sparse p.img; head -c 4 /dev/zero | dd of=p.img bs=1 seek=1064 conv=notrunc 2> /dev/null; t -o p.img $i true
      """, isRoot: isRoot)
    #expect(answer.text == "= 5\n= 1\n= 1\n= 7\n= 7\n= 7\n= 7\n= 7\n", "\(answer.text) \(answer.errors)")
    for reason in [
      "cut.img is cut off: 31457280 of 67108864 bytes are present",
      "four.img holds no ext3 file system, but ext2 or ext4",
      "zero.img is not an overlay: neither", "links.img cannot be used as an overlay: Not a directory",
      "links.img cannot be used as an overlay: its directory upper: ",
      "work.img cannot be used as an overlay: its work/work",
      "o.img cannot be used as an overlay: Input/output error", "p.img: fuse2fs cannot make the mount: ",
    ] { #expect(answer.errors.contains(reason), "\(reason): \(answer.errors)") }
  }

  /// The server dies, the tool dies: nothing hangs, and nothing is left.
  @Test(arguments: [false, true]) func killed(isRoot: Bool) throws {
    let answer = try run(
      """
      siftool overlay create --sparse o.img
      siftool exec -o o.img --bind $d:/mnt $i sh -c 'echo a > /bin/a; touch /mnt/ready; exec sleep 60' & ready; kill -9 $!; wait $! 2> /dev/null
      for n in $(seq 100); do [ -n "$(servers)" ] || break; sleep 0.1; done; t -o o.img $i cat /bin/a
      siftool exec -o o.img --bind $d:/mnt $i sh -c 'touch /mnt/ready; while [ ! -e /mnt/go ]; do sleep 0.1; done; echo x > /bin/b || echo fails; echo ends' 2> /dev/null &
      ready; kill -9 $(servers); touch go; wait; t -o o.img $i cat /bin/a
      """, isRoot: isRoot)
    #expect(answer.text == "a\n= 0\nfails\nends\na\n= 0\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Neither set-id bits nor devices of such a file have an effect.
  @Test(arguments: [false, true]) func setIDAndDevices(isRoot: Bool) throws {
    _ = try fixture.root(
      """
      mkdir -p tree/upper/bin tree/work; cp /usr/bin/id tree/upper/bin/id2; chmod 4755 tree/upper/bin/id2; mknod -m 666 tree/upper/bin/null c 1 3
      truncate -s 64M odd.img; /sbin/mke2fs -q -t ext3 -d tree odd.img; chmod 644 odd.img
      """)
    let answer = try run(
      """
      t -o ../../odd.img:ro $i sh -c 'ls /bin/id2 /bin/null; echo x > /bin/null'
      t -o ../../odd.img:ro $i sh -c 'grep " / / " /proc/self/mountinfo | cut -d " " -f 6'
      """, isRoot: isRoot)
    #expect(
      answer.text == "/bin/id2\n/bin/null\n= 1\nro,nosuid,nodev,relatime\n= 0\n",
      "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("can't create /bin/null: Permission denied"), "\(answer.errors)")
  }

  @Test func fileThatCannotBeWritten() throws {
    let answer = try run(
      """
      siftool overlay create --sparse o.img; t -o o.img $i sh -c 'echo kept > /bin/kept'; chmod 400 o.img
      t -o o.img $i sh -c 'cat /bin/kept; echo x > /bin/kept'
      """, isRoot: false)
    #expect(answer.text == "= 0\nkept\n= 1\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("o.img cannot be written (Permission denied): it is used read-only"),
      "\(answer.errors)")
  }

  // MARK: Without mounts

  @Test(arguments: [false, true]) func unpacked(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir tmp; export TMPDIR=$d/tmp; t --unsquash $i sh -c 'cat /bin/data; echo x > /bin/data' 2> notes; grep -c 'is unpacked into' notes
      gone() { for n in $(seq 100); do [ -n "$(ls tmp)" ] || break; sleep 0.1; done; ls tmp; }; gone
      for o in "" --pid --writable-tmpfs; do
        siftool exec --unsquash $o --bind $d:/mnt $i sh -c 'touch /mnt/ready; exec sleep 60' 2> /dev/null & ready; ls tmp | wc -l; kill -9 $!; wait $! 2> /dev/null; gone
      done
      head -c 600k $i > cut.sif; t --unsquash cut.sif true 2> /dev/null; gone
      """, isRoot: isRoot)
    #expect(answer.text == "data\n= 1\n1\n1\n1\n1\n= 5\n", "\(answer.text) \(answer.errors)")
  }
}
