import TestSupport
import Testing

/// What a container does not get at: other mounts, the image, the server's files, capabilities.
@Suite struct IsolationTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Mounts of the host, made before the program starts and while it runs, are in sight beneath binds alone.
  @Test(arguments: [("", false), ("--contain", false), ("--containall", false), ("--contain", true)])
  func otherMounts(options: String, isRoot: Bool) throws {
    let secret = "/mnt/\(fixture.directory.path.dropFirst(5))"
    let user = isRoot ? "" : "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
    let script = """
      cd \(fixture.directory.path); mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse
      install -m 755 \(Fixture.siftool) siftool; export HOME=/nonexistent
      mount --make-rshared /; mkdir -p \(secret) shown; mount -t tmpfs before \(secret); echo x > \(secret)/before
      mkfifo -m 666 go ready; cd /
      \(user) $OLDPWD/siftool exec \(options) --bind $OLDPWD:/there $OLDPWD/plain.sif sh -c '
        echo > /there/ready; read x < /there/go; cat /proc/self/mountinfo; ls /there/shown; ls -A \(secret)' > $OLDPWD/out 2>&1 &
      read x < $OLDPWD/ready; mkdir -p \(secret)/after; mount -t tmpfs after \(secret)/after
      mount -t tmpfs shown $OLDPWD/shown; touch $OLDPWD/shown/file; echo > $OLDPWD/go; wait $!; cat $OLDPWD/out
      umount $OLDPWD/shown \(secret)/after \(secret); rmdir \(secret)
      """
    let answer = try Tool.run([
      "timeout", "600", "unshare", "-m", "--propagation", "slave", "bash", "-c", script,
    ])
    let lines = answer.text.split(separator: "\n").map(String.init)
    #expect(
      lines.contains("file") && lines.contains { $0.contains(" /there/shown ") },
      "\(answer.text) \(answer.errors)")
    #expect(lines.last?.hasSuffix("No such file or directory") == true, "\(answer.text)")
    let mounts = lines.filter { $0.contains(" - ") }
    #expect(!mounts.contains { $0.contains(secret) || $0.contains("before") || $0.contains("after") })
    guard !options.isEmpty else { return }
    // What there is of the host: processes, devices, and what is bound.
    let places = Set(mounts.compactMap { $0.split(separator: " ").dropFirst(4).first.map(String.init) })
    let own = ["/", "/proc", "/sys", "/dev", "/etc", "/tmp", "/var/tmp", "/nonexistent", "/root", "/there"]
    #expect(
      places.allSatisfy { place in own.contains { place == $0 || ($0 != "/" && place.hasPrefix($0 + "/")) } },
      "\(places.sorted())")
  }

  /// The file that the program runs from cannot be changed through the directories that it sees.
  @Test(arguments: [false, true]) func theImage(isRoot: Bool) throws {
    let script = """
      cp plain.sif work/app.sif; chmod 666 work/app.sif; cd work; sum=$(sha256sum < app.sif); mkdir -p other
      siftool exec --bind $PWD:/again --bind ..:/parent/x app.sif sh -c '
        for f in ./app.sif /again/app.sif /parent/x/work/app.sif; do
          echo x >> $f; rm -f $f; mv $f ${f%/*}/moved; ln $f ${f%/*}/linked; mv other $f; chmod 0 $f; done
        touch new' 2>&1 | grep -vcE "Read-only|busy|Invalid cross-device|Permission denied|overwrite non-directory|Not a directory"
      ls; [ "$sum" = "$(sha256sum < app.sif)" ] && echo same
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(answer.text == "0\napp.sif\nnew\nother\nsame\n", "\(answer.text) \(answer.errors)")
  }

  /// The server of the container, and every other process of the same user outside, are closed to the program.
  @Test(arguments: ["", "--fakeroot", "root --fuse"]) func otherProcesses(how: String) throws {
    let isRoot = how.hasPrefix("root")
    let script = """
      sleep 60 & other=$!
      siftool exec \(isRoot ? how.dropFirst(4) : how[...]) $PWD/plain.sif sh -c '
        all=$(grep -ls "^siftool.*\(fixture.directory.path)/plain.sif" /proc/[0-9]*/cmdline | cut -d/ -f3)
        for p in '$other' $all; do
          { ls /proc/$p/root/; for f in /proc/$p/exe /proc/$p/cwd /proc/$p/fd/*; do readlink $f; head -c 1 $f; done
            head -c 1 /proc/$p/mem; cat /proc/$p/environ; } 2> /dev/null | wc -c
        done; echo $all | wc -w; ls /proc/self/fd | wc -l' 2> errors
      kill $other
      """
    let answer =
      isRoot ? try fixture.root(script) : try fixture.ordinary(script.replacing("2> errors", with: ""))
    let lines = answer.text.split(separator: "\n").map(String.init)
    // The other one and at least the server, then how many there were, and the open files.
    #expect(lines.count >= 4 && lines.dropLast(2).allSatisfy { $0 == "0" }, "\(answer.text) \(answer.errors)")
    #expect((Int(lines.dropLast().last ?? "") ?? 0) >= 1, "\(answer.text)")
  }

  /// Neither file capabilities nor set-id bits, nor a namespace of its own, nor the kernel's settings give any back.
  @Test(arguments: ["", "--pid", "--contain", "--fakeroot"]) func capabilities(options: String) throws {
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(fixture.directory.path); install -m 755 /bin/busybox rootfs/bin/busybox-cap
      setfattr -n security.capability -v 0x0100000200002000000000000000000000000000 rootfs/bin/busybox-cap
      \(Fixture.siftool) pack rootfs caps.sif --plain --arch amd64; chmod 644 caps.sif
      """,
    ])
    let inside = """
      busybox-cap grep -E "^Cap(Prm|Eff|Bnd|Amb|Inh)" /proc/self/status | cut -f2 | sort -u
      unshare -U id -u 2>&1; unshare -Ur id -u 2>&1; echo 9 > /proc/sys/user/max_user_namespaces
      echo "|/x" > /proc/sys/kernel/core_pattern; echo 1 > /sys/kernel/uevent_helper; echo h > /proc/sysrq-trigger
      mount -o remount,rw / 2>&1; umount /proc 2>&1; echo x > /bin/new; mknod /tmp/node-$$ b 7 0 2>&1
      """
    let before = try Tool.run(["cat", "/proc/sys/kernel/core_pattern"]).text
    let answer = try fixture.ordinary(
      "siftool exec \(options) caps.sif sh -c '\(inside)' 2>&1; siftool exec --containall caps.sif su -c 'id -u' 2>&1"
    )
    // What the administrator of a namespace of its own has, and nothing beyond.
    let kept = options == "--fakeroot" ? "00000000800405fb" : "0000000000000000"
    let sets = answer.text.split(separator: "\n").filter { $0.hasPrefix("0000") }
    #expect(sets.map(String.init) == [kept], "\(answer.text)")
    #expect(
      answer.text.split(separator: "\n").filter { $0.hasPrefix("unshare: ") }.count == 2, "\(answer.text)")
    for place in ["core_pattern", "max_user_namespaces", "/bin/new"] {
      #expect(answer.text.contains("can't create") && answer.text.contains(place), "\(place): \(answer.text)")
    }
    // Root inside and outside at once writes the files of root without any capability.
    for isolation in ["", "--userns", "--pid"] {
      let root = try fixture.root(
        "siftool exec \(options) \(isolation) caps.sif sh -c '\(inside.replacing("echo h >", with: ": >>"))' 2>&1; true"
      )
      #expect(
        root.text.contains("can't create /proc/sys/kernel/core_pattern: Read-only file system"),
        "\(root.text)")
      #expect(!root.text.contains("uevent_helper: Permission"), "\(root.text)")
    }
    #expect(try Tool.run(["cat", "/proc/sys/kernel/core_pattern"]).text == before)
  }
}
