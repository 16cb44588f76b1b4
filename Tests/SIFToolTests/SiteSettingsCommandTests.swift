import TestSupport
import Testing

/// The administrators' configuration file and what it does to containers, in a mount namespace with an `/etc` of its own.
@Suite struct SiteSettingsCommandTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    let made = try fixture.root(
      """
      set -e; mkdir -p etc/singularity data; chmod 755 data
      for file in passwd group nsswitch.conf ld.so.cache localtime hosts resolv.conf; do [ ! -e /etc/$file ] || cp /etc/$file etc/; done
      echo 'activated = false' > etc/singularity/ecl.toml; chown -R 0:0 etc
      """)
    try #require(made.status == 0, "\(made.errors)")
  }

  /// Runs a command line of the tool under a configuration, as nobody and as root.
  private func both(_ configuration: String, _ arguments: String) throws -> [ToolAnswer] {
    let path = fixture.directory.path
    try Tool.check(
      ["tee", "\(path)/etc/singularity/singularity.conf"], input: Array("\(configuration)\n".utf8))
    let script = "siftool \(arguments); echo $?"
    try fixture.directory.write("script", script)
    return [
      try fixture.ordinary(
        script, devices: "mount --bind \(path)/fuse-device /dev/fuse; mount --bind \(path)/etc /etc"),
      try fixture.root("exec unshare -m sh -c 'mount --bind etc /etc && exec sh script'"),
    ]
  }

  @Test(arguments: [
    ("bind path = HERE/data:/mnt/site, /nonexistent", "exec plain.sif ls -d /mnt/site", "/mnt/site\n0\n"),
    ("mount tmp = no", "exec plain.sif sh -c 'mount | grep -c \" on /tmp \"'", "0\n1\n"),
    (
      "mount dev = minimal",
      "exec plain.sif sh -c 'ls /dev | grep -c full; [ -e /dev/fuse ] || echo minimal'", "1\nminimal\n0\n"
    ),
    ("mount sys = no", "exec plain.sif sh -c 'ls /sys | wc -l'", "0\n0\n"),
    (
      "sessiondir max size = 16",
      "exec --contain plain.sif sh -c 'df -k /tmp | tail -n 1 | tr -s \" \" | cut -d \" \" -f 2'",
      "16384\n0\n"
    ),
    ("user bind control = no", "exec --bind /mnt plain.sif true", "64\n"),
    ("user bind control = no", "exec plain.sif true", "0\n"),
    ("allow pid ns = no", "exec --pid plain.sif sh -c '[ $$ -gt 3 ] && echo shared'", "shared\n0\n"),
    ("allow user ns = no", "exec --userns plain.sif true", "7\n"),
    ("always use nv = yes", "exec --no-nv plain.sif true", "0\n"),
    ("allow uts ns = no", "exec --hostname x plain.sif true", "7\n"),
  ])
  func settings(configuration: String, arguments: String, expected: String) throws {
    let configuration = configuration.replacing("HERE", with: fixture.directory.path)
    for answer in try both(configuration, arguments) {
      #expect(answer.text == expected, "\(answer.text) \(answer.errors)")
    }
  }

  @Test func alwaysUsesNVIDIA() throws {
    for answer in try both("always use nv = yes", "exec plain.sif true") {
      #expect(answer.text == "0\n" && answer.errors.contains("NVIDIA"), "\(answer.errors)")
    }
  }

  @Test func theAccount() throws {
    for answer in try both(
      "allow setuid = yes\nbind path = /a\nfoo = bar\nlimit container paths = /x", "config check")
    {
      let lines = answer.text.split(separator: "\n").map {
        $0.split(separator: ": ").dropFirst(2).first ?? ""
      }
      #expect(
        lines == ["no effect", "honoured", "unknown", "limits images", ""], "\(answer.text) \(answer.errors)")
    }
    for answer in try both("allow setuid = yes\nbind path = /a\nfoo = bar", "config check --json") {
      let document = Array(answer.output.dropLast(2))
      #expect(try JSONSchema.faults(of: document, schema: "config-check") == "", "\(answer.text)")
    }
    for answer in try both("mount home = perhaps", "config check") {
      #expect(answer.text != "0\n" && answer.errors.contains("line 1"), "\(answer.text) \(answer.errors)")
    }
  }
}
