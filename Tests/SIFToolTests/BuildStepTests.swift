import Glibc
import TestSupport
import Testing

/// `build` with scripts that run, over images with a busybox that is linked statically.
@Suite struct BuildStepTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  /// A definition whose base is a directory with busybox, in place of `BASE`.
  private static let base = """
    mkdir -p base/bin base/.singularity.d base/dev base/proc base/sys; cp /bin/busybox base/bin/busybox
    for name in sh cat echo id ls mkdir rm sleep test chown chmod touch env false true; do ln -f base/bin/busybox base/bin/$name; done
    """

  private func shell(_ script: String, asUser: Bool = false) throws -> ToolAnswer {
    let script = """
      set -eu
      [ ! -d work ] || cd work
      export SINGULARITY_CACHEDIR="$PWD/cache"; mkdir -p tmp; export TMPDIR="$PWD/tmp"
      build() { siftool build "$@"; }
      \(Self.base)
      \(script)
      """
    if asUser {
      try Tool.check(["mkdir", "-m", "777", directory.file("work")])
      return try OrdinaryUser.run(
        "bash -c '\(script.split(separator: "'").joined(separator: "'\\''"))'", in: directory)
    }
    return try Shell.run(script, with: "bash", in: directory)
  }

  @Test(arguments: [false, true]) func scriptsRunInTheRuntimesOrder(asUser: Bool) throws {
    let answer = try shell(
      """
      echo data > file
      cat > a.def <<"END"
      Bootstrap: localimage
      From: base
      %pre
          echo "pre $SINGULARITY_ROOTFS" | sed "s,/tmp/.*,ROOT," > order
      %setup
          echo "setup" >> order; echo set > "$SINGULARITY_ROOTFS/set"
      %files
          file /file
      %post
          echo "post $(id -u) $(cat /file) $(cat /set) $HOME $PWD"
          chown 33:44 /file; chmod 4755 /file
          echo "export P=1" >> "$SINGULARITY_ENVIRONMENT"
          echo "Built by post" >> "$SINGULARITY_LABELS"
      %appinstall one
          echo "app $SCIF_APPROOT $PWD" > data
      %test
          test -f /file && echo tested
      %runscript
          echo "run $P"
      END
      build a.sif a.def > log 2>&1 || { cat log; exit 1; }
      cat log order; siftool ls -lR a.sif / | grep -E " (file|scif/apps/one/data|\\.post|\\.build)" | tr -s " " | cut -d" " -f1,3,4,7
      siftool cat a.sif /.singularity.d/labels.json | grep Built; siftool cat a.sif /.singularity.d/env/91-environment.sh
      siftool cat a.sif /scif/apps/one/data; siftool run a.sif; ls -A tmp
      """, asUser: asUser)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    for text in [
      "post 0 data set /root /", "\ntested\n", "-rwsr-xr-x 33 44 file", "\"Built\": \"by post\"",
      "export P=1",
      "app /scif/apps/one /scif/apps/one", "run 1", "setup\n",
    ] {
      #expect(answer.text.contains(text), "\(text): \(answer.text)")
    }
    #expect(answer.text.hasSuffix("run 1\n"))
  }

  @Test func failuresNameStepLineAndCode() throws {
    let answer = try shell(
      """
      printf "Bootstrap: localimage\\nFrom: base\\n\\n%%post\\n echo before\\n exit 7\\n" > fail.def
      code=0; build -q fail.sif fail.def || code=$?; echo "$code"
      printf "Bootstrap: localimage\\nFrom: base\\n%%test\\n false\\n" > test.def
      code=0; build -q test.sif test.def || code=$?; echo "$code"; build -q --notest test.sif test.def
      build -q --section none none.sif fail.def
      ls *.sif; ls -A tmp
      """)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    #expect(answer.text == "1\n1\nnone.sif\ntest.sif\n")
    #expect(answer.errors.contains("line 4: %post ended with exit code 7"), "\(answer.errors)")
    #expect(answer.errors.contains("before"))
    #expect(answer.errors.contains("line 3: %test ended with exit code 1"))
  }

  @Test func secretsAreInPostAlone() throws {
    let answer = try shell(
      """
      echo s3cret > token
      printf "Bootstrap: localimage\\nFrom: base\\n%%post\\n cat /run/secrets/tok > /tmp/x\\n echo ok\\n" > a.def
      build -q --secret id=tok,src=token a.sif a.def
      siftool tar a.sif | grep -c s3cret || true; siftool ls -R a.sif / | grep -E "run|secret|^tmp/" | grep -v runscript || true
      """)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    #expect(!answer.text.contains("secret"), "\(answer.text)")
    #expect(answer.text.hasPrefix("0\n"))
  }

  @Test func busyboxTellsItsNames() throws {
    try Tool.check(["cp", "/bin/busybox", directory.file("busybox")])
    let path = directory.path
    let server = try TestServer.start { port in
      ["python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", path]
    }
    let answer = try shell(
      """
      printf "Bootstrap: busybox\\nMirrorURL: http://127.0.0.1:\(server.port)/busybox\\n%%post\\n ls / > /list\\n" > bb.def
      build -q bb.sif bb.def; siftool ls bb.sif /bin | sort > ours; busybox --list | sort > names
      comm -13 ours names | wc -l; siftool exec bb.sif busybox cat /list | head -1
      printf "Bootstrap: busybox\\nMirrorURL: http://127.0.0.1:\(server.port)/missing\\n" > bad.def
      build -q bad.sif bad.def || echo $?
      """)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    #expect(answer.text.hasPrefix("0\nbin\n"), "\(answer.text)")
    #expect(answer.errors.contains("404"))
  }

  /// A daemon of Docker's that has one image, and its answer to what it does not have.
  @Test func dockerDaemonIsAskedThroughItsSocket() throws {
    let answer = try shell(
      """
      python3 \(Fixture.script("layout.py")) gzip layout; skopeo copy -q oci:layout:v1 docker-archive:image.tar:some/name:1
      cat > daemon.py <<"END"
      import socket
      server = socket.socket(socket.AF_UNIX); server.bind("docker.sock"); server.listen()
      open("ready", "w").close()
      for _ in range(3):
          peer, _ = server.accept(); asked = peer.recv(65536).split(b" ")[1]
          body = open("image.tar", "rb").read()
          if asked != b"/images/get?names=some%2Fname%3A1":
              peer.sendall(b"HTTP/1.0 404 Not Found\\r\\n\\r\\n{}")
          else:
              peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Type: application/x-tar\\r\\n\\r\\n" + body)
          peer.close()
      END
      python3 daemon.py & while [ ! -e ready ]; do sleep 0.05; done
      export DOCKER_HOST=unix://$PWD/docker.sock
      build -q d.sif docker-daemon:some/name:1; siftool dump 1 d.sif; siftool ls d.sif /usr/bin | head -1
      code=0; build -q e.sif docker-daemon:other || code=$?; echo "$code"
      code=0; build -q --docker-host tcp://127.0.0.1:1 e.sif docker-daemon:other || code=$?; echo "$code"
      kill %1
      """)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    #expect(answer.text.hasPrefix("bootstrap: docker-daemon\nfrom: some/name:1\n\n"), "\(answer.text)")
    #expect(answer.text.hasSuffix("1\n64\n"), "\(answer.text)")
    #expect(answer.errors.contains("does not give other (404)"))
  }
}
