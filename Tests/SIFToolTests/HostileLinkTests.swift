import TestSupport
import Testing

/// Images whose links lead out of the container, at every path that the tool looks at before the program starts.
@Suite struct HostileLinkTests {
  /// None of them reads or changes a directory of the host, in any mode.
  @Test(arguments: [0, 65534]) func linksEverywhere(user: Int) throws {
    let directory = try Scratch()
    let canary = "/mnt/\(directory.path.dropFirst(5))"
    defer { _ = try? Tool.run(["rm", "-rf", canary]) }
    let answer = try Tool.run([
      "timeout", "3600", "unshare", "-m", "sh", "-c",
      """
      chmod 755 \(directory.path); cd \(directory.path); mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse
      install -m 755 \(Fixture.siftool) siftool
      exec \(Fixture.root)/Tests/Scripts/hostile-links.sh $PWD/siftool $PWD \(canary) \(user)
      """,
    ])
    // 9 links, 41 modes and two images for them, and descriptors by their numbers.
    #expect(answer.text.hasSuffix(" runs\n") && answer.text.count { $0 == "\n" } == 1, "\(answer.text)")
    let runs = answer.text.split(separator: "\n").last.flatMap { Int($0.prefix { $0 != " " }) } ?? 0
    #expect(runs > 2000, "\(answer.text) \(answer.errors)")
  }
}

/// What else of the caller's a program does not get: keys of the kernel, and the image's file by another way.
@Suite struct CallersBelongingsTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The session keyring is an empty one, and nobody gets at the user's keys by another way.
  @Test(arguments: [false, true]) func keys(isRoot: Bool) throws {
    try Tool.check([
      "sh", "-c",
      """
      cd \(fixture.directory.path); cp /usr/bin/keyctl rootfs/bin/; cp -L --parents /lib64/ld-linux-*.so.* rootfs/
      for library in $(ldd /usr/bin/keyctl | grep -o '/[^ ]*' | sort -u); do cp -L --parents $library rootfs/; done
      \(Fixture.siftool) pack rootfs keys.sif --plain --arch amd64 --quiet; chmod 644 keys.sif
      """,
    ])
    // A session of its own for the whole test, with one key in it and one in the user's keyring.
    let script = """
      cat > inside <<'END'
      keyctl pipe $1 2>&1; keyctl add user new payload @s > /dev/null 2>&1; keyctl show @s 2>&1 | grep -c canary
      keyctl link @u @s > /dev/null 2>&1; keyctl pipe $2 2>&1; keyctl link $3 @s > /dev/null 2>&1; keyctl pipe $2 2>&1
      END
      cat > outside <<'END'
      session=$(keyctl add user canary-session word-session @s); user=$(keyctl add user canary-user-$$ word-user @u)
      ring=$(keyctl show @u | grep -o '^ *[0-9]*' | head -n 1)
      for options in "" --pid --contain --containall --userns --fakeroot; do
        siftool exec $options --bind $PWD:/there keys.sif sh /there/inside $session $user $ring
        keyctl show @s | grep -c ' new$'
      done
      echo kept; siftool exec --containall --keep-keyring --bind $PWD:/there keys.sif sh /there/inside $session $user $ring
      keyctl unlink $user @u
      END
      keyctl session - sh outside
      """
    let answer =
      isRoot
      ? try fixture.root(script) : try fixture.ordinary("cd work; ln -s ../keys.sif .; \(script)")
    let parts = answer.text.split(separator: "kept\n")
    try #require(parts.count == 2, "\(answer.text) \(answer.errors)")
    #expect(!parts[0].contains("word-") && !parts[0].contains("1\n"), "\(answer.text)")
    // Outside, nothing was added; inside there were none.
    #expect(parts[0].split(separator: "\n").count { $0 == "0" } == 12, "\(answer.text)")
    #expect(parts[1].contains("word-session"), "\(answer.text)")
  }

  /// A second name of the file may be in a directory that the program can write; another mount of it is seen.
  @Test(arguments: [false, true]) func otherNames(isRoot: Bool) throws {
    let script = """
      cp plain.sif work/app.sif; cd work; mkdir -p links shown
      openssl genpkey -algorithm ed25519 -out key 2> /dev/null; openssl pkey -in key -pubout -out public 2> /dev/null
      siftool sign --key key app.sif > /dev/null; ln app.sif links/again
      siftool exec --verify --key public app.sif true; echo $?
      siftool mount --verify --key public app.sif shown; echo $?
      rm links/again; siftool exec --verify --key public app.sif true; echo $?
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(answer.text == "7\n7\n0\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("app.sif has 2 names (hard links)"), "\(answer.errors)")
  }

  /// The same file beneath another mount of its file system.
  @Test(arguments: ["", "--containall", "--userns"]) func otherMounts(options: String) throws {
    let answer = try Tool.run([
      "unshare", "-m", "sh", "-c",
      """
      cd \(fixture.directory.path); cp plain.sif work/app.sif; mkdir shown; mount --bind work shown; sum=$(sha256sum < work/app.sif)
      \(Fixture.siftool) exec \(options) --bind $PWD/shown:/other --bind $PWD/shown/app.sif:/file work/app.sif sh -c '
        echo x >> /other/app.sif; echo x >> /file; rm -f /other/app.sif; mv /other/app.sif /other/moved' 2>&1 | grep -c .
      [ "$sum" = "$(sha256sum < work/app.sif)" ] && echo same
      """,
    ])
    #expect(answer.text == "4\nsame\n", "\(answer.text) \(answer.errors)")
  }
}
