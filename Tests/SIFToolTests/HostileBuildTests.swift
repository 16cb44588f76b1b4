import Glibc
import TestSupport
import Testing

/// `build` with scripts that ask for what the kernel refuses, or that leave what nobody wants.
@Suite(.serialized) struct HostileBuildTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  enum User: String, CaseIterable {
    case root, nobody, mapped
  }

  /// Writes a definition over busybox, with a script.
  private func define(_ script: String) throws {
    try directory.write(
      "a.def",
      """
      Bootstrap: scratch
      %setup
          mkdir -p $SINGULARITY_ROOTFS/bin; cp /bin/busybox $SINGULARITY_ROOTFS/bin/busybox
          /bin/busybox --list | while read name; do
              [ $name = busybox ] || ln -s busybox $SINGULARITY_ROOTFS/bin/$name; done
      %post
      \(script)

      """)
  }

  /// Builds it, and runs a command afterwards.
  private func build(_ script: String, as user: User = .nobody, then: String = ":") throws -> ToolAnswer {
    try define(script)
    let command = """
      mkdir -p tmp; export TMPDIR=$PWD/tmp; code=0; siftool build -q a.sif a.def || code=$?; echo code $code; \(then); ls -A tmp
      """
    switch user {
    case .root: return try Shell.run(command, in: directory)
    case .mapped:
      return try Shell.run("unshare -Ur sh -c '\(command)'", in: directory)
    case .nobody:
      return try ordinary(command)
    }
  }

  /// Runs a script as nobody, who may write in the directory.
  private func ordinary(_ script: String) throws -> ToolAnswer {
    let path = directory.path
    return try OrdinaryUser.run(
      script, in: directory,
      devices: "mount --bind \(path)/fuse-device /dev/fuse; chmod 777 \(path); chmod -f a+r \(path)/a.def")
  }

  @Test(arguments: User.allCases) func ownersDevicesAndAttributesAreInTheImage(user: User) throws {
    let answer = try build(
      """
          mkdir -p /o/d /etc; touch /o/f /o/g /o/s; ln -s f /o/l
          chown -R 101:102 /o/d; chown 7:8 /o/f; chown -h 33:34 /o/l; chown 5:8 /o/l
          (cd /o; chown :9 g; chown 70000 ../o/s); chmod 4755 /o/s
          mknod -m 640 /o/null c 1 3; mknod /o/disk b 8 1; chown 0:6 /o/disk; mv /o/g /o/moved
          touch /o/gone; chown 44:44 /o/gone; rm /o/gone; touch /o/new; chmod 000 /o/new
          touch /etc/shadow; chown 0:42 /etc/shadow; touch /etc/shadow+; chown 0:0 /etc/shadow+; mv /etc/shadow+ /etc/shadow
      """, as: user,
      then:
        "siftool ls -lR a.sif /o | tr -s \" \" | cut -d\" \" -f1,3,4,7- | sort; siftool ls -l a.sif /etc/shadow | tr -s \" \""
    )
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    for text in [
      "code 0\n", "drwxrwxr-x 101 102", "-rw-rw-r-- 5 8", "lrwxrwxrwx 33 34", "-rw-rw-r-- 0 9",
      "-rwsr-xr-x 70000 0",
      "crw-r----- 0 0", "brw-rw-r-- 0 6", "---------- 0 0",
    ] {
      #expect(answer.text.contains(text), "\(text): \(answer.text) \(answer.errors)")
    }
    // Root's useradd sees the real group, and sets it.
    if user != .root { #expect(answer.text.contains(" 0 42 "), "\(answer.text)") }
  }

  /// What a script leaves, does to its surroundings, or takes away; with the exit code of the build.
  @Test(arguments: [
    ("sleep 4711 & setsid sleep 4711 & exit 0", 0),
    ("kill -9 $PPID; kill -9 1; true", 0),
    ("rm -rf /bin", 0),
    ("mkdir -p /a/b; touch /a/b/c; chmod 0 /a/b/c /a/b /a; exit 3", 1),
    ("dd if=/dev/zero bs=1M count=300 2>/dev/null; exit 0", 0),
    ("i=0; while [ $i -lt 300 ]; do sleep 4711 & i=$((i+1)); done; exit 0", 0),
    ("date -s 2001-01-01 || true; [ $(date +%Y) -gt 2001 ]", 0),
    ("set +e; touch /i; chattr +i /i; exit 0", 0),
    ("touch /tmp/x /var/tmp/x; rm -rf /tmp/* /var/tmp/*", 0),
  ]) func nothingStays(script: String, code: Int) throws {
    let answer = try build("    \(script)", then: "ps ax | grep -c \"[s]leep 4711\"")
    #expect(answer.text == "code \(code)\n0\n", "\(answer.text) \(answer.errors.suffix(500))")
  }

  @Test func aFullDiskIsNamed() throws {
    let answer = try OrdinaryUser.run(
      """
      export TMPDIR=$PWD/small; code=0
      printf 'Bootstrap: scratch\\n%%setup\\n cat /dev/zero > $SINGULARITY_ROOTFS/fill\\n' > a.def
      siftool build -q a.sif a.def || echo $?; ls -A small
      """, in: directory,
      devices:
        "chmod 777 \(directory.path); mkdir \(directory.path)/small; mount -t tmpfs -o size=8m,mode=777 none \(directory.path)/small"
    )
    #expect(answer.text == "1\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("no space is left in \(directory.path)/small"), "\(answer.errors)")
  }

  @Test func unsuitablePlacesAreNamed() throws {
    let answer = try OrdinaryUser.run(
      """
      printf 'Bootstrap: scratch\\n' > a.def; siftool build -q --tmpdir $PWD/place a.sif a.def || echo $?; ls -A place
      """, in: directory,
      devices:
        "chmod 777 \(directory.path); mkdir \(directory.path)/place; mount -t tmpfs -o noexec,mode=777 none \(directory.path)/place"
    )
    #expect(answer.text.hasSuffix("\n") && !answer.text.contains("siftool-build"), "\(answer.text)")
    #expect(
      answer.errors.contains("\(directory.path)/place cannot hold a build")
        && answer.errors.contains("noexec"),
      "\(answer.errors)")
  }

  @Test(arguments: ["KILL", "TERM"]) func nothingStaysOfABuildThatIsEnded(signal: String) throws {
    try define("    touch /started; sleep 4712")
    let answer = try ordinary(
      """
      mkdir -p tmp; export TMPDIR=$PWD/tmp; siftool build -q b.sif a.def & pid=$!
      while ! ls tmp/*/*/started >/dev/null 2>&1; do sleep 0.05; done
      kill -\(signal) $pid; wait $pid; i=0
      while [ -n "$(ls -A tmp)" ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done
      ps ax | grep -c "[s]leep 4712"; ls -A tmp; ls *.sif 2> /dev/null
      """)
    #expect(answer.text == "0\n", "\(answer.text) \(answer.errors)")
  }
}
