import TestSupport
import Testing

/// `config fakeroot` and `capability`, in a mount namespace with an `/etc` of its own.
@Suite struct AdministrationTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    let made = try fixture.root(
      """
      set -e; umask 022; mkdir -p etc/singularity
      for file in passwd group nsswitch.conf ld.so.cache localtime hosts resolv.conf; do [ ! -e /etc/$file ] || cp /etc/$file etc/; done
      echo 'activated = false' > etc/singularity/ecl.toml; echo 'mount dev = yes' > etc/singularity/singularity.conf
      chown -R 0:0 etc
      """)
    try #require(made.status == 0, "\(made.errors)")
  }

  private func root(_ script: String) throws -> ToolAnswer {
    try fixture.directory.write("script", script)
    return try fixture.root("exec unshare -m sh -c 'mount --bind etc /etc && exec sh script'")
  }

  private func ordinary(_ script: String) throws -> ToolAnswer {
    try fixture.ordinary(
      script,
      devices:
        "cd \(fixture.directory.path); mount --bind fuse-device /dev/fuse; mount --bind etc /etc")
  }

  // MARK: config fakeroot

  @Test func rangesComeAndGo() throws {
    let answer = try root(
      """
      c() { siftool config fakeroot "$@"; echo $?; }
      printf '# ours\\nother:4294836224:65536\\nbroken' > /etc/subuid
      c --add nobody; cat /etc/subuid /etc/subgid; c -a nobody; c --disable nobody; c -d nobody; cat /etc/subuid
      c --enable nobody; c -e nobody; tail -n 1 /etc/subuid; c --remove nobody; cat /etc/subuid /etc/subgid; c -r nobody
      stat -c '%a %u' /etc/subgid; ls -a /etc | grep -E 'lock|sif-|subuid'
      """)
    let uid = "65534"
    #expect(
      answer.text == """
        0
        # ours
        other:4294836224:65536
        broken
        \(uid):4294770688:65536
        \(uid):4294836224:65536
        0
        0
        0
        # ours
        other:4294836224:65536
        broken
        !\(uid):4294770688:65536
        0
        0
        \(uid):4294770688:65536
        0
        # ours
        other:4294836224:65536
        broken
        1
        644 0
        subuid

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors == "siftool: /etc/subuid has no range for nobody\n", "\(answer.errors)")
  }

  /// newuidmap maps what was added.
  @Test func theRangeIsMapped() throws {
    #expect(try root("siftool config fakeroot --add nobody").status == 0)
    let answer = try ordinary("siftool exec --fakeroot plain.sif cat /proc/self/uid_map | tr -s ' '")
    #expect(answer.text == " 0 65534 1\n 1 4294836224 65536\n", "\(answer.text) \(answer.errors)")
    #expect(try root("siftool config fakeroot --disable nobody").status == 0)
    let off = try ordinary("siftool exec --fakeroot plain.sif cat /proc/self/uid_map | tr -s ' '")
    #expect(off.text == " 0 65534 1\n", "\(off.text) \(off.errors)")
  }

  @Test func severalAtOnce() throws {
    let answer = try root(
      """
      for i in 1 2 3 4 5 6 7 8; do echo "u$i:x:300$i:300$i::/:/bin/sh" >> /etc/passwd; done
      for i in 1 2 3 4 5 6 7 8; do siftool config fakeroot --add u$i & siftool config fakeroot --add u$i & done; wait
      sort -u /etc/subuid | wc -l; cut -d: -f 1 /etc/subuid | sort -u | wc -l; cut -d: -f 2 /etc/subgid | sort -u | wc -l
      wc -l < /etc/subuid; ls /etc | grep -c lock
      """)
    #expect(answer.text == "8\n8\n8\n8\n0\n", "\(answer.text) \(answer.errors)")
  }

  @Test func locksOfOthers() throws {
    let answer = try root(
      """
      c() { siftool config fakeroot "$@"; echo $?; }
      sh -c 'printf "%d\\0" $$' > /etc/subuid.lock; c --add nobody; ls /etc | grep -c lock
      echo nonsense > /etc/subgid.lock; c --remove nobody; cat /etc/subgid.lock; wc -l < /etc/subuid
      rm /etc/subgid.lock; ln -s /etc/passwd /etc/subuid.lock; c --remove nobody; grep -c root /etc/passwd
      """)
    #expect(
      answer.text.hasPrefix("0\n0\n7\nnonsense\n1\n7\n"), "\(answer.text) \(answer.errors)")
  }

  @Test func filesThatAreNotToBeTrusted() throws {
    for (script, reason) in [
      ("ln -s /etc/passwd /etc/subuid", "/etc/subuid is a symbolic link"),
      ("touch /etc/subuid; chmod 666 /etc/subuid", "/etc/subuid can be written by users other than root"),
      ("touch /etc/subgid; chown 65534 /etc/subgid", "/etc/subgid belongs to user 65534"),
      ("mkfifo /etc/subgid", "/etc/subgid is not a regular file"),
      ("truncate -s 20M /etc/subuid", "/etc/subuid is longer than 16777216 bytes"),
      ("echo 'x:0:4294967295' > /etc/subuid", "/etc/subuid has no room"),
    ] {
      let answer = try root(
        """
        rm -f /etc/subuid /etc/subgid; \(script); cp /etc/passwd before; siftool config fakeroot --add nobody; echo $?
        cmp before /etc/passwd && [ ! -s /etc/subgid ] && ls /etc | grep -c lock
        """)
      #expect(
        answer.text == (reason.contains("room") ? "1\n0\n" : "7\n0\n"),
        "\(script): \(answer.text) \(answer.errors)")
      #expect(answer.errors.contains(reason), "\(answer.errors)")
    }
    let many = try root(
      "rm -f /etc/sub*id; yes 'someone:100000:65536' | head -n 100000 > /etc/subuid; siftool config fakeroot --add nobody; tail -n 1 /etc/subuid"
    )
    #expect(many.text == "65534:4294836224:65536\n", "\(many.text) \(many.errors)")
  }

  @Test func wrongCommandLines() throws {
    let answer = try root(
      """
      c() { siftool config fakeroot "$@"; echo $?; }
      c --add nosuchuser; c --add ''; c nobody; c --add --remove nobody; c --add; c --add nobody nobody; ls /etc | grep -c sub
      """)
    #expect(answer.text == "64\n64\n64\n64\n64\n64\n0\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("there is no user nosuchuser"), "\(answer.errors)")
    let ordinary = try ordinary("siftool config fakeroot --add nobody; echo $?")
    #expect(ordinary.text == "7\n" && ordinary.errors.contains("only root may"), "\(ordinary.errors)")
  }

  // MARK: capability

  private static let written = """
    {
    \t"users": {
    \t\t"nobody": [
    \t\t\t"CAP_DAC_OVERRIDE",
    \t\t\t"CAP_NET_RAW"
    \t\t]
    \t},
    \t"groups": {
    \t\t"daemon": [
    \t\t\t"CAP_NET_BIND_SERVICE"
    \t\t]
    \t}
    }
    """

  @Test func grantsAsJSON() throws {
    let answer = try root("siftool capability add -u nobody CAP_NET_RAW; siftool capability list --json")
    #expect(answer.text.contains("\"CAP_NET_RAW\""), "\(answer.text) \(answer.errors)")
    #expect(try JSONSchema.faults(of: answer.output, schema: "capability-list") == "")
  }

  @Test func grantsComeAndGo() throws {
    let answer = try root(
      """
      c() { siftool capability "$@"; echo $?; }
      c list; siftool caps add -u nobody CAP_NET_RAW,dac_override; echo $?; c add --group daemon net_bind_service; c list; c list daemon; c list x
      cat /etc/singularity/capability.json; stat -c '\n%a %u' /etc/singularity/capability.json
      c drop -u nobody all; c drop -u nobody all; c drop -g daemon CAP_NET_RAW; c drop -g daemon net_bind_service; c list
      cat /etc/singularity/capability.json; ls /etc/singularity | wc -l
      """)
    #expect(
      answer.text == """
        1
        0
        0
        nobody [user]: CAP_DAC_OVERRIDE,CAP_NET_RAW
        daemon [group]: CAP_NET_BIND_SERVICE
        0
        daemon [group]: CAP_NET_BIND_SERVICE
        0
        1
        \(Self.written)
        644 0
        0
        1
        0
        0
        1
        {}3

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("warning: a runtime with a set-user-id starter"), "\(answer.errors)")
  }

  @Test func severalGrantsAtOnce() throws {
    let answer = try root(
      """
      rm -r /etc/singularity; for one in chown kill bpf net_raw syslog lease; do siftool capability add -q -u root $one & done; wait
      siftool capability list | tr ',' '\\n' | wc -l; python3 -m json.tool /etc/singularity/capability.json > /dev/null; echo $?
      """)
    #expect(answer.text == "6\n0\n", "\(answer.text) \(answer.errors)")
  }

  @Test func whatTheyAre() throws {
    let all = try Siftool.check("capability", "avail").text.split(separator: "\n")
    // The kernel's own list of names, by way of libcap.
    let known = try Shell.check("capsh --explain=all 2>/dev/null || true; capsh --decode=000001ffffffffff")
      .text
    for line in all {
      let name = line.prefix { $0 != ":" }.lowercased()
      #expect(known.contains(name) && line.count > 30, "\(line)")
    }
    #expect(all.count == 41)
    #expect(
      try Siftool.check("capability", "avail", "net_raw").text.hasPrefix("CAP_NET_RAW:           use raw"))
    #expect(try Siftool.run("capability", "avail", "nonsense").status == 64)
  }

  @Test func filesOfGrantsThatAreNotToBeTrusted() throws {
    for (script, reason) in [
      ("echo '{' > F", "is malformed (it is not JSON"),
      ("echo '[]' > F", "is malformed (it is not a JSON object"),
      ("echo '{\"users\":{\"root\":\"all\"}}' > F", "is malformed"),
      ("ln -s /etc/passwd F", "is a symbolic link"), ("touch F; chown 65534 F", "belongs to user 65534"),
      ("touch F; chmod 664 F", "can be written by users other than root"),
      ("mkfifo F", "is not a regular file"),
      ("truncate -s 2M F", "is longer than 1048576 bytes"), ("mkdir F", "is not a regular file"),
    ] {
      let answer = try root(
        """
        cd /etc/singularity; rm -rf capability.json; \(script.replacing("F", with: "capability.json"))
        [ ! -f capability.json ] || cp capability.json before; cp /etc/passwd users
        siftool capability add -u root kill; echo $?; siftool capability list; echo $?
        [ ! -f capability.json ] || cmp before capability.json; cmp users /etc/passwd; rm -f before users; ls | grep lock
        rm -rf capability.json
        """)
      #expect(answer.text == "7\n7\n", "\(script) \(answer.text) \(answer.errors)")
      #expect(
        answer.errors.contains("siftool: /etc/singularity/capability.json \(reason)")
          && answer.errors.contains(": nothing was changed"), "\(answer.errors)")
    }
  }

  @Test func wrongGrants() throws {
    let answer = try root(
      """
      c() { siftool capability "$@"; echo $?; }
      c add -u nosuchuser kill; c add -g nosuchgroup kill; c add kill; c add -u root -g root kill; c add -u root CAP_NOSUCH
      c add -u '' kill; c add -u root ''; c add -u root; c drop -u nosuchuser kill; c add -u root -u root kill
      ls /etc/singularity | grep -c capability
      """)
    #expect(
      answer.text == "64\n64\n64\n64\n64\n64\n64\n64\n64\n64\n0\n", "\(answer.text) \(answer.errors)")
    let ordinary = try ordinary(
      "siftool capability add -u nobody kill; echo $?; siftool capability list; echo $?")
    #expect(ordinary.text == "7\n1\n" && ordinary.errors.contains("only root may"), "\(ordinary.errors)")
  }
}
