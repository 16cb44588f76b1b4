import TestSupport
import Testing

/// Certificates and proxies.
@Suite struct TLSTests {
  private let directory: Scratch
  private let image: [UInt8]

  init() throws {
    directory = try Scratch()
    image = try Fixture.read("images/plain-types.sif")
    try directory.write("image.sif", image)
    // Authorities sign for our host, for another one, for times that are over, and for the client.
    try Shell.check(
      """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
        -subj /CN=authority 2>&1
      make() {
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 2>&1
        printf 'subjectAltName=%s' "$2" > $1.ext
        openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $1.ext -out $1.pem $3 2>&1
      }
      make good IP:127.0.0.1 '-days 2'
      make other DNS:other.example '-days 2'
      make client DNS:client.example '-days 2'
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out self.pem -days 2 \
        -subj /CN=self -addext subjectAltName=IP:127.0.0.1 2>&1
      mkdir ca new; touch ca/index; echo 01 > ca/serial
      printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=new\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=IP:127.0.0.1\n' > ca.cnf
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout expired.key -out expired.csr -subj /CN=expired 2>&1
      openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem -notext \
        -startdate 20200101000000Z -enddate 20210101000000Z 2>&1
      mkdir hashed; cp ca.pem hashed/; openssl rehash hashed
      """, in: directory)
  }

  private func server(_ name: String, clients: Bool = false) throws -> TestServer {
    let place = try Tool.check(["mktemp", "-d", "\(directory.path)/server-XXXXXX"]).text.filter { $0 != "\n" }
    try Tool.check(["cp", directory.file("image.sif"), place])
    return try TestServer.start(
      [
        "/usr/bin/python3", Fixture.script("lying-server.py"), place, directory.file("\(name).pem"),
        directory.file("\(name).key"),
      ] + (clients ? [directory.file("ca.pem")] : []), portsFile: "\(place)/ports")
  }

  private func pull(
    _ address: String, _ options: [String] = [], environment: [String: String] = [:]
  ) throws -> ToolAnswer {
    try Siftool.run(
      ["pull", "--force", "new.sif", address, "--retries", "0"] + options, environment: environment,
      in: directory)
  }

  @Test func certificates() throws {
    let good = try server("good")
    let address = "https://127.0.0.1:\(good.port)/ok/app.sif"
    let unknown = try pull(address)
    #expect(unknown.status == 7 && unknown.errors.contains("certificate"), "\(unknown.errors)")
    for options in [["--ca-file", "ca.pem"], ["--ca-directory", "hashed"], ["--insecure"]] {
      let answer = try pull(address, options)
      #expect(answer.status == 0, "\(options): \(answer.errors)")
      #expect(try directory.read("new.sif") == image)
    }
    for variables in [["SSL_CERT_FILE": "ca.pem"], ["SSL_CERT_DIR": "hashed"]] {
      let answer = try pull(address, environment: variables)
      #expect(answer.status == 0, "\(variables): \(answer.errors)")
    }
    for (name, word) in [("other", "subject"), ("self", "self-signed"), ("expired", "expired")] {
      let server = try server(name)
      let answer = try pull("https://127.0.0.1:\(server.port)/ok/app.sif", ["--ca-file", "ca.pem"])
      #expect(answer.status == 7, "\(name): \(answer.errors)")
      #expect(
        answer.errors.contains(word) && answer.errors.contains("127.0.0.1:\(server.port)"), "\(answer.errors)"
      )
      #expect(try pull("https://127.0.0.1:\(server.port)/ok/app.sif", ["--insecure"]).status == 0)
    }
    let missing = try pull(address, ["--ca-file", "nothing.pem"])
    #expect(missing.status == 7 && missing.errors.contains("nothing.pem"), "\(missing.errors)")
    // From https only https is followed, whatever allows http elsewhere.
    let plain = try pull(
      "https://127.0.0.1:\(good.port)/to-plain/app.sif", ["--ca-file", "ca.pem", "--no-https"])
    #expect(plain.status == 7 && plain.errors.contains("which is not encrypted"), "\(plain.errors)")
    // Nor is a token service without encryption asked.
    let realm = try pull("oras://127.0.0.1:\(good.port)/plain-realm/a:1", ["--ca-file", "ca.pem"])
    #expect(realm.status == 7 && realm.errors.contains("which is not encrypted"), "\(realm.errors)")
  }

  /// Debian's registry with TLS, which speaks HTTP/2, there and back.
  @Test func registry() throws {
    let server = try TestServer.start { port in
      try directory.write(
        "registry.yml",
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(directory.path)/registry}}
        http:
          addr: "127.0.0.1:\(port)"
          secret: x
          tls: {certificate: "\(directory.path)/good.pem", key: "\(directory.path)/good.key"}
        """)
      return ["docker-registry", "serve", directory.file("registry.yml")]
    }
    let host = "127.0.0.1:\(server.port)"
    let answer = try Shell.run(
      """
      set -e; mkdir tree; head -c 6000000 /dev/urandom > tree/random; siftool pack tree long.sif -q
      curl -s --cacert ca.pem -o /dev/null -w '%{http_version}' https://\(host)/v2/
      for image in long image; do
        siftool push -q --ca-file ca.pem $image.sif oras://\(host)/images/$image:1 > /dev/null
        siftool pull -q --disable-cache --connections 2 --ca-file ca.pem back.sif -F oras://\(host)/images/$image:1; cmp $image.sif back.sif
      done
      """, with: "bash", in: directory)
    #expect(answer.status == 0 && answer.text == "2", "\(answer.text) \(answer.errors)")
  }

  @Test func clientCertificates() throws {
    let strict = try server("good", clients: true)
    let address = "https://127.0.0.1:\(strict.port)/ok/app.sif"
    #expect(try pull(address, ["--ca-file", "ca.pem"]).status == 7)
    let answer = try pull(
      address, ["--ca-file", "ca.pem", "--client-cert", "client.pem", "--client-key", "client.key"])
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(try pull(address, ["--client-key", "client.key"]).status == 64)
  }

  /// Through tinyproxy: plain and encrypted addresses, its refusals, and hosts that need no proxy.
  @Test func proxies() throws {
    let plainPlace = try Scratch()
    try plainPlace.write("image.sif", image)
    let plain = try TestServer.start(
      ["/usr/bin/python3", Fixture.script("lying-server.py"), plainPlace.path],
      portsFile: plainPlace.file("ports"))
    let encrypted = try server("good")
    func proxy(_ more: String) throws -> TestServer {
      try TestServer.start { port in
        try directory.write(
          "proxy-\(port).conf",
          "Port \(port)\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogFile \"\(directory.path)/proxy-\(port).log\"\n\(more)\n"
        )
        return ["tinyproxy", "-d", "-c", directory.file("proxy-\(port).conf")]
      }
    }
    let open = try proxy("Allow 127.0.0.1")
    let variables = [
      "http_proxy": "http://127.0.0.1:\(open.port)", "https_proxy": "http://127.0.0.1:\(open.port)",
    ]
    let addresses = [
      "http://127.0.0.1:\(plain.port)/ok/app.sif", "https://127.0.0.1:\(encrypted.port)/ok/app.sif",
    ]
    for address in addresses {
      let answer = try pull(address, ["--ca-file", "ca.pem"], environment: variables)
      #expect(answer.status == 0, "\(address): \(answer.errors)")
    }
    let log = String(decoding: try directory.read("proxy-\(open.port).log"), as: UTF8.self)
    #expect(log.contains("CONNECT 127.0.0.1:\(encrypted.port)"))
    #expect(log.contains("GET http://127.0.0.1:\(plain.port)/ok/app.sif"))
    // A proxy that wants a password, one that is not there, and the way around it.
    let closed = try proxy("Allow 127.0.0.1\nBasicAuth user secretword")
    for (place, address) in zip(["http_proxy", "https_proxy"], addresses) {
      let refused = try pull(
        address, ["--ca-file", "ca.pem"],
        environment: [place: "http://user:wrongword@127.0.0.1:\(closed.port)"])
      #expect(refused.status == 7, "\(refused.errors)")
      #expect(refused.errors.contains("the proxy"), "\(refused.errors)")
      #expect(
        refused.errors.contains("\(place) names the proxy http://127.0.0.1:\(closed.port)"),
        "\(refused.errors)")
      #expect(!refused.errors.contains("wrongword"), "\(refused.errors)")
      let right = try pull(
        address, ["--ca-file", "ca.pem"],
        environment: [place: "http://user:secretword@127.0.0.1:\(closed.port)"])
      #expect(right.status == 0, "\(right.errors)")
      let around = try pull(
        address, ["--ca-file", "ca.pem"],
        environment: [place: "http://127.0.0.1:1", "NO_PROXY": "10.0.0.0/8,127.0.0.0/8"])
      #expect(around.status == 0, "\(around.errors)")
    }
  }
}
