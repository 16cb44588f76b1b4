import Glibc
import TestSupport
import Testing

/// A Debian that debootstrap makes without root and without ranges, from a mirror of packages that apt can download here.
@Suite struct DebianBuildTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  @Test func debootstrapNeedsNoRoot() throws {
    let mirror = directory.file("mirror")
    try Tool.check([
      Fixture.script("debian-mirror.sh"), mirror, "iputils-ping", "mailutils-common", "cron", "libcap2-bin",
    ])
    let server = try TestServer.start { port in
      ["python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", mirror]
    }
    try directory.write(
      "debian.def",
      """
      Bootstrap: debootstrap
      MirrorURL: http://127.0.0.1:\(server.port)
      OSVersion: bookworm
      %post
          echo "deb [trusted=yes] http://127.0.0.1:\(server.port) bookworm main" > /etc/apt/sources.list
          apt-get update
          apt-get install -y --no-install-recommends libcap2-bin
          apt-get install -y --no-install-recommends iputils-ping mailutils-common cron
          useradd -m joe
          rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb

      """)
    // The mirror is not signed. /tmp of a program that makes a tree is its own, so this lies elsewhere.
    let place = "/opt/siftool-test-\(getpid())"
    defer { _ = try? Tool.run(["rm", "-rf", place]) }
    try Tool.check([
      "sh", "-ec",
      """
      mkdir -p "$1"; printf '#!/bin/sh\\nexec /usr/sbin/debootstrap --no-check-gpg "$@"\\n' > "$1/debootstrap"
      chmod -R 755 "$1"; mkdir -m 777 "$2/work"; cp "$2/debian.def" "$2/work"; chmod a+r "$2/work/debian.def"
      """, "sh", place, directory.path,
    ])
    let answer = try OrdinaryUser.run(
      """
      cd work; mkdir tmp; export TMPDIR=$PWD/tmp PATH=\(place):$PATH
      siftool build a.sif debian.def > log 2>&1 || { tail -20 log; exit 1; }
      siftool ls -l a.sif /usr/bin /home /etc /var/spool/cron | tr -s " " | cut -d" " -f1,3,4,7-
      ls -A tmp
      """, in: directory)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    for text in [
      "-rwxr-sr-x 0 101 crontab", "-rwsr-xr-x 0 0 passwd", "drwxr-xr-x 1000 1000 joe",
      "-rw-r----- 0 42 shadow",
      "drwx-wx--T 0 101 crontabs",
    ] {
      #expect(answer.text.contains(text), "\(text): \(answer.text)")
    }
    try Tool.check([
      "sh", "-c", "cd \(directory.path); rm -rf x; \(Fixture.siftool) extract -C x work/a.sif usr/bin/ping",
    ])
    let attribute = try Tool.check(["getcap", directory.file("x/usr/bin/ping")])
    #expect(attribute.text.contains("cap_net_raw=ep"), "\(attribute.text)")
  }
}
