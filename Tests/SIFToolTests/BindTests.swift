import TestSupport
import Testing

/// Binds of files, directories and images; with mksquashfs and mke2fs as peers, as nobody and as root.
@Suite struct BindTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Runs a script in a directory of the user's own, with `t` for `siftool exec` and its status.
  private func run(_ script: String, isRoot: Bool) throws -> ToolAnswer {
    let all = """
      PATH=$PATH:/usr/sbin:/sbin; mkdir -p work/mine; cd work/mine; i=../../plain.sif; d=$PWD
      t() { siftool exec "$@"; echo "= $?"; }
      \(script)
      """
    return isRoot ? try fixture.root(all) : try fixture.ordinary(all)
  }

  @Test(arguments: [false, true]) func mounts(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir 'a,"b' c; echo ab > 'a,"b/f'; echo c > c/f; m=type=bind,source=$d/c,target=/m
      t --mount $m $i sh -c 'cat /m/f; echo w > /m/g'; t --mount $m,readonly $i sh -c 'echo w > /m/h' 2> /dev/null; ls c
      t --mount "\\"source=$d/a,\\"\\"b\\",dst=/m" $i cat /m/f; t --mount "src=a,dst=/m" $i true 2> /dev/null; t --mount "src=c,dst=/x
      src=c,dst=/y" --mount= --mount type=bind,src=c,destination=/z $i sh -c 'cat /x/f /y/f /z/f'
      SINGULARITY_MOUNT=src=$d/c,dst=/x APPTAINER_MOUNT=src=$d/c,dst=/y SINGULARITY_BIND="$d/c:/v, $d/c:/w" t --mount src=c,dst=/z -B c:/u $i sh -c 'cat /x/f /y/f /z/f /u/f /v/f /w/f; echo $SINGULARITY_BIND'
      t --mount 'src="c",dst=/x' $i true; t --mount src=c $i true; APPTAINER_MOUNT=type=tmpfs t $i true; t -B c:/x:nonested -B c:/y $i sh -c 'echo $APPTAINER_BIND'
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        c
        = 0
        = 1
        f
        g
        ab
        = 0
        = 7
        c
        c
        c
        = 0
        c
        c
        c
        c
        c
        c
        /v,/w,/x,/y,/u,/z
        = 0
        = 64
        = 64
        = 64
        /y
        = 0

        """, "\(answer.text) \(answer.errors)")
    for sentence in [
      "--mount: misplaced quote in ", "--mount: a mount has a source and a target\n",
      "the variable APPTAINER_MOUNT: a mount is of the type bind, not \"tmpfs\"\n",
    ] { #expect(answer.errors.contains(sentence), "\(sentence) \(answer.errors)") }
  }

  @Test(arguments: [false, true]) func images(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir -p tree/in; echo data > tree/in/f; ln -s in/f tree/link; ln -s /../../../etc tree/out; chmod -R a+rX tree
      mksquashfs tree s.sqfs -quiet -no-progress > /dev/null; truncate -s 16M e.img; mke2fs -q -t ext3 -d tree e.img
      siftool new i.sif; siftool add i.sif s.sqfs --datatype partition --parttype data --partfs squashfs --partarch amd64
      siftool add i.sif e.img --datatype partition --parttype data --partfs ext3 --partarch amd64
      for s in s.sqfs e.img i.sif; do t -B $s:/mnt:image-src=/ $i sh -c 'cat /mnt/in/f; echo x > /mnt/in/f || grep " /mnt " /proc/self/mountinfo | cut -d " " -f 6' 2> /dev/null; done
      t -B i.sif:/mnt:id=2 $i cat /mnt/link; t -B s.sqfs:/f:image-src=in/f,ro,s.sqfs:/g:image-src=/link $i cat /f /g; t --mount src=i.sif,dst=/m,image-src=/in,id=1 $i cat /m/f
      t --contain --underlay -B s.sqfs:/a/b:image-src=/in $i cat /a/b/f; t -C --writable-tmpfs -B i.sif:/a:id=2 -B s.sqfs:/c:image-src=/ $i cat /a/link /c/link
      t --unsquash -B s.sqfs:/c:image-src=/in $i cat /c/f 2> /dev/null; t -B s.sqfs:/c $i sh -c 'head -c 4 /c'; t -B ../../app.sif:/app:id=1 $i sh -c 'ls -d /app/bin' 2>&1 | tail -n 1
      t -B $i:/again:id=1 $i cat /again/bin/data
      """, isRoot: isRoot)
    let each = "data\nro,nosuid,nodev,relatime\n= 0\n"
    #expect(
      answer.text == """
        \(each)\(each)\(each)data
        = 0
        data
        data
        = 0
        data
        = 0
        data
        = 0
        data
        data
        = 0
        data
        = 0
        hsqs= 0
        = 0
        data
        = 0

        """, "\(answer.text) \(answer.errors)")
    let wrong = try run(
      """
      echo text > text; siftool new none.sif; mkdir -p dir
      for b in text:/m:image-src=/ dir:/m:id=1 none.sif:/m:image-src=/ none.sif:/m:id=1 s.sqfs:/m:id=1 s.sqfs:/m:image-src=/nothing s.sqfs:/m:image-src=/out s.sqfs:/m:image-src=/,rw s.sqfs:/m:image-src= nothing:/m:image-src=/; do
        t -B $b $i true; done; head -c 120 s.sqfs > cut.sqfs; t -B cut.sqfs:/m:image-src=/ $i true
      """, isRoot: isRoot)
    #expect(
      wrong.text == "= 1\n= 64\n= 64\n= 1\n= 64\n= 64\n= 64\n= 64\n= 64\n= 7\n= 5\n",
      "\(wrong.text) \(wrong.errors)")
    #expect(
      wrong.errors.contains("cannot bind /nothing of s.sqfs: No such file or directory\n"), "\(wrong.errors)")
    #expect(
      wrong.errors.contains("siftool: --bind: what an image has is shown read-only: leave out rw\n"),
      "\(wrong.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Many binds: more than a process may have files open.
  @Test(arguments: [false, true]) func aThousand(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir s; for n in $(seq 1000); do echo $n > s/$n; done; ulimit -Sn 1024; many() { for n in $(seq 1000); do printf "$1," $n $n; done; }
      t -B "$(many "$d/s/%d:/b/%d")" $i sh -c 'cat /b/* | sort -n | tail -n 1; ls /b | wc -l; ulimit -Sn'
      t -c -B "$(many "$d/s:/c/%.0s%d")" $i cat /c/1000/7; ulimit -Sn 256; ulimit -Hn 256; t -B "$(many "$d/s:/c/%.0s%d")" $i true
      """, isRoot: isRoot)
    #expect(
      answer.text == "1000\n1000\n1024\n= 0\n7\n= 0\n= 7\n", "\(answer.text) \(answer.errors.suffix(500))")
    #expect(answer.errors.contains("Too many open files"), "\(answer.errors.suffix(500))")
  }

  @Test(arguments: [false, true]) func sourcesThatVanish(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir s; echo f > s/f; siftool exec -B $d/s:/s -B $d:/d $i sh -c 'touch /d/ready; while [ ! -e /d/go ]; do sleep 0.05; done; cat /s/f; ls /s | wc -l' &
      until [ -e ready ]; do sleep 0.05; done; rm -r s; touch go; wait $!; echo $?; t -B $d/s:/s $i true
      """, isRoot: isRoot)
    #expect(answer.text == "0\n0\n= 7\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("/s: No such file or directory\n"), "\(answer.errors)")
  }

  /// An image whose overlay holds an image, whose overlay holds an image, each run from the one before.
  @Test(arguments: [false, true]) func imagesInOverlaysInImages(isRoot: Bool) throws {
    _ = try Shell.check(
      """
      mkdir tools; cp \(Fixture.siftool) tools/siftool; cp -L --parents /lib64/ld-linux-*.so.* rootfs/
      for library in $(ldd \(Fixture.siftool) | grep -o '/[^ ]*' | sort -u); do cp -L --parents $library rootfs/; done; cp tools/siftool rootfs/bin/
      siftool pack rootfs base.sif --plain --arch amd64 --quiet
      mkdir one two; cp plain.sif one/inner.sif; echo 1 > one/level; mksquashfs one one.sqfs -quiet -no-progress > /dev/null
      cp base.sif one.sqfs two/; echo 2 > two/level; mksquashfs two two.sqfs -quiet -no-progress > /dev/null; chmod -R a+rX .
      """, in: fixture.directory)
    let script =
      "siftool exec --add-caps all -o two.sqfs base.sif siftool exec --add-caps all -o /one.sqfs /base.sif sh -c 'cat /level; siftool exec /inner.sif cat /bin/data'"
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(answer.text == "1\ndata\n", "\(answer.text) \(answer.errors)")
  }

  /// Partitions of an image: a squashfs as overlay, and ext3 as the image itself.
  @Test(arguments: [false, true]) func partitionsOfImages(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir over; echo over > over/f; mksquashfs over o.sqfs -quiet -no-progress > /dev/null; cp $i o.sif
      siftool add o.sif o.sqfs --datatype partition --parttype overlay --partfs squashfs --partarch amd64 --groupid 1
      t o.sif sh -c 'cat /f /bin/data; echo x > /f' 2> /dev/null; t -o over:ro o.sif cat /f
      cp -a ../../rootfs box; rm -f box/bin/su; truncate -s 32M e.img; mke2fs -q -t ext3 -d box e.img; siftool new e.sif
      siftool add e.sif e.img --datatype partition --parttype primary-system --partfs ext3 --partarch amd64
      t e.sif sh -c 'cat /bin/data; echo x > /bin/data' 2> /dev/null; t --writable-tmpfs e.sif sh -c 'echo x > /bin/data; cat /bin/data'
      t --writable e.sif sh -c 'echo new > /bin/data' 2> /dev/null; t e.sif cat /bin/data; siftool check e.sif | head -c 5; t -c -B $d:/a/b e.sif ls /a/b/over
      """, isRoot: isRoot)
    #expect(
      answer.text
        == "over\ndata\n= 1\nover\n= 0\ndata\n= 1\nx\n= 0\n= 0\nnew\n= 0\nsoundf\n= 0\n",
      "\(answer.text) \(answer.errors)")
  }

  /// An overlay that can be written lies where nothing can.
  @Test(arguments: [false, true]) func overlayOnAReadOnlyFileSystem(isRoot: Bool) throws {
    let path = fixture.directory.path
    let prepare = """
      cd \(path); PATH=${0%/*}:$PATH:/usr/sbin; mkdir -p ro/dir; \(Fixture.siftool) overlay create --sparse ro/o.img; chmod 666 ro/o.img; chmod 777 ro/dir
      mount --bind ro ro; mount -o remount,bind,ro ro
      """
    let script = """
      siftool exec -o ro/o.img plain.sif sh -c 'cat /bin/data; echo x > /bin/data' 2>&1; echo $?; siftool exec -o ro/dir plain.sif true 2>&1; echo $?
      """
    let answer =
      isRoot
      ? try Tool.run(["unshare", "-m", "sh", "-c", "\(prepare); \(script)", Fixture.siftool])
      : try fixture.ordinary(
        "PATH=$PATH:/usr/sbin; \(script)", devices: "mount --bind \(path)/fuse-device /dev/fuse; \(prepare)")
    #expect(
      answer.text.contains("ro/o.img cannot be written (Read-only file system): it is used read-only\n")
        && answer.text.contains("\ndata\n") && answer.text.contains("\n1\n")
        && answer.text.hasSuffix("\n7\n"),
      "\(answer.text) \(answer.errors)")
  }
}
