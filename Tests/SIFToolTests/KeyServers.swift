import TestSupport

/// A real key server, sks, with some keys of the test data.
struct KeyServer {
  let directory: Scratch
  let server: TestServer

  init(_ names: String...) throws {
    let directory = try Scratch()
    try Tool.check(
      ["sh", "-c", "mkdir -p etc/sks var/lib/sks var/log/sks var/run/sks var/spool/sks"], in: directory.path)
    let keys = names.map { Fixture.path("keys/\($0).pub.asc") }
    var packets: [UInt8] = []
    for key in keys {
      packets += try Tool.check(
        ["gpg", "--batch", "--homedir", directory.path, "--dearmor"], input: try Tool.read(key)
      ).output
    }
    try directory.write("keys.pgp", packets)
    self.directory = directory
    server = try TestServer.start { port in
      let settings = """
        hostname: localhost
        hkp_address: 127.0.0.1
        hkp_port: \(port)
        recon_address: 127.0.0.1
        recon_port: \(port == 65535 ? port - 1 : port + 1)
        disable_mailsync:

        """
      try directory.write("etc/sks/sksconf", settings)
      try Tool.check(
        ["sks", "build", "-basedir", directory.path, directory.file("keys.pgp"), "-n", "10", "-cache", "50"],
        in: directory.path)
      return ["sks", "db", "-basedir", directory.path]
    }
  }

  var address: String { "hkp://127.0.0.1:\(server.port)" }
}

/// A key server that lies; the first part of the path says how.
struct LyingKeyServer {
  let directory: Scratch
  private let server: TestServer

  init() throws {
    let directory = try Scratch()
    self.directory = directory
    server = try TestServer.start(
      [
        "/usr/bin/python3", Fixture.script("keyserver.py"), directory.file("port"), directory.file("log"),
        Fixture.path("keys"),
      ], portsFile: directory.file("port"))
  }

  func address(_ mode: String) -> String { "http://127.0.0.1:\(server.port)/\(mode)" }

  /// The requests so far.
  var requests: [String] {
    let text = (try? directory.read("log")) ?? []
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
