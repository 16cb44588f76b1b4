import TestSupport
import Testing

/// What root keeps in a container, and as whom the program runs.
@Suite struct PrivilegeTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    let made = try fixture.root(
      """
      set -e; umask 022; mkdir -p etc/singularity
      for file in passwd group nsswitch.conf ld.so.cache localtime hosts resolv.conf; do [ ! -e /etc/$file ] || cp /etc/$file etc/; done
      echo 'activated = false' > etc/singularity/ecl.toml; chown -R 0:0 etc
      """)
    try #require(made.status == 0, "\(made.errors)")
  }

  /// Runs a script as root under a configuration.
  private func root(_ configuration: String, _ script: String) throws -> ToolAnswer {
    try fixture.directory.write("etc/singularity/singularity.conf", "mount sys = yes\n\(configuration)\n")
    try fixture.directory.write(
      "script",
      """
      all=$(grep CapEff /proc/self/status | cut -f 2)
      sets() { siftool exec "$@" plain.sif grep -E '^Cap' /proc/self/status | cut -f 2 | sort -u | sed "s/^$all$/all/"; }
      \(script)
      """)
    return try fixture.root("exec unshare -m sh -c 'mount --bind etc /etc && exec sh script'")
  }

  /// All five sets of the program are the same; capsh knows the names of what is in them.
  @Test func whatRootKeeps() throws {
    for (configuration, script, expected) in [
      ("", "sets", "0000000000000000\n"), ("", "sets --keep-privs", "all\n"),
      ("", "sets --keep-privs --drop-caps all --add-caps kill", "0000000000000000\n"),
      ("", "sets --no-privs --add-caps kill,chown --drop-caps chown", "0000000000000020\n"),
      ("root default capabilities = full", "sets; sets --no-privs", "all\n0000000000000000\n"),
      (
        "root default capabilities = full", "sets --userns; sets --security uid:1",
        "0000000000000000\n0000000000000000\n"
      ),
      ("root default capabilities = no", "sets; sets --keep-privs", "0000000000000000\nall\n"),
      ("root default capabilities = file", "sets", "0000000000000000\n"),
      (
        "root default capabilities = file",
        "siftool capability add -q -u root net_raw,kill; siftool capability add -q -g root chown; sets; sets --drop-caps kill",
        "0000000000002021\n0000000000002001\n"
      ),
      ("root default capabilities = file", "echo x > /etc/singularity/capability.json; sets", ""),
      ("root default capabilities = most", "sets", ""),
      ("root default capabilities =", "sets", "0000000000000000\n"),
    ] {
      _ = try fixture.root("rm -f etc/singularity/capability.json")
      let answer = try root(configuration, script)
      #expect(answer.text == expected, "\(configuration) \(script): \(answer.text) \(answer.errors)")
    }
    let names = try root(
      "",
      "siftool exec --keep-privs --drop-caps net_raw plain.sif grep CapEff /proc/self/status | cut -f 2 | xargs -I X capsh --decode=X"
    )
    #expect(
      names.text.contains("cap_chown") && !names.text.contains("cap_net_raw"), "\(names.text) \(names.errors)"
    )
  }

  @Test func onlyForRoot() throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" plain.sif true; echo $?; }
      t --keep-privs; t --no-privs; t --allow-setuid --add-caps all; t --security uid:1; t --security gid:1; t --fakeroot --keep-privs
      """)
    #expect(answer.text == "7\n7\n7\n7\n7\n7\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.split(separator: "\n").allSatisfy {
        $0.contains("only root can ask for that: ") || $0.contains("subuid")
      })
  }

  @Test func wrongCommandLines() throws {
    let answer = try fixture.root(
      """
      t() { siftool exec "$@" plain.sif true; echo $?; }
      t --keep-privs --no-privs; t --security uid:; t --security uid:x; t --security uid:-1; t --security uid:4294967295
      t --security gid:1:; t --security gid:1:x; t --security uid:1 --security uid:2; t --security gid:1 --security gid:2
      t --security apparmor:; t --security 'selinux:a b'; t --security apparmor:a --security selinux:b; t --security ''; t --security x:y
      t --userns --security uid:1; t --fakeroot --security gid:1; t --userns --allow-setuid; t --allow-setuid
      """)
    #expect(
      answer.text == String(repeating: "64\n", count: 17) + "7\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("; --keep-privs and --add-caps SYS_ADMIN keep it\n"), "\(answer.errors)")
    // No kernel that tests run on has these switched on.
    let labels = try fixture.root(
      "for l in apparmor:x selinux:a:b:c; do siftool exec --security $l plain.sif true; echo $?; done")
    #expect(
      labels.text == "7\n7\n" && labels.errors.contains("the kernel has no AppArmor")
        && labels.errors.contains("the kernel has no SELinux"), "\(labels.text) \(labels.errors)")
  }

  @Test(arguments: ["", "--fuse", "--pid", "--contain"]) func otherUsers(options: String) throws {
    let answer = try fixture.root(
      """
      t() { siftool exec \(options) --pwd / "$@"; }
      t --security uid:65534 plain.sif sh -c 'id -u; id -g; id -G; grep ^Cap /proc/self/status | cut -f 2 | sort -u
        touch /bin/x 2>/dev/null || echo no; head -c 1 /etc/shadow 2>/dev/null | wc -c; id -un; kill -0 1 2>/dev/null || echo closed'
      t --security uid:1 --security gid:5:7:9 --add-caps kill app.sif sh -c 'id -u; id -g; id -G; grep CapEff /proc/self/status'
      t --security gid:5 plain.sif sh -c 'id -u; id -g; id -G'; t --security uid:0 plain.sif id -u
      t --security uid:2 app.sif run-nothing; echo $?
      """)
    let closed = options == "--pid" ? "" : "closed\n"
    let shared = answer.text.replacing("closed\n", with: "")
    #expect(
      shared == """
        65534
        0
        0
        0000000000000000
        no
        0
        nobody
        1
        5
        5 7 9
        CapEff:\t0000000000000020
        0
        5
        5
        0
        127

        """, "\(answer.text) \(answer.errors)")
    #expect(closed.isEmpty || answer.text.contains(closed), "\(answer.text)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// A service of another user: others join it, and nothing is left when it is killed.
  @Test func instances() throws {
    let answer = try fixture.root(
      """
      siftool instance start --security uid:65534 --pwd / app.sif one; siftool exec --pwd / instance://one id -u
      siftool exec --pwd / --security uid:2 --security gid:3 instance://one sh -c 'id -u; id -G'
      siftool instance stop -F one; siftool exec --pid --security uid:65534 --pwd / plain.sif sleep 300 & sleep 1; kill -9 $!
      """)
    #expect(answer.text == "0\n2\n3\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// A set-user-id program of the image becomes its owner where that is asked for, and nowhere else.
  @Test(arguments: ["", "--fuse", "--writable-tmpfs"]) func setUserIDs(options: String) throws {
    try Shell.check(
      """
      gcc -static -o rootfs/bin/who \(Fixture.script("who.c")); chown 7:7 rootfs/bin/who; chmod 4755 rootfs/bin/who
      install -m 755 -d bound; cp -p rootfs/bin/who bound/who; siftool pack rootfs set.sif --plain --arch amd64
      """, in: fixture.directory)
    let answer = try fixture.root(
      """
      for privileges in "--keep-privs --allow-setuid" "--add-caps SYS_ADMIN --allow-setuid" --keep-privs ""; do
        siftool exec \(options) $privileges --bind bound:/mnt/bound set.sif sh -c '/bin/who; /mnt/bound/who; grep NoNew /proc/self/status'
      done
      """)
    let not = "0 0\n0 0\nNoNewPrivs:\t1\n"
    let may = "0 7\n0 0\nNoNewPrivs:\t0\n"
    #expect(answer.text == may + may + not + not, "\(answer.text) \(answer.errors)")
  }
}
