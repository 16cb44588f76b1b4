import Glibc
import TestSupport
import Testing

/// An image with busybox for all programs, and what tests of programs look at.
final class ExecFixture: Sendable {
  let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Shell.check(Fixture.script("busybox-images.sh"), in: directory)
  }

  /// Makes `secret.sif` of `plain.sif`, with the passphrase in the file `phrase`; everybody may read both.
  func encrypt() throws {
    try directory.write("phrase", Array("secret\n".utf8))
    try Tool.check([
      "sh", "-c",
      """
      cd \(directory.path); \(Fixture.siftool) encrypt plain.sif secret.sif --passphrase-file phrase --kdf pbkdf2 \
        --kdf-time 1000 --quiet && chmod 644 secret.sif phrase
      """,
    ])
  }

  /// As nobody.
  func ordinary(_ script: String, devices: String? = nil, home: String? = nil) throws -> ToolAnswer {
    try OrdinaryUser.run(script, in: directory, devices: devices, home: home)
  }

  /// As root, with the tool in the path.
  func root(_ script: String) throws -> ToolAnswer {
    try Shell.run(script, in: directory)
  }

  /// What is left of this fixture: processes, loop devices and mounts.
  func leftovers() throws -> String {
    try Tool.check([
      "sh", "-c",
      """
      # A mount namespace that another test makes meanwhile keeps loop devices for as long as it lasts.
      for i in $(seq 3000); do
        left=$(pgrep -x "siftool|container-init|sleep|cat" | while read p; do
          grep -qs "\(directory.path)" /proc/$p/environ /proc/$p/cmdline && echo $p; done; true
          losetup -a | grep \(directory.path); grep \(directory.path) /proc/self/mountinfo)
        [ -n "$left" ] || break; sleep 0.1; done
      echo "$left"
      """,
    ]).text
  }
}

/// `exec`, `run` and `shell` on the real binary, as nobody and as root.
@Suite struct ExecTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The same user inside as outside, without capabilities, and without a way to any.
  @Test(arguments: ["", "--pid", "--containall", "--writable-tmpfs"])
  func theUser(options: String) throws {
    let answer = try fixture.ordinary(
      """
      siftool exec \(options) plain.sif sh -c '
        id -u; id -g; id -un; grep -E "^Cap(Prm|Eff|Bnd|Amb|Inh)|^NoNew" /proc/self/status | sort -u | tr -d "\\t "
        su -c "id -u" 2>&1; cat /proc/self/uid_map | tr -s " "; grep nobody /etc/passwd; grep -c . /etc/group
        unshare -m true 2>&1 | grep -c denied\\\\\\|permitted; mount -t tmpfs x /tmp 2>&1 | grep -c denied\\\\\\|permitted
        umount /proc 2>&1 | grep -c denied\\\\\\|permitted; chroot / true 2>&1 | grep -c denied\\\\\\|permitted'
      """)
    let zeros = "0000000000000000"
    #expect(
      answer.text.split(separator: "\n").prefix(3) == ["65534", "65534", "nobody"],
      "\(answer.text) \(answer.errors)")
    for name in ["Prm", "Eff", "Bnd", "Amb", "Inh"] { #expect(answer.text.contains("Cap\(name):\(zeros)\n")) }
    #expect(
      answer.text.contains("NoNewPrivs:1\n") && answer.text.contains("\n 65534 65534 1\n"), "\(answer.text)")
    #expect(answer.text.contains("nobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n3\n"), "\(answer.text)")
    #expect(answer.text.hasSuffix("1\n1\n1\n1\n"), "\(answer.text)")
    let root = try fixture.root(
      "siftool exec \(options) plain.sif sh -c 'id -u; grep ^Cap /proc/self/status | sort -u'")
    #expect(
      root.text.hasPrefix("0\n")
        && root.text.split(separator: "\n").dropFirst().allSatisfy { $0.hasSuffix(zeros) })
    #expect(root.text.split(separator: "\n").count == 6, "\(root.text) \(root.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test(arguments: ["", "--pid"]) func statusesAndSignals(options: String) throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec \(options) "$@"; echo $?; }
      t plain.sif sh -c 'exit 7'; t plain.sif true; t plain.sif nothing; t plain.sif /bin/data; t plain.sif data
      t plain.sif sh -c 'kill -9 $$'; t plain.sif sh -c 'kill -TERM $$'; t app.sif nothing; t app.sif sh -c 'exit 3'
      t app.sif /etc/passwd
      """)
    #expect(
      answer.text == "7\n0\n127\n126\n126\n137\n143\n127\n3\n126\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("siftool: nothing is not in the image's PATH\n"), "\(answer.errors)")
    #expect(answer.errors.contains("siftool: cannot run /bin/data: Permission denied\n"), "\(answer.errors)")
    let signals = try fixture.ordinary(
      """
      for signal in TERM HUP USR1; do
        siftool exec \(options) plain.sif sh -c "trap 'exit 42' $signal; touch /tmp/\(fixture.directory.path.dropFirst(5))-$signal; while :; do sleep 0.1; done" &
        while [ ! -e \(fixture.directory.path)-$signal ]; do sleep 0.05; done; kill -$signal $!; wait $!; echo $?
      done; rm \(fixture.directory.path)-*
      """)
    #expect(signals.text == "42\n42\n42\n", "\(signals.text) \(signals.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func streamsAndTerminals() throws {
    let piped = try fixture.ordinary(
      "seq 100000 | siftool exec plain.sif cat | tail -1; siftool exec plain.sif sh -c 'echo e >&2; echo o'")
    #expect(piped.text == "100000\no\n" && piped.errors == "e\n", "\(piped.errors)")
    for options in ["", "--pid", "--contain"] {
      let terminal = try fixture.ordinary(
        "script -qec \"siftool exec \(options) plain.sif sh -c '[ -t 0 ] && [ -t 1 ] && echo both && echo typed > /dev/tty'\" /dev/null < /dev/null"
      )
      #expect(terminal.text == "both\r\ntyped\r\n", "\(options) \(terminal.text) \(terminal.errors)")
    }
  }

  @Test(arguments: ["app.sif", "plain.sif"]) func searchPath(image: String) throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec --env "$@" \(image) sh -c 'echo "$PATH|$PREPEND_PATH$APPEND_PATH"'; }; d=/usr/local/sbin
      export SINGULARITYENV_PREPEND_PATH=/s SINGULARITYENV_APPEND_PATH=/z; t A=1
      APPTAINERENV_PREPEND_PATH=/a SINGULARITYENV_APPEND_PATH= t A=1; t PREPEND_PATH=/c,APPEND_PATH=/d; t PATH=
      SINGULARITYENV_PATH=/bin:/p t A=1; APPTAINERENV_PATH=/p t PATH=/bin
      siftool exec --env A=1,B=2 --env C=3,4 \(image) sh -c 'echo "$A|$B|$C|$SINGULARITY_NAME|$APPTAINER_NAME"'
      """)
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    #expect(
      answer.text == """
        /s:\(path):/z|
        /a:\(path)|
        /c:\(path):/d|
        /s:\(path):/z|
        /bin:/p|
        /bin|
        1|2|3,4|\(image)|\(image)

        """, "\(answer.text) \(answer.errors)")
  }

  @Test func variables() throws {
    let answer = try fixture.ordinary(
      """
      export FROM_HOST=1 SINGULARITYENV_GIVEN="a b" LD_PRELOAD=/nothing.so PATH=$PATH:/odd
      printf 'A=1\\n# no\\nexport B="two words" # nor this\\n' > work/env
      siftool exec app.sif env | sort > work/all; grep -cE '^(FROM_HOST=1|GIVEN=a b|WHO=the image|OTHER=it.s)$' work/all
      grep -E '^(PATH|LD_PRELOAD|HOME|SINGULARITY_CONTAINER|SIFTOOL_VALUE_)' work/all
      siftool exec --env 'WHO=me; $(x) "q" '"'it'" --env A=9 --env-file work/env app.sif sh -c 'echo "$WHO|$A|$B"'
      siftool exec --env WHO=me --env A=9 --env-file work/env plain.sif sh -c 'echo "$WHO|$A|$B"'
      siftool exec --cleanenv app.sif env | grep -c FROM_HOST; siftool run app.sif 1 '2 3'; siftool run --env WHO=you app.sif
      siftool run plain.sif < /dev/null; echo $?; echo 'echo $WHO; echo $PS1' | siftool shell app.sif; siftool exec --env 1A=b app.sif true
      echo $?
      """)
    #expect(
      answer.text.replacing(fixture.directory.path, with: "D") == """
        4
        HOME=/nonexistent
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        SINGULARITY_CONTAINER=D/app.sif
        me; $(x) "q" 'it'|9|two words
        me|9|two words
        0
        run: the image 1 2 3
        run: you
        0
        the image
        siftool>
        64

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("the image has no runscript"), "\(answer.errors)")
  }

  @Test func whatIsInSight() throws {
    let answer = try fixture.ordinary(
      """
      home=$HOME; echo mine > $home/file; cd work
      t() { siftool exec "$@" 2>&1; }; image=../plain.sif
      t $image sh -c 'pwd; cat ~/file; ls -d /root 2>&1; cat /proc/self/mountinfo | grep -c siftool-test'
      t --no-home --pwd /etc $image sh -c 'pwd; ls ~ 2>&1 | wc -l'
      t --contain $image sh -c 'pwd; ls -A ~ /var/tmp | grep -v : | tr -d "\\n"; echo x > ~/new; ls ~; ls /dev | tr "\\n" " "'
      ls $home; t --pwd /nothing $image true; echo $?
      t --pid $image sh -c 'echo $(ls -d /proc/[0-9]* | wc -l)'; t --hostname inside $image hostname; hostname > name
      t --net $image sh -c 'ls /sys/class/net; ip -o link | grep -c LOOPBACK,UP'
      t --containall $image ipcs -q | grep -c 0x; siftool exec $image hostname | cmp - name && echo same
      """, home: fixture.directory.file("work"))
    let text = answer.text.replacing(fixture.directory.path, with: "D")
    #expect(
      text.hasPrefix("D/work\nmine\nls: /root: No such file or directory\n0\n/etc\n"),
      "\(text) \(answer.errors)")
    #expect(
      text.contains(
        "D/work\nnew\nfd full null ptmx pts random shm stderr stdin stdout tty urandom zero file\n"),
      "\(text)")
    #expect(text.contains("siftool: cannot enter /nothing: No such file or directory\n7\n"), "\(text)")
    #expect(text.contains("\ninside\n") && text.hasSuffix("lo\n1\n0\nsame\n"), "\(text)")
  }

  /// Sources and targets with everything in their names; targets that the image lacks, or where it has links.
  @Test func binds() throws {
    let answer = try fixture.ordinary(
      """
      cd work; mkdir -p 'a b:c,d'; echo here > 'a b:c,d/f'; ln -s 'a b:c,d' link; echo one > file; d=$PWD
      t() { siftool exec "$@" 2>&1; echo $?; }; i=../plain.sif
      t --bind 'a b\\:c\\,d:/deep/new place/x' $i cat '/deep/new place/x/f'
      t --bind "$d/../work/link:/y:ro" $i sh -c 'cat /y/f; echo z > /y/f'
      t --bind "file:/etc/motd,file:/bin/one:ro" $i cat /etc/motd /bin/one
      t --bind "file:/var/inside" $i cat /etc/inside; t --bind file:/opt/x/y $i cat /opt/x/y
      t --bind "file:/loop/z" $i cat /loop/z; t --bind file:/a/../b $i true; t --bind file:rel $i true
      t --bind nothing:/x $i true; t --bind file:/bin $i true; t --bind ..:/bin/sh $i true
      t --bind 'file:/x:rx' $i true; t --bind file:/bin/sh/x $i true; t --bind file:/tmp/nothing/x $i true
      t --contain --bind file:/tmp/nothing/x $i cat /tmp/nothing/x; t --bind "$d:$d/sub" $i true; t --bind :/x $i true
      """)
    let text = answer.text
    #expect(
      text.hasPrefix(
        "here\n0\nhere\nsh: can't create /y/f: Read-only file system\n1\none\none\n0\none\n0\none\n0\none\n0\n"
      ), "\(text)")
    let statuses = text.split(separator: "\n").filter { Int($0) != nil }
    #expect(
      statuses == [
        "0", "1", "0", "0", "0", "0", "64", "64", "7", "64", "64", "64", "64", "64", "0", "64", "64",
      ], "\(text)")
    #expect(try fixture.root("ls work").text == "a b:c,d\nfile\nlink\n")
  }

  @Test func writing() throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" 2>&1; echo $?; }; mkdir work/over; truncate -s 1M work/ext3
      t plain.sif sh -c 'echo x > /bin/new'; t plain.sif sh -c 'echo x >> /bin/data'; t plain.sif rm /bin/data
      t --writable-tmpfs plain.sif sh -c 'echo x >> /bin/data; cat /bin/data; rm /bin/su; mkdir /n; ls -d /n /bin/su'
      t --overlay work/over plain.sif sh -c 'echo kept > /bin/new; rm /bin/su'
      t --overlay work/over plain.sif sh -c 'cat /bin/new; ls /bin/su'
      t --overlay work/ext3 plain.sif true; t --overlay work/nothing plain.sif true
      sha256sum < plain.sif
      """)
    #expect(
      answer.text.hasPrefix(
        """
        sh: can't create /bin/new: Read-only file system
        1
        sh: can't create /bin/data: Read-only file system
        1
        rm: can't remove '/bin/data': Read-only file system
        1
        data
        x
        ls: /bin/su: No such file or directory
        /n
        1
        0
        kept
        ls: /bin/su: No such file or directory
        1
        siftool: work/ext3 is not an overlay: neither a directory nor a squashfs, an ext3 file system or a SIF image
        1
        siftool: cannot examine work/nothing: No such file or directory
        7

        """), "\(answer.text)")
  }

  @Test func fakeRoot() throws {
    let ranges = """
      printf 'nobody:200000:65536\\n' > subids; mount --bind subids /etc/subuid; mount --bind subids /etc/subgid
      mount --bind \(fixture.directory.path)/fuse-device /dev/fuse
      """
    let answer = try fixture.ordinary(
      """
      siftool exec --fakeroot --writable-tmpfs plain.sif sh -c '
        id -u; cat /proc/self/uid_map | tr -s " "; touch /bin/f; chown 7:8 /bin/f; stat -c %u:%g /bin/f; echo ~
        echo x > /tmp/\(fixture.directory.path.dropFirst(5))-made; mount -t tmpfs x /mnt 2>&1 | grep -c .'
      stat -c %u \(fixture.directory.path)-made; rm \(fixture.directory.path)-made
      """, devices: "cd \(fixture.directory.path); " + ranges)
    #expect(
      answer.text == "0\n 0 65534 1\n 1 200000 65536\n7:8\n/root\n1\n65534\n",
      "\(answer.text) \(answer.errors)")
    let without = try fixture.ordinary(
      "siftool exec --fakeroot plain.sif sh -c 'id -u; cat /proc/self/uid_map | tr -s \" \"'")
    #expect(
      without.text == "0\n 0 65534 1\n" && without.errors.contains("root is the only user inside"),
      "\(without.errors)")
  }

  /// Whenever it is killed, nothing is left; and what a program leaves behind keeps its files as long as it runs.
  @Test(arguments: ["", "--pid", "root", "root --fuse"]) func nothingIsLeft(options: String) throws {
    let isRoot = options.hasPrefix("root")
    let options = isRoot ? String(options.dropFirst(4)) : options
    let script = """
      image=\(fixture.directory.path)/plain.sif
      for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
        siftool exec \(options) $image sleep 30 & sleep 0.00$((i * 4)); kill -9 $!; wait $!; done 2> /dev/null
      siftool exec \(options) $image sleep 30 & sleep 0.5; kill -9 $!; wait $! 2> /dev/null
      siftool exec \(options) $image sh -c '(sleep 1; cat /bin/data > /tmp/\(fixture.directory.path.dropFirst(5))-late) > /dev/null 2>&1 &'
      for i in $(seq \(options == "--pid" ? 20 : 600)); do [ ! -s \(fixture.directory.path)-late ] || break; sleep 0.1; done
      cat \(fixture.directory.path)-late; rm -f \(fixture.directory.path)-late
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    // A namespace of processes ends with its program.
    #expect(answer.text == (options == "--pid" ? "" : "data\n"), "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func withoutWhatItNeeds() throws {
    let fuse = try fixture.ordinary(
      "siftool exec plain.sif true; echo $?", devices: OrdinaryUser.closedFuse(in: fixture.directory))
    #expect(fuse.text == "0\n" && fuse.errors.contains("the image is unpacked into "), "\(fuse.errors)")
    let small = try fixture.root("(ulimit -f 1; siftool exec plain.sif true); echo $?")
    #expect(small.text == "7\n" && small.errors.contains("needs a file of"), "\(small.errors)")
    let none = try fixture.root(
      "unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; siftool exec --userns plain.sif true; echo $?'"
    )
    #expect(none.text == "7\n" && none.errors.contains("needs a user namespace"), "\(none.errors)")
    // Inside of another user namespace root has no loop devices, but FUSE.
    let nested = try fixture.root("unshare -Urm siftool exec plain.sif id -u")
    #expect(nested.text == "0\n", "\(nested.errors)")
    let root = try fixture.root(
      """
      unshare -m sh -c 'mount --bind /dev/null /dev/loop-control; grep fuse.siftool /proc/mounts > before
        siftool exec plain.sif id -u; grep fuse.siftool /proc/mounts > after; cmp before after; echo $?'
      """
    )
    #expect(root.text == "0\n0\n" && root.errors.contains("mounting through FUSE"), "\(root.errors)")
  }

  @Test func verifiedFirst() throws {
    let answer = try fixture.ordinary(
      """
      cd work; openssl genpkey -algorithm ed25519 -out key.pem 2> /dev/null; openssl pkey -in key.pem -pubout -out pub.pem
      cp ../plain.sif s.sif; chmod 644 s.sif; siftool exec --verify --key pub.pem s.sif true; echo $?
      siftool sign --key key.pem s.sif; siftool exec --verify --key pub.pem s.sif echo ran; echo $?
      printf X | dd of=s.sif bs=1 seek=50000 conv=notrunc 2> /dev/null
      siftool exec --verify --key pub.pem s.sif echo ran; echo $?
      """)
    #expect(answer.text == "2\nran\n0\n4\n", "\(answer.text) \(answer.errors)")
  }
}
