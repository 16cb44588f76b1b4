import TestSupport
import Testing

/// `overlay create`, with the programs of e2fsprogs as judges.
@Suite struct OverlayCreateTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func both(_ script: String) throws -> [ToolAnswer] {
    [
      try fixture.ordinary(
        "mkdir -m 700 mine 2> /dev/null; \(script)", devices: "chmod 777 \(fixture.directory.path)"),
      try fixture.root(script),
    ]
  }

  @Test func aFile() throws {
    for (answer, owner) in zip(
      try both(
        """
        PATH=$PATH:/usr/sbin:/sbin; f=layer-$(id -u); siftool overlay create --create-dir /opt/a/b --create-dir /opt/c $f || exit
        e2fsck -fn $f > /dev/null 2>&1 || echo damaged; stat -c '%a %s' $f; [ $(stat -c %b $f) -ge 131072 ] && echo whole
        dumpe2fs -h $f 2> /dev/null | sed -n 's/^Filesystem features: *//p'
        for d in / /upper /work /upper/opt/a/b /upper/opt/c; do
          debugfs -R "stat $d" $f 2> /dev/null | sed -n 's/.*Type: \\(directory\\) *Mode: *\\([0-9]*\\).*/\\1 \\2/p; s/^User: *\\([0-9]*\\) *Group: *\\([0-9]*\\).*/\\1 \\2/p'; done
        siftool overlay create --sparse --size 100 s$f && e2fsck -fn s$f > /dev/null 2>&1 && stat -c %s s$f
        [ $(stat -c %b s$f) -lt 20000 ] && echo sparse; ls -a | grep -c overlay
        """), ["65534", "0"])
    {
      let directories = String(repeating: "directory 0755\n\(owner) \(owner)\n", count: 5)
      #expect(
        answer.text
          == "600 67108864\nwhole\nhas_journal ext_attr resize_inode dir_index filetype sparse_super large_file\n"
          + "\(directories)104857600\nsparse\n0\n", "\(answer.text) \(answer.errors)")
    }
  }

  @Test func rootInsideOwnsIt() throws {
    let answer = try both(
      """
      PATH=$PATH:/usr/sbin:/sbin; siftool overlay create --fakeroot --sparse --create-dir /opt root-$(id -u)
      for d in / /upper /work /upper/opt; do debugfs -R "stat $d" root-$(id -u) 2> /dev/null | sed -n 's/^User: *\\([0-9]*\\) *Group: *\\([0-9]*\\).*/\\1 \\2/p'; done
      e2fsck -fn root-$(id -u) > /dev/null 2>&1 && echo sound
      """)[0]
    #expect(answer.text == "0 0\n0 0\n0 0\n0 0\nsound\n", "\(answer.text) \(answer.errors)")
  }

  /// As one more partition, which the reference's program reads; once, and only where nothing covers the others.
  @Test func aPartition() throws {
    let answer = try fixture.root(
      """
      set -e; cp plain.sif new.sif; siftool overlay create --sparse new.sif; siftool check new.sif | cut -d: -f1
      /usr/bin/siftool list new.sif | grep -c 'FS (Ext3/Overlay/amd64)'
      siftool dump 2 new.sif > part 2> /dev/null || siftool dump $(siftool list new.sif | sed -n 's/ *|.*Ext3.*//p') new.sif > part
      e2fsck -fn part > /dev/null 2>&1 && echo sound; siftool exec new.sif true && echo runs; set +e
      siftool overlay create new.sif; echo $?
      cp plain.sif signed.sif; cp \(Fixture.root)/testdata/keys/ed25519.sec.asc k; chmod 600 k
      siftool sign signed.sif --key k --quiet; cp signed.sif before; siftool overlay create signed.sif; echo $?; cmp signed.sif before
      """)
    #expect(answer.text.hasPrefix("sound\n1\nsound\nruns\n1\n1\n"), "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("has an overlay already") && answer.errors.contains("the image is signed"),
      "\(answer.errors)")
    try fixture.encrypt()
    let encrypted = try fixture.root(
      "cp secret.sif before; siftool overlay create secret.sif; echo $?; cmp secret.sif before")
    #expect(encrypted.text == "1\n" && encrypted.errors.contains("in the clear"), "\(encrypted.errors)")
  }

  @Test func refusals() throws {
    let answer = try fixture.root(
      """
      echo text > text; mkfifo pipe; mkdir directory
      for arguments in "--size 63 a" "--size 0 a" "--size -1 a" "--size 99999999999 a" "--size 9223372036854775807 a" \\
        "--create-dir x a" "--create-dir /x/../y a" '--create-dir /x"y a' "text" "directory" "absent/a" ""; do
        siftool overlay create $arguments < /dev/null; printf '%s ' $?; [ ! -e a ] || echo made; done; echo
      PATH=$PWD; mkdir empty
      """)
    #expect(answer.text == "64 64 64 64 64 64 64 64 5 5 7 64 \n", "\(answer.text) \(answer.errors)")
    let full = try fixture.root(
      """
      mkdir small; mount -t tmpfs -o size=8m small small; cp plain.sif small 2> /dev/null || :; cd small
      siftool overlay create layer; echo $?; ls -A | grep -v plain.sif; cd ..; umount small
      """)
    #expect(full.text == "7\n" && full.errors.contains("No space left"), "\(full.text) \(full.errors)")
  }
}
