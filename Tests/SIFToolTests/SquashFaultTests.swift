import Glibc
import TestSupport
import Testing

/// `ls`, `extract`, `tar` and `pack` where something is in their way: names, attributes, damage, few open files.
@Suite struct SquashFaultTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    _ = try shell(
      """
      set -e; mkdir -p root/d; echo 1 > root/one; ln -s d root/link; echo x > root/d/f
      tar -cf root.tar -C root .; siftool pack root app.sif --arch amd64 --plain -q
      """)
  }

  @discardableResult
  private func shell(_ script: String) throws -> String {
    let answer = try Shell.run(script, with: "bash", in: directory)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    return answer.text
  }

  private func fails(_ command: String, _ status: Int32, saying text: String) throws {
    let answer = try Shell.run(command, with: "bash", in: directory)
    #expect(answer.status == status, "\(command): \(answer.errors)")
    #expect(answer.errors.contains(text), "\(command): \(answer.errors)")
  }

  @Test func theInputIsNeverTheOutput() throws {
    try shell("cp app.sif same.sif; ln same.sif other.sif; cp root.tar copy.tar")
    try fails("siftool tar same.sif -o other.sif -q", 64, saying: "is the input")
    try fails("siftool pack copy.tar copy.tar --arch amd64 -q", 64, saying: "is the input")
    try shell("cmp same.sif app.sif && cmp copy.tar root.tar")
  }

  @Test func whatMatchesNothingLeavesNothing() throws {
    try shell("cp root.tar kept.tar")
    try fails("siftool tar app.sif 'zz*' -o kept.tar -q", 1, saying: "nothing in the image matches")
    try fails("siftool tar app.sif 'zz*' -o new.tar -q", 1, saying: "nothing in the image matches")
    try fails("siftool extract app.sif 'zz*' -C new -q", 1, saying: "nothing in the image matches")
    try shell("cmp kept.tar root.tar && ! [ -e new.tar ] && ! [ -e new ]")
    // What does match is there all the same.
    let words = "nothing in the image matches zz*; everything else was done"
    try fails("siftool extract app.sif 'on*' 'zz*' -C some -q", 1, saying: words)
    try fails("siftool tar app.sif 'on*' 'zz*' -o some.tar -q", 1, saying: words)
    try shell("cmp some/one root/one && tar -tf some.tar | grep -q one")
  }

  @Test func oddNamesOfAttributesTravelAsGNUTarWritesThem() throws {
    try shell(
      """
      set -e; setfattr -n user.a=b -v v root/one; setfattr -n user.p%3Dq -v w root/one
      siftool pack root odd.sif --arch amd64 --plain -q; mkdir ours
      siftool tar odd.sif -q | tar --xattrs '--xattrs-include=*' -xf - -C ours
      tar --xattrs -cf odd.tar -C root .; siftool pack odd.tar theirs.sif --arch amd64 --plain -q
      siftool extract theirs.sif -C theirs -q
      """)
    let want = try shell("cd root; getfattr -d one")
    #expect(want.contains("=\"v\"") && want.contains("user.p%3Dq=\"w\""))
    #expect(try shell("cd ours; getfattr -d one") == want)
    #expect(try shell("cd theirs; getfattr -d one") == want)
  }

  @Test func whatNoReaderTakesIsNotPacked() throws {
    try shell(
      """
      python3 - <<'END'
      import tarfile
      with tarfile.open("long.tar", "w", format=tarfile.PAX_FORMAT) as archive:
          entry = tarfile.TarInfo("file")
          entry.pax_headers = {"SCHILY.xattr.user.long": "x" * 70000}
          archive.addfile(entry)
      for length in 0, 251:
        with tarfile.open(f"name-{length}.tar", "w", format=tarfile.PAX_FORMAT) as archive:
          entry = tarfile.TarInfo("file")
          entry.pax_headers = {"SCHILY.xattr.user." + "n" * length: "v"}
          archive.addfile(entry)
      END
      """)
    try fails(
      "siftool pack long.tar long.sif --arch amd64 --plain -q", 1,
      saying: "file: an extended attribute of 70000 bytes")
    for length in [0, 251] {
      try fails(
        "siftool pack name-\(length).tar long.sif --arch amd64 --plain -q", 1,
        saying: "file: an extended attribute with a name of \(length + 5) bytes")
    }
    try shell("! [ -e long.sif ]")
  }

  @Test func ownersGoOnWithDirectoriesThatTheyCannotEnter() throws {
    try shell(
      """
      set -e; chmod 755 .; mkdir -p closed/d; echo x > closed/d/f; chmod 000 closed/d
      siftool pack closed closed.sif --arch amd64 --plain -q; mkdir free; chmod 777 free; cp $(command -v siftool) free/siftool
      N='setpriv --reuid 65534 --regid 65534 --clear-groups'
      $N free/siftool extract closed.sif -C free/out -q; $N free/siftool extract closed.sif -C free/out --resume -q
      """)
    #expect(try shell("cat free/out/d/f; stat -c %a free/out/d") == "x\n0\n")
  }

  @Test func archivesThatAreNoneAreNamed() throws {
    try fails("siftool pack /dev/null no.sif --arch amd64", 5, saying: "the archive is empty")
    try fails("true | siftool pack - no.sif --arch amd64", 5, saying: "the archive is empty")
    try fails("head -c 512 root.tar | siftool pack - no.sif --arch amd64", 5, saying: "cut off")
    try fails("xz -k root.tar; siftool pack root.tar.xz no.sif --arch amd64", 1, saying: "compressed with xz")
    try fails(
      "bzip2 -k root.tar; siftool pack root.tar.bz2 no.sif --arch amd64", 1, saying: "compressed with bzip2")
    try fails("siftool pack root - --arch amd64", 64, saying: "standard output")
  }

  @Test func aSlashAtTheEndFollowsTheLink() throws {
    #expect(try shell("siftool ls app.sif link/") == "f\n")
    #expect(try shell("siftool ls app.sif link") == "link\n")
    try fails("siftool ls app.sif one/", 1, saying: "not a directory")
  }

  @Test func theImageIsNotPackedIntoItself() throws {
    try shell(
      "cd root; SOURCE_DATE_EPOCH=1 siftool pack . app.sif --arch amd64 --plain -q; cp app.sif ../first.sif")
    try shell("cd root; SOURCE_DATE_EPOCH=1 siftool pack . app.sif --arch amd64 --plain -q")
    #expect(try shell("siftool ls root/app.sif") == "d\nlink\none\n")
    try fails("cd root; siftool pack . app.sif --arch amd64 --plain", 0, saying: "app.sif: the image itself")
  }

  @Test func labelsAreText() throws {
    try shell("echo '{\"a\":1}' > labels.json")
    try fails("siftool pack root no.sif --arch amd64 --labels labels.json -q", 64, saying: "labels")
    try fails("siftool pack root no.sif --arch amd64 --label $'a=\\xff' -q", 64, saying: "UTF-8")
  }

  @Test func severalPathsAreListedUnderTheirNames() throws {
    #expect(try shell("siftool ls app.sif one d link/") == "one\n\nd:\nf\n\nlink/:\nf\n")
    let answer = try Shell.run("siftool ls app.sif nope one", in: directory)
    #expect(answer.status == 1 && answer.text == "one\n" && answer.errors.contains("nope"))
    try fails("siftool ls app.sif --json --ndjson", 64, saying: "exclude")
  }

  @Test func bareFileSystemsAreNamed() throws {
    try shell("truncate -s 1M bare.ext3; mkfs.ext3 -q bare.ext3")
    try fails("siftool ls bare.ext3", 1, saying: "an ext2, ext3 or ext4 file system")
  }

  @Test func theArchiveGoesToStandardOutputByItsName() throws {
    #expect(try shell("siftool tar app.sif one -o - | tar -t; [ -e ./- ] || echo none") == "one\nnone\n")
  }

  @Test func theBarFitsTheTerminal() throws {
    let drawn = try shell(
      "head -c 30000000 /dev/urandom > root/big; script -qec 'stty cols 30; siftool pack root bar.sif --arch amd64 --plain' /dev/null < /dev/null"
    )
    let lines = drawn.split(whereSeparator: { $0 == "\r" || $0 == "\n" || $0 == "\r\n" })
    #expect(lines.allSatisfy { $0.count < 30 }, "\(lines)")
    #expect(lines.contains { $0.contains("MB") }, "\(drawn)")
  }

  /// Every directory with a file that waits for its thread is open: they are never more than the process may have.
  @Test func fewFilesMayBeOpen() throws {
    try shell(
      """
      set -e; for i in $(seq 300); do mkdir -p "wide/$((i % 9))/$i"; echo $i > "wide/$((i % 9))/$i/f"; done
      mkdir deep; cd deep; for i in $(seq 150); do mkdir -p side/x d; echo $i > f; echo $i > side/x/g; cd d; done
      cd \(directory.path); siftool pack wide wide.sif --plain --arch amd64 -q; siftool pack deep deep.sif --plain --arch amd64 -q
      for tree in wide deep; do for threads in 2 16; do for files in 64 96; do
        (ulimit -n $files; siftool extract $tree.sif -C out-$tree-$threads-$files --threads $threads -q)
        diff -r $tree out-$tree-$threads-$files; done; done; done
      """)
  }

  /// Pieces of every size around those of the output's buffer keep their order.
  @Test func whatIsWrittenFirstComesFirst() throws {
    let text = try shell(
      """
      set -e; mkdir sizes; for n in 65535 65536 65537 70000 100000 131071 131072 131073 196700 300000; do
        printf "$n" > sizes/$n-a; head -c $n /dev/urandom > sizes/$n-b; done
      for options in "" "-b 1M" "-comp zstd -b 256K -no-fragments"; do
        mksquashfs sizes sizes.sqfs -noappend -quiet -no-progress $options
        mkdir back; siftool tar sizes.sqfs -q | tar -C back -xf -; diff -r sizes back; rm -r back
        siftool cat sizes.sqfs $(ls sizes) | cmp - <(cd sizes; cat *); done; echo same
      """)
    #expect(text == "same\n")
  }

  /// What is not a regular file has no sign of being complete: it is made again.
  @Test func resumingMakesLinksAndNodesAgain() throws {
    let text = try shell(
      """
      set -e; mkdir nodes half; ln -s target nodes/link; mkfifo -m 700 nodes/pipe; mknod -m 600 nodes/device c 1 3
      chown -h 5:6 nodes/*; touch -h -d @1000 nodes/*; mksquashfs nodes nodes.sqfs -quiet -no-progress
      ln -s target half/link; mkfifo -m 777 half/pipe; mknod -m 777 half/device c 1 3
      siftool extract nodes.sqfs -C half --resume -q; cd half; stat -c '%N %a %u %g %Y' *
      """)
    #expect(text == "'device' 600 5 6 1000\n'link' -> 'target' 777 5 6 1000\n'pipe' 700 5 6 1000\n")
  }

  /// As an ordinary user: nothing that a manifest says is lost, and nothing else is written over.
  @Test func manifests() throws {
    let text = try shell(
      #"""
      chmod 755 .; mkdir mine; chown 4242 mine; cp $(command -v siftool) siftool; chmod 755 siftool
      mkdir tree tree/own tree/nodes; echo x > tree/own/file; setfattr -n user.k -v v tree/own/file; chmod 400 tree/own/file
      mknod tree/nodes/null c 1 3; mksquashfs tree tree.sqfs -quiet -no-progress; chmod 644 tree.sqfs
      t() { setpriv --reuid 4242 --regid 4242 --clear-groups timeout 300 ./siftool extract -q tree.sqfs "$@" 2>&1; }
      t -C mine/out /nodes; t -C mine/out --resume /own; t -C mine/out --resume
      grep -o '"path":"[a-z/]*"' mine/out.manifest.ndjson | sort; getfattr -d mine/out/own/file; stat -c %a mine/out/own/file
      mkfifo mine/pipe.manifest.ndjson; t -C mine/pipe --resume; echo $?; ls mine/pipe 2>&1
      rm -rf mine/out; t -C mine/out; echo $?; rm mine/out.manifest.ndjson
      echo precious > mine/kept; chmod 666 mine/kept; ln mine/kept mine/out.manifest.ndjson
      t -C mine/out --resume; cat mine/kept; grep -c nodes/null mine/out.manifest.ndjson
      mkdir -p closed/in; chown 4242 closed/in; t -C closed/in; echo $?; cat closed/in/own/file
      """#)
    #expect(
      text.replacing(directory.path, with: "DIR") == """
        "path":""
        "path":"nodes"
        "path":"nodes/null"
        "path":"own"
        "path":"own/file"
        # file: mine/out/own/file
        user.k="v"

        400
        siftool: cannot replace DIR/mine/pipe.manifest.ndjson: it is a FIFO
        7
        ls: cannot access 'mine/pipe': No such file or directory
        siftool: cannot create DIR/mine/out.manifest.ndjson: File exists
        7
        precious
        1
        siftool: cannot create a file in DIR/closed: Permission denied: attributes that could not be set on 5 of the \
        extracted files are not recorded; --manifest names another place
        7
        x

        """)
  }

  @Test func oneExtractionAtATime() throws {
    try fails("mkdir busy; flock busy siftool extract app.sif -C busy --resume -q", 7, saying: "is running")
  }

  /// A file whose content is damaged is named and absent; all others are there.
  @Test func damageOfOneFileIsItsOwn() throws {
    let text = try shell(
      #"""
      mkdir many; for i in $(seq 40); do seq 1 $((20000 + i)) > many/f$i; done; seq 1 2000000 > many/large
      ln many/f28 many/other; mkdir many/d; chmod 2755 many/d
      mksquashfs many many.sqfs -quiet -no-progress -no-duplicates
      python3 - <<'END'
      content = bytearray(open("many.sqfs", "rb").read())
      for start in 30_000, len(content) - 200_000:
        for place in range(start, start + 300): content[place] ^= 0x55
      open("many.sqfs", "wb").write(content)
      END
      for threads in 1 4; do rm -rf out; siftool extract many.sqfs -C out --threads $threads -q 2> errors; echo $?
        sed -n '$s/ entr.*//p' errors; diff -r many out; stat -c %a out/d; done
      """#)
    let lines = text.split(separator: "\n").map(String.init)
    let (first, second) = (lines.prefix(lines.count / 2), lines.suffix(lines.count / 2))
    #expect(first.elementsEqual(second), "\(text)")
    #expect(first.first == "5" && first.last == "2755", "\(text)")
    let missing = first.filter { $0.hasPrefix("Only in many: ") }.count
    #expect(missing > 1 && missing < 6 && first.count == missing + 3, "\(text)")
    #expect(first.dropFirst().first == "siftool: \(missing)", "\(text)")
  }

  /// The checksum of what an archive was compressed with lies behind the archive.
  @Test func compressedArchivesAreReadToTheirEnd() throws {
    try shell(
      """
      set -e; gzip -1 < root.tar > root.tgz; zstd -q root.tar; head -c -8 root.tgz > cut.tgz; head -c -4 root.tar.zst > cut.zst
      (head -c -8 root.tgz; head -c 4 /dev/zero; tail -c 4 root.tgz) > wrong.tgz; (cat root.tgz; head -c 1000 /dev/zero) > padded.tgz
      """)
    for name in ["cut.tgz", "cut.zst"] {
      try fails("siftool pack \(name) new.sif --plain --arch amd64 -q", 5, saying: "cut off")
    }
    try fails("siftool pack wrong.tgz new.sif --plain --arch amd64 -q", 5, saying: "damaged")
    for name in ["root.tgz", "root.tar.zst", "padded.tgz"] {
      try shell(
        "siftool pack \(name) new.sif --plain --arch amd64 -q; siftool cat new.sif one | cmp - root/one && rm new.sif"
      )
    }
  }

  /// Attributes that no image holds are left out, and said to be.
  @Test func attributesThatAreLeftOut() throws {
    let text = try shell(
      """
      set -e; python3 - <<'END'
      import io, tarfile
      with tarfile.open("odd.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        file = tarfile.TarInfo("file"); file.size = 1
        file.pax_headers = {"SCHILY.acl.access": "user::rw-", "SCHILY.acl.default": "", "SCHILY.xattr.user.k": "v"}
        archive.addfile(file, io.BytesIO(b"x"))
      END
      siftool pack odd.tar odd.sif --plain --arch amd64 2>&1; siftool extract odd.sif -C odd -q; getfattr -d odd/file
      """)
    #expect(
      text == """
        siftool: 2 extended attributes that squashfs cannot hold, such as access control lists, were left out
        # file: odd/file
        user.k="v"


        """)
  }

  /// The manifest has the directories on the way to what was chosen, too.
  @Test func directoriesOnTheWayAreRecorded() throws {
    let text = try shell(
      #"""
      chmod 755 .; mkdir -p mine way/to/it; chown 4242 mine; chmod 2751 way/to; mksquashfs way way.sqfs -quiet -no-progress
      chmod 644 way.sqfs; cp $(command -v siftool) siftool; chmod 755 siftool
      setpriv --reuid 4242 --regid 4242 --clear-groups ./siftool extract -q way.sqfs -C mine/out to/it
      sed 's/.*"mode":"\([0-7]*\)","path":"\([^"]*\)".*/\1 \2/' mine/out.manifest.ndjson | sort -k 2
      """#)
    #expect(text == "755 .\n2751 to\n755 to/it\n" || text == "755 \n2751 to\n755 to/it\n", "\(text)")
  }
}
