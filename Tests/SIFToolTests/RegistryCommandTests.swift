import TestSupport
import Testing

/// Images in Debian's docker-registry.
@Suite struct RegistryCommandTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Tool.check(["cp", Fixture.path("images/plain-types.sif"), directory.file("a.sif")])
    try Tool.check(["cp", Fixture.path("images/groups-and-links.sif"), directory.file("b.sif")])
  }

  private func registry(_ more: String = "") throws -> TestServer {
    try TestServer.start { port in
      try directory.write(
        "registry-\(port).yml",
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(directory.path)/registry-\(port)}, delete: {enabled: true}}
        http: {addr: "127.0.0.1:\(port)", secret: x}
        \(more)
        """)
      return ["docker-registry", "serve", directory.file("registry-\(port).yml")]
    }
  }

  private func siftool(
    _ arguments: String..., input: String = "", environment: [String: String] = [:]
  ) throws -> ToolAnswer {
    try Siftool.run(arguments, input: Array(input.utf8), environment: environment, in: directory)
  }

  /// What is pushed to docker:// others run: skopeo and umoci take it, and its tree is that of the image.
  @Test func pushedForOtherPrograms() throws {
    let server = try registry()
    let script = """
      set -eu; r=127.0.0.1:\(server.port)
      tree() { python3 \(Fixture.script("tree.py")) "$1"; }
      python3 \(Fixture.script("layout.py")) none layout; siftool pull -q x.sif oci:layout --deterministic
      siftool extract -q x.sif -C tree; tree tree > tree.txt
      siftool push -q --no-https x.sif docker://$r/a/b:1 > first; siftool push -q --no-https x.sif docker://$r/a/b:1 --json > again
      skopeo copy -q --src-tls-verify=false docker://$r/a/b:1 oci:copy:x; umoci --log=error raw unpack --image copy:x theirs
      tree theirs | diff tree.txt -; grep -c '"sent": false' again; grep -c "$(cat first)" again
      skopeo inspect --tls-verify=false --raw docker://$r/a/b:1 | sha256sum | cut -c 1-64 | sed s/^/sha256:/ | diff first -
      # An image in files goes as it is, and under one tag with others.
      siftool push -q --no-https --join-index --chunk-size 1000 oci:layout docker://$r/c:2 > third
      skopeo inspect --tls-verify=false --raw docker://$r/c:2 | grep -c "$(cat third)"
      grep -c "$(cut -c 8- third)" layout/index.json; siftool pull -q --no-https y.sif docker://$r/c:2 --deterministic; siftool extract -q y.sif -C back
      tree back | grep -v singularity.d > back.txt; grep -v singularity.d tree.txt | diff - back.txt
      siftool push -q --no-https x.sif docker://$r/a/b@$(cat first) 2> error || echo $?; siftool push --annotation a=b x.sif docker://$r/a/b 2> error || echo $?
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    #expect(answer.text == "1\n1\n1\n1\n64\n64\n", "\(answer.text) \(answer.errors)")
  }

  @Test func thereAndBack() throws {
    let server = try registry()
    let address = "oras://127.0.0.1:\(server.port)/images/app:1.0"
    let pushed = try siftool("push", "--no-https", "a.sif", address)
    #expect(pushed.status == 0, "\(pushed.errors)")
    // What it has is not sent again.
    let again = try siftool("push", "--no-https", "a.sif", address)
    #expect(again.status == 0 && again.output == pushed.output)
    #expect(again.errors.contains("had the image already"))
    let pulled = try siftool("pull", "--no-https", address)
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(try directory.read("app_1.0.sif") == directory.read("a.sif"))
    // By digest, and into a directory.
    let digest = pushed.text.filter { $0 != "\n" }
    try Tool.check(["mkdir", directory.file("place")])
    let named = try siftool(
      "pull", "--no-https", "--dir", "place", "--name", "x.sif",
      "oras://127.0.0.1:\(server.port)/images/app@\(digest)")
    #expect(named.status == 0, "\(named.errors)")
    #expect(try directory.read("place/x.sif") == directory.read("a.sif"))
    let missing = try siftool("pull", "--no-https", "oras://127.0.0.1:\(server.port)/images/app:2")
    #expect(missing.status == 1 && missing.errors.contains("manifest unknown"), "\(missing.errors)")
    // Foreign tools see what it is.
    let inspect = try Tool.check([
      "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://127.0.0.1:\(server.port)/images/app:1.0",
    ])
    #expect(inspect.text.contains("application/vnd.sylabs.sif.layer.v1.sif"))
    #expect(inspect.text.contains("\"data\":\"e30=\""))
    let refused = try siftool("push", "--no-https", "registry-\(server.port).yml", address)
    #expect(refused.status == 5, "\(refused.errors)")
  }

  @Test func partsOfABigImage() throws {
    let server = try registry()
    try Shell.check(
      "mkdir tree; head -c 20000000 /dev/urandom > tree/random; siftool pack tree c.sif -q", in: directory)
    let address = "oras://127.0.0.1:\(server.port)/images/big:1"
    let pushed = try siftool("push", "--no-https", "--chunk-size", "3M", "c.sif", address)
    #expect(pushed.status == 0, "\(pushed.errors)")
    #expect(try siftool("pull", "--no-https", "d.sif", address).status == 0)
    #expect(try directory.read("d.sif") == directory.read("c.sif"))
    let parts = try siftool("pull", "--no-https", "--disable-cache", "--connections", "3", "e.sif", address)
    #expect(parts.status == 0, "\(parts.errors)")
    #expect(try directory.read("e.sif") == directory.read("c.sif"))
    // A web server that sends parts, and one that does not.
    try Tool.check(["mv", directory.file("c.sif"), directory.file("image.sif")])
    let web = try TestServer.start(
      ["/usr/bin/python3", Fixture.script("lying-server.py"), directory.path],
      portsFile: directory.file("ports"))
    for way in ["ok", "untold"] {
      let answer = try siftool(
        "pull", "--force", "--connections", "3", "f.sif", "http://127.0.0.1:\(web.port)/\(way)/app.sif")
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(try directory.read("f.sif") == directory.read("image.sif"))
    }
    let ranges = String(decoding: try directory.read("requests"), as: UTF8.self).split(separator: "\n")
    #expect(ranges.count { $0.contains("bytes=4194304-8388607") } == 1)
  }

  /// One tag with an image for each architecture.
  @Test func architecturesUnderOneTag() throws {
    let server = try registry()
    try Shell.check(
      "mkdir tree; siftool pack tree arm.sif -q --arch arm64; siftool pack tree amd.sif -q --arch amd64",
      in: directory)
    let address = "oras://127.0.0.1:\(server.port)/images/multi:1"
    for name in ["arm.sif", "amd.sif", "arm.sif"] {
      let pushed = try siftool("push", "--no-https", "--join-index", name, address)
      #expect(pushed.status == 0, "\(pushed.errors)")
    }
    for (name, arch) in [("arm.sif", "arm64"), ("amd.sif", "amd64")] {
      let pulled = try siftool("pull", "--no-https", "--force", "--arch", arch, "new.sif", address)
      #expect(pulled.status == 0, "\(pulled.errors)")
      #expect(try directory.read("new.sif") == directory.read(name))
    }
    let none = try siftool("pull", "--no-https", "--arch", "s390x", "none.sif", address)
    #expect(none.status == 1 && none.errors.contains("s390x"), "\(none.errors)")
  }

  @Test func passwords() throws {
    let hash = try Tool.check(["htpasswd", "-Bbn", "user", "right word"]).text
    try directory.write("passwords", hash)
    let server = try registry("auth: {htpasswd: {realm: r, path: \(directory.path)/passwords}}")
    let host = "127.0.0.1:\(server.port)"
    let address = "oras://\(host)/images/app:1"
    let anonymous = try siftool("push", "--no-https", "a.sif", address)
    #expect(anonymous.status == 7 && anonymous.errors.contains("wants a login"), "\(anonymous.errors)")
    let wrong = try siftool(
      "registry", "login", "--no-https", "-u", "user", "--password-stdin", host, input: "wrong\n")
    #expect(wrong.status == 7 && wrong.errors.contains("refuses the login"), "\(wrong.errors)")
    #expect(try siftool("registry", "list").text.isEmpty)
    let login = try siftool(
      "registry", "login", "--no-https", "-u", "user", "--password-stdin", "docker://\(host)",
      input: "right word\n")
    #expect(login.status == 0, "\(login.errors)")
    #expect(login.errors.contains(".singularity/docker-config.json"))
    #expect(
      try Tool.check(["stat", "-c", "%a", directory.file(".singularity/docker-config.json")]).text == "600\n")
    #expect(try siftool("registry", "list").text == "\(host)  user\n")
    #expect(try siftool("push", "--no-https", "a.sif", address).status == 0)
    #expect(try siftool("pull", "--no-https", "new.sif", address).status == 0)
    // skopeo reads the same file.
    try Tool.check([
      "skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile",
      directory.file(".singularity/docker-config.json"), "docker://\(host)/images/app:1",
    ])
    #expect(try siftool("registry", "logout", host).status == 0)
    #expect(try siftool("registry", "logout", host).status == 1)
    #expect(try siftool("pull", "--no-https", "x.sif", address).status == 7)
    // A password for one run.
    let once = try siftool(
      "pull", "--no-https", "--docker-username", "user", "x.sif", address,
      environment: ["DOCKER_PASSWORD": "right word"])
    #expect(once.status == 0, "\(once.errors)")
    // A file of Docker's, and a program that keeps logins.
    try Shell.check(
      """
      mkdir bin .docker; cat > bin/docker-credential-test << 'END'
      #!/bin/sh
      [ "$1" = get ] || exit 1
      read host; [ "$host" = "\(host)" ] || { echo 'credentials not found in native keychain'; exit 1; }
      echo '{"ServerURL":"x","Username":"user","Secret":"right word"}'
      END
      chmod +x bin/docker-credential-test; echo '{"credsStore":"test"}' > .docker/config.json
      """, in: directory)
    let path = try Tool.check(["sh", "-c", "echo $PATH"]).text.filter { $0 != "\n" }
    let helped = try siftool(
      "pull", "--no-https", "y.sif", address, environment: ["PATH": "\(directory.path)/bin:\(path)"])
    #expect(helped.status == 0, "\(helped.errors)")
    let lost = try siftool("pull", "--no-https", "z.sif", address)
    #expect(lost.status == 7 && lost.errors.contains("docker-credential-test"), "\(lost.errors)")
  }

  /// An image that skopeo sends: a SIF is made of it, and programs start from its address. Nothing is fetched twice.
  @Test func imagesOfOCI() throws {
    let server = try registry()
    let address = "docker://127.0.0.1:\(server.port)/images/box:v1"
    try Shell.check(
      """
      umoci init --layout layout; umoci new --image layout:v1
      umoci config --image layout:v1 --config.env GREETING=hello
      umoci unpack --image layout:v1 first; mkdir first/rootfs/bin; cp /bin/busybox first/rootfs/bin/
      ln -s busybox first/rootfs/bin/sh; ln -s busybox first/rootfs/bin/cat; echo one > first/rootfs/file
      umoci repack --image layout:v1 first
      umoci unpack --image layout:v1 second; echo two > second/rootfs/file; umoci repack --image layout:v1 second
      skopeo copy -q --dest-tls-verify=false oci:layout:v1 \(address)
      """, in: directory)
    let pulled = try siftool("pull", "--no-https", "--deterministic", "box.sif", address)
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(try siftool("cat", "box.sif", "file").text == "two\n")
    // The same bytes as from the layout, but for the name that it came by.
    #expect(try siftool("pull", "--deterministic", "again.sif", "oci:layout:v1").status == 0)
    #expect(
      try siftool("ls", "-l", "-R", "box.sif", "bin").text
        == siftool("ls", "-l", "-R", "again.sif", "bin").text)
    #expect(try siftool("check", "box.sif").status == 0)
    let script = "echo $GREETING; cat /file"
    for _ in 0..<2 {
      let answer = try siftool("exec", "--no-https", address, "/bin/sh", "-c", script)
      #expect(answer.text == "hello\ntwo\n", "\(answer.errors)")
    }
    #expect(try siftool("cache", "list", "-T", "oci-tmp").text.hasPrefix("1 entry,"))
    // Without the cache, and where nothing can be kept.
    try Tool.check(["mkdir", directory.file("temporary")])
    let alone = try siftool(
      "exec", "--no-https", "--disable-cache", address, "/bin/sh", "-c", script,
      environment: ["TMPDIR": directory.file("temporary")])
    #expect(alone.text == "hello\ntwo\n", "\(alone.errors)")
    #expect(try Tool.check(["ls", directory.file("temporary")]).text.isEmpty)
    let nowhere = try siftool(
      "exec", "--no-https", address, "/bin/sh", "-c", script, environment: ["SINGULARITY_CACHEDIR": "/proc"])
    #expect(
      nowhere.text == "hello\ntwo\n" && nowhere.errors.contains("the cache is not used"), "\(nowhere.errors)")
    let missing = try siftool("exec", "--no-https", address + "-gone", "/bin/sh")
    #expect(missing.status == 1 && missing.errors.contains("manifest unknown"), "\(missing.errors)")
    let artifact = try siftool("pull", "--no-https", "x.sif", address.replacing("docker:", with: "oras:"))
    #expect(
      artifact.status == 5 && artifact.errors.contains("docker:// makes one of it"), "\(artifact.errors)")
    // A finished image is not made anew.
    #expect(try siftool("pull", "x.sif", "oras://127.0.0.1:1/a:1", "--encrypt").status == 64)
  }

  /// Several processes that need one image at once: one fetches it.
  @Test func oneFetchForMany() throws {
    let server = try registry()
    let address = "oras://127.0.0.1:\(server.port)/images/box:1"
    try Shell.check(
      "mkdir -p root/bin; cp /bin/busybox root/bin/sh; siftool pack root box.sif -q", in: directory)
    #expect(try siftool("push", "--no-https", "box.sif", address).status == 0)
    let running = try (0..<4).map { _ in
      try Siftool.start("exec", "--no-https", address, "/bin/sh", "-c", "echo inside", in: directory)
    }
    for answer in try running.map({ try $0.wait() }) {
      #expect(answer.text == "inside\n", "\(answer.errors)")
    }
    #expect(try siftool("cache", "list").text.hasPrefix("1 entry,"))
    #expect(try Tool.check(["ls", directory.file(".singularity/cache/oras")]).text.hasPrefix("sha256:"))
  }

  /// A registry that keeps copies of another one is asked first, and the other one if it has nothing.
  @Test func mirrors() throws {
    let origin = try registry()
    let mirror = try registry("proxy: {remoteurl: \"http://127.0.0.1:\(origin.port)\"}")
    let address = "oras://127.0.0.1:\(origin.port)/images/app:1"
    #expect(try siftool("push", "--no-https", "a.sif", address).status == 0)
    let copied = try siftool("pull", "--no-https", "--mirror", "127.0.0.1:\(mirror.port)", "x.sif", address)
    #expect(copied.status == 0 && !copied.errors.contains("instead"), "\(copied.errors)")
    let gone = try siftool(
      "pull", "--no-https", "--retries", "0", "--mirror", "127.0.0.1:1", "y.sif", address)
    #expect(gone.status == 0 && gone.errors.contains("instead"), "\(gone.errors)")
    #expect(try directory.read("y.sif") == directory.read("a.sif"))
  }

  /// The cache: filled and read by pull, listed and cleaned.
  @Test func cache() throws {
    let empty = try siftool("cache", "list")
    #expect(empty.text.hasPrefix("0 entries"))
    let server = try registry()
    let address = "oras://127.0.0.1:\(server.port)/images/app:1"
    #expect(try siftool("push", "--no-https", "a.sif", address).status == 0)
    let digest = try Tool.check(["sha256sum", directory.file("a.sif")]).text.prefix(64)
    let place = ".singularity/cache/oras"
    #expect(try siftool("pull", "--no-https", "--disable-cache", "v.sif", address).status == 0)
    #expect(try siftool("cache", "list").text.hasPrefix("0 entries"))
    #expect(try siftool("pull", "--no-https", "w.sif", address).status == 0)
    #expect(try directory.read("\(place)/sha256:\(digest)") == directory.read("a.sif"))
    let cached = try siftool("pull", "--no-https", "x.sif", address)
    #expect(cached.status == 0 && cached.errors.contains("from the cache"), "\(cached.errors)")
    #expect(try directory.read("x.sif") == directory.read("a.sif"))
    // An entry with other bytes is not believed, and replaced.
    try Tool.check(["cp", directory.file("b.sif"), directory.file("\(place)/sha256:\(digest)")])
    let other = try siftool("pull", "--no-https", "y.sif", address)
    #expect(other.status == 0 && other.errors.contains("is not used"), "\(other.errors)")
    #expect(try directory.read("y.sif") == directory.read("a.sif"))
    #expect(try directory.read("\(place)/sha256:\(digest)") == directory.read("a.sif"))
    #expect(try siftool("cache", "list", "-v").text.contains("oras  "))
    #expect(try siftool("cache", "list", "-T", "net").text.hasPrefix("0 entries"))
    #expect(try siftool("cache", "clean", "--days", "1").errors.contains("0 entries"))
    #expect(try siftool("cache", "clean", "--dry-run").text.contains("sha256:"))
    #expect(try siftool("cache", "list").text.hasPrefix("1 entry,"))
    #expect(try siftool("cache", "clean").status == 0)
    #expect(try siftool("cache", "list").text.hasPrefix("0 entries"))
  }
}
