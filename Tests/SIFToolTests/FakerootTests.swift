import TestSupport
import Testing

/// `--fakeroot`: the ranges that it maps, and root without any.
@Suite struct FakerootTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Runs a script as nobody, with a file in the place of /etc/subuid and /etc/subgid.
  private func with(_ ranges: String, _ script: String, prepare: String = ":") throws -> ToolAnswer {
    try fixture.directory.write("ranges", ranges)
    return try fixture.ordinary(
      script,
      devices: """
        cd \(fixture.directory.path); chmod 644 ranges; \(prepare); for file in subuid subgid; do
          [ -e /etc/$file ] || touch /etc/$file; mount --bind ranges /etc/$file; done
        mount --bind \(fixture.directory.path)/fuse-device /dev/fuse
        """)
  }

  private static let maps = "siftool exec --fakeroot plain.sif cat /proc/self/uid_map | tr -s ' '"

  @Test func allRanges() throws {
    let answer = try with("nobody:200000:65536\nother:1:1\n65534:300000:10\nnobody:400000:5\n", Self.maps)
    #expect(
      answer.text == " 0 65534 1\n 1 200000 65536\n 65537 300000 10\n 65547 400000 5\n",
      "\(answer.text) \(answer.errors)")
    #expect(answer.errors == "", "\(answer.errors)")
    let overlapping = try with("nobody:200000:70000\nnobody:210000:65536\nnobody:60000:10000\n", Self.maps)
    #expect(
      overlapping.text
        == " 0 65534 1\n 1 200000 70000\n 70001 270000 5536\n 75537 60000 5534\n 81071 65535 4465\n",
      "\(overlapping.text) \(overlapping.errors)")
  }

  @Test func linesThatAreWrong() throws {
    let answer = try with(
      "nobody:4294967295:65536\nnobody:x:1\nnobody:1\nnobody:200000:65536\n\u{1B}[31m:1:1\n", Self.maps)
    #expect(answer.text == " 0 65534 1\n 1 200000 65536\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("line 1 of /etc/subuid is not a range"), "\(answer.errors)")
    let small = try with("nobody:200000:10\n", Self.maps)
    #expect(small.text == " 0 65534 1\n 1 200000 10\n", "\(small.errors)")
    #expect(small.errors.contains("/etc/subgid gives nobody 10 numbers"), "\(small.errors)")
    let lines = String(repeating: "somebody:1:65536\n", count: 100_000)
    #expect(try with(lines + "nobody:200000:65536\n", Self.maps).text == " 0 65534 1\n 1 200000 65536\n")
    let pipe = try with("", Self.maps, prepare: "rm ranges; mkfifo ranges")
    #expect(pipe.text == " 0 65534 1\n", "\(pipe.errors)")
  }

  @Test func switchedOffAndIgnored() throws {
    let off = try with("!nobody:200000:65536\n", Self.maps)
    #expect(off.text == " 0 65534 1\n" && off.errors.contains("switched off"), "\(off.errors)")
    let ignored = try with(
      "nobody:200000:65536\n",
      "siftool exec --fakeroot --ignore-subuid plain.sif cat /proc/self/uid_map | tr -s ' '")
    #expect(ignored.text == " 0 65534 1\n", "\(ignored.errors)")
  }

  /// Calls that need other users succeed where there are none, and only there. None makes a device.
  @Test func rootOfOneUser() throws {
    let script = """
      siftool exec OPTIONS --fakeroot --writable-tmpfs plain.sif sh -c '
        touch /bin/f; for call in "chown 7:8 /bin/f" "chown -h 7:8 /bin/f" "mknod /bin/null c 1 3" "mknod /bin/loop b 7 0" \\
          "mkfifo /bin/pipe" "setpriv --nnp true" "su bin -c true"; do $call 2> /dev/null; echo $?; done
        ls /bin/null /bin/loop 2> /dev/null; [ -p /bin/pipe ] && echo pipe; stat -c %u:%g /bin/f'
      """
    func run(_ options: String, _ ranges: String = "") throws -> String {
      try with(ranges, script.replacing("OPTIONS", with: options)).text
    }
    #expect(try run("") == "0\n0\n0\n0\n0\n0\n0\npipe\n0:0\n")
    #expect(try run("--ignore-fakeroot-command") == "1\n1\n1\n1\n0\n0\n1\npipe\n0:0\n")
    #expect(try run("", "nobody:200000:65536\n") == "0\n0\n1\n1\n0\n0\n0\npipe\n7:8\n")
  }

  /// Calls of 32 bits are no way around, and a program has no more rights than before.
  @Test func theFilterIsOnlyThere() throws {
    let counts = try with(
      "",
      """
      for options in "" --fakeroot "--fakeroot --ignore-fakeroot-command"; do
        siftool exec $options plain.sif grep Seccomp_filters /proc/self/status | cut -f 2; done
      """)
    #expect(counts.text == "1\n2\n1\n", "\(counts.text) \(counts.errors)")
  }

  /// Debian's own programs install a package whose files belong to others.
  @Test func dpkg() throws {
    try Shell.check(
      """
      mkdir -p package/DEBIAN package/opt/files box; cd package
      printf 'Package: of-others\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' > DEBIAN/control
      printf '#!/bin/sh\\nset -e\\nchown 1:1 /opt/files/one\\nchown -h 2:3 /opt/files/link\\nchgrp 5 /opt/files\\n' \\
        > DEBIAN/postinst
      chmod 755 DEBIAN/postinst; echo one > opt/files/one; ln -s one opt/files/link; chown -R -h 1:2 opt/files
      dpkg-deb -b . ../of-others.deb; cd ../box
      mkdir -p usr etc/apt/apt.conf.d var/lib/dpkg/updates var/lib/dpkg/info var/lib/apt tmp proc sys dev root
      for name in bin sbin lib lib64; do ln -s usr/$name $name; done; : > var/lib/dpkg/status
      cp /etc/passwd /etc/group /etc/ld.so.cache etc/; chown -R 65534:65534 .
      """, in: fixture.directory)
    let answer = try with(
      "",
      """
      for how in "" --ignore-fakeroot-command; do
        siftool exec --fakeroot $how --writable --bind /usr:/usr:ro box sh -c '
          export PATH=/usr/sbin:/usr/bin; dpkg -i '$PWD'/of-others.deb > /dev/null 2>&1; echo $?
          dpkg-query -W -f "\\${Status}\\n" of-others; apt-config dump APT::Sandbox::User; dpkg -P of-others > /dev/null 2>&1'
      done
      """,
      prepare: "chmod 644 of-others.deb")
    let lines = answer.text.split(separator: "\n").map(String.init)
    #expect(
      Array(lines.prefix(3)) == ["0", "install ok installed", "APT::Sandbox::User \"root\";"],
      "\(answer.text) \(answer.errors)")
    #expect(lines.count > 3 && lines[3] != "0", "\(answer.text)")
  }

  @Test func startsWithoutAUserNamespace() throws {
    let answer = try with("", "siftool exec --ignore-userns plain.sif true; echo $?")
    #expect(answer.text == "7\n" && answer.errors.contains("needs a user namespace"), "\(answer.errors)")
    #expect(try fixture.root("siftool exec --ignore-userns plain.sif id -u").text == "0\n")
  }
}
