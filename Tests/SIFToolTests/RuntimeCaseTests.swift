import Glibc
import TestSupport
import Testing

/// What the container shows where the image has links, the caller a working directory of an unusual kind, or a umask.
@Suite struct ContainerPlaceTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    try Shell.check(
      """
      rm rootfs/var rootfs/opt; mkdir -p rootfs/usr/share/zoneinfo/Etc rootfs/usr/bin rootfs/usr/lib rootfs/var rootfs/tmp rootfs/data
      printf 'zone of the image\\n' > rootfs/usr/share/zoneinfo/Etc/UTC; echo own > rootfs/usr/bin/own; echo own > rootfs/usr/lib/own
      printf 'hosts of the image\\n' > rootfs/usr/share/hosts; printf 'root:x:0:0:it:/root:/bin/ash\\n' > rootfs/usr/share/passwd
      ln -s /usr/share/zoneinfo/Etc/UTC rootfs/etc/localtime; ln -s ../usr/share/hosts rootfs/etc/hosts
      ln -sf ../usr/share/passwd rootfs/etc/passwd; ln -s /tmp rootfs/var/tmp; ln -s /data rootfs/link
      ln -s /usr/bin rootfs/programs; ln -s data rootfs/home; chmod 711 rootfs/data
      siftool pack rootfs links.sif --plain --arch amd64 --quiet; chmod 644 links.sif; chmod 777 .
      """, in: fixture.directory)
  }

  /// Runs a script as nobody and as root; `t` runs the tool, and D is the directory in what it prints.
  private func both(
    _ script: String, home: String? = nil, _ check: (_ text: String, _ isRoot: Bool) -> Void
  ) throws {
    let script = "t() { timeout 100 siftool exec \"$@\" 2>&1; }; D=$PWD; \(script)"
    for isRoot in [false, true] {
      let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script, home: home)
      check((answer.text + answer.errors).replacing(fixture.directory.path, with: "D"), isRoot)
    }
  }

  /// A default file takes the place of a link: what the link leads to stays the image's.
  @Test(arguments: ["", "--contain", "--userns", "--underlay", "--writable-tmpfs", "--bind work:/data/x"])
  func filesInPlaceOfLinks(options: String) throws {
    try both(
      """
      t \(options) links.sif sh -c 'cat /usr/share/zoneinfo/Etc/UTC /usr/share/hosts /usr/share/passwd
        cmp /etc/hosts /usr/share/hosts > /dev/null || echo host; for f in localtime hosts passwd; do [ -L /etc/$f ] && echo link; done
        id -un > /dev/null && echo known'; echo one > work/one; t --bind work/one:/etc/localtime links.sif cat /etc/localtime
      """
    ) { text, _ in
      #expect(
        text == "zone of the image\nhosts of the image\nroot:x:0:0:it:/root:/bin/ash\nhost\nknown\none\n",
        "\(text)")
    }
  }

  /// Of two defaults that lead to one place, the first counts; what is requested counts before all defaults.
  @Test(arguments: ["", "--userns", "--writable-tmpfs", "--pid"]) func twoDefaultsInOnePlace(options: String)
    throws
  {
    try both(
      """
      name=$(basename $D); touch work/requested /var/tmp/$name-second
      t \(options) links.sif sh -c "ls -d /tmp/$name /var/tmp/$name; ls /tmp/$name-second 2> /dev/null"
      t --contain \(options) links.sif sh -c 'grep -cE " (/var)?/tmp " /proc/self/mountinfo; ls /dev/null'
      t \(options) --bind work:/var/tmp links.sif ls /tmp; rm -f /var/tmp/$name-second
      """
    ) { text, _ in
      #expect(text.hasPrefix("D\n/varD\n1\n/dev/null\n"), "\(text)")
      #expect(text.hasSuffix("requested\n") || text.contains("\nrequested\n"), "\(text)")
    }
  }

  /// Binds in any order, also by other names of the same place.
  @Test func bindsByDepth() throws {
    try both(
      """
      mkdir -p work/p/c/d work/q work/r; echo p > work/p/f; echo q > work/q/f; echo r > work/r/f; p=$D/work/p q=$D/work/q r=$D/work/r
      t -B $q:/data/c -B $p:/data links.sif cat /data/f /data/c/f
      t -B $r:/data/c/d,$q:/data/c,$p:/data links.sif true 2>&1 | grep -c 'in what is bound above'
      t -B $q:/link/c -B $p:/data links.sif cat /link/f /data/c/f; t -B $q:/data/c -B $p:/link links.sif cat /data/f /link/c/f
      t -C -B $q:/tmp/a/b -B $p:/tmp/a links.sif true | grep -c 'in what is bound above'; t -C -B $q:/tmp/a/b links.sif cat /tmp/a/b/f
      t -B $p:/data -B $q:/data links.sif cat /data/f; t --underlay -B $q:/new/c -B $p:/new plain.sif cat /new/f /new/c/f
      """
    ) { text, _ in #expect(text == "p\nq\n1\np\nq\np\nq\n1\nq\nq\np\nq\n", "\(text)") }
  }

  /// The path by which the shell knows the working directory, and the kernel's.
  @Test(arguments: ["", "--pid", "--userns", "--writable-tmpfs", "--underlay"]) func logicalPath(
    options: String
  ) throws {
    try both(
      """
      place=/mnt/$(basename $D)-$(id -u); mkdir -p work/real/job; echo here > work/real/job/f
      ln -sfn $D/work/real work/short; cd work/short/job; t \(options) $D/links.sif sh -c 'cat "$PWD/f"; pwd; cat f'
      PWD=/etc t \(options) $D/links.sif sh -c 'cat f'; PWD=../job t \(options) $D/links.sif cat f
      """
    ) { text, _ in #expect(text == "here\nD/work/short/job\nhere\nhere\nhere\n", "\(text)") }
    // Outside of everything that is shown anyway, also where the image has a link of that name.
    let answer = try Tool.run([
      "unshare", "-m", "sh", "-c",
      """
      set -e; cd \(fixture.directory.path); mkdir -p work/far/job; echo far > work/far/job/f; mount -t tmpfs x /srv; mount -t tmpfs y /mnt
      mkdir -p /srv/real/job /mnt/data; echo far > /srv/real/job/f; ln -s /srv/real /mnt/link; mkdir /mnt/x; cd /mnt/link/job
      PWD=/mnt/link/job \(Fixture.siftool) exec \(options) \(fixture.directory.path)/links.sif sh -c 'cat $PWD/f /srv/real/job/f; pwd'
      """,
    ])
    #expect(answer.text == "far\nfar\n/mnt/link/job\n", "\(answer.text) \(answer.errors)")
  }

  /// A working directory that the container has not is named, with the reason.
  @Test(arguments: ["", "--pid", "--userns"]) func missingDirectory(options: String) throws {
    try both(
      """
      cd /usr/share; t \(options) $D/plain.sif pwd | tail -n 2; mkdir $D/work/gone; cd $D/work/gone; rmdir $D/work/gone
      t \(options) $D/plain.sif pwd | tail -n 2; cd $D; t \(options) --pwd / plain.sif pwd; t -c plain.sif sh -c 'cd; echo $OLDPWD'
      """
    ) { text, isRoot in
      let home = isRoot ? "/root" : "/"
      #expect(
        text == """
          siftool: the working directory /usr/share does not exist in the container: the program starts in \(home)
          \(home)
          siftool: the working directory was removed: the program starts in \(home)
          \(home)
          /
          \(isRoot ? "/root" : "/nonexistent")

          """, "\(text)")
    }
    let closed = try fixture.ordinary(
      "siftool exec \(options) plain.sif pwd 2>&1",
      devices: """
        cd \(fixture.directory.path); mount --bind fuse-device /dev/fuse; mount -t tmpfs x /srv; mkdir -p /srv/closed/in
        """)
    #expect(closed.status == 0, "\(closed.text)")
    let inside = try Tool.run([
      "unshare", "-m", "sh", "-c",
      """
      cd \(fixture.directory.path); mount --bind fuse-device /dev/fuse; mount -t tmpfs x /srv; mkdir -p /srv/closed/in; chmod 700 /srv/closed
      cd /srv/closed/in; exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
        \(fixture.directory.path)/siftool exec \(options) \(fixture.directory.path)/plain.sif pwd
      """,
    ])
    #expect(
      inside.text == "/\n"
        && inside.errors.contains("/srv/closed/in cannot be shown in the container (Permission denied)"),
      "\(inside.text) \(inside.errors)")
  }

  /// Neither the working directory nor a home lies over the image's own programs and libraries.
  @Test(arguments: ["", "--userns", "--writable-tmpfs"]) func ownPrograms(options: String) throws {
    try both(
      """
      for d in /bin /usr/bin /lib /usr/lib /usr/share /etc; do cd $d; t \(options) $D/links.sif cat /usr/bin/own /usr/lib/own; done 2>&1 | sort | uniq -c | tr -s ' '
      cd /usr/bin; t \(options) $D/links.sif sh -c 'pwd; ls'
      """
    ) { text, _ in #expect(text.contains(" 12 own\n") && text.hasSuffix("/usr/bin\nown\n"), "\(text)") }
    for options in [options, "-c \(options)"] {
      let home = try fixture.ordinary("siftool exec \(options) links.sif cat /usr/bin/own", home: "/usr/bin")
      #expect(home.text == "own\n", "\(home.text) \(home.errors)")
    }
  }

  /// What the container is made of has the modes of the image; what the program makes has those of the caller.
  @Test(arguments: ["", "--overlay work/new", "--writable-tmpfs", "--contain", "--fakeroot", "--underlay"])
  func umask(options: String) throws {
    try both(
      """
      look() { echo 'umask; stat -c "%a %n" / /etc /data /data/x /etc/passwd /etc/hosts; rm -f /tmp/'$1'; touch /tmp/'$1'; stat -c %a /tmp/'$1; }
      for mask in 077 027; do (umask $mask; rm -rf work/new; mkdir -m 700 work/new
        t \(options) --bind work:/data/x/y links.sif sh -c "$(look $(basename $D)-$(id -u))"); done
      rm -rf work/new
      """
    ) { text, _ in
      let hosts = (try? Tool.run(["stat", "-Lc", "%a", "/etc/hosts"]).text.dropLast()) ?? ""
      func expected(_ mask: String, _ mode: String) -> String {
        "\(mask)\n755 /\n755 /etc\n711 /data\n755 /data/x\n644 /etc/passwd\n\(hosts) /etc/hosts\n\(mode)\n"
      }
      let lines = text.split(separator: "\n").filter { !$0.contains("no range of users") }.map { "\($0)\n" }
      #expect(lines.joined() == expected("0077", "600") + expected("0027", "640"), "\(text)")
    }
  }

  /// What the host mounts later in a directory that is shown read-only stays out: it could be written to.
  @Test(arguments: [("", "rw"), ("", "ro"), ("--userns", "ro"), ("--containall", "ro")])
  func laterMounts(options: String, mode: String) throws {
    let answer = try Tool.run([
      "timeout", "300", "unshare", "-m", "bash", "-c",
      """
      cd \(fixture.directory.path); mount --make-rshared /; mkdir shown said; mount -t tmpfs x shown; mkdir shown/later; mkfifo said/go said/ready
      \(Fixture.siftool) exec \(options) -B $PWD/shown:/data:\(mode) -B $PWD/said:/srv links.sif sh -c '
        echo > /srv/ready; read x < /srv/go; ls /data/later; touch /data/later/new 2> /dev/null && echo written' &
      read x < said/ready; mount -t tmpfs y shown/later; touch shown/later/auto; echo > said/go; wait; umount shown/later shown
      """,
    ])
    #expect(answer.text == (mode == "rw" ? "auto\nwritten\n" : ""), "\(answer.text) \(answer.errors)")
  }

  /// A contained program starts in the home, or without one in the root.
  @Test func contained() throws {
    try both(
      """
      for o in -c -C '--contain --userns' '-c --writable-tmpfs'; do t $o links.sif sh -c '[ "$(pwd)" = "$HOME" ] && echo home'; done
      for o in -c -C; do t $o --no-home links.sif sh -c 'pwd; grep -c " $HOME " /proc/self/mountinfo'; done
      """, home: "/nonexistent"
    ) { text, _ in #expect(text == "home\nhome\nhome\nhome\n/\n0\n/\n0\n", "\(text)") }
  }
}
