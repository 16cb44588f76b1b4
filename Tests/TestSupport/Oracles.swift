/// The Go libraries with which container runtimes sign and verify, called through a small program.
public enum GoOracle {
  private static let program: Result<(Scratch, String), any Error> = Result {
    let directory = try Scratch()
    // A go.mod beside the source lets GOPATH mode find import paths that end in /v2.
    try Tool.check(["mkdir", "-p", "\(directory.path)/src/oracle"])
    try directory.write("src/oracle/main.go", try Tool.read("\(Fixture.root)/Tests/Oracle/main.go"))
    try directory.write("src/oracle/go.mod", Array("module oracle\n".utf8))
    try Tool.check(
      ["go", "build", "-o", "\(directory.path)/program", "oracle"],
      environment: [
        "GO111MODULE": "off", "GOPATH": "\(directory.path):/usr/share/gocode", "GOFLAGS": "",
        "GOCACHE": "\(directory.path)/cache",
      ])
    return (directory, "\(directory.path)/program")
  }

  /// Runs one of the program's commands.
  public static func run(_ arguments: [String], input: [UInt8] = []) throws -> ToolAnswer {
    try Tool.run([try program.get().1] + arguments, input: input)
  }

  /// The verdicts on clear-signed blocks: the words after `bad`, or nil for a good one.
  public static func verdicts(_ blocks: [[UInt8]], keys: String, now: Int64) throws -> [String?] {
    var input: [UInt8] = []
    for block in blocks {
      withUnsafeBytes(of: UInt32(block.count).littleEndian) { input += $0 }
      input += block
    }
    let answer = try run(["clearverify", keys, String(now)], input: input)
    let lines = answer.text.split(separator: "\n")
    guard answer.status == 0, lines.count == blocks.count else {
      throw ToolError(description: "the oracle judged \(lines.count) of \(blocks.count): \(answer.errors)")
    }
    return lines.map { $0 == "good" ? nil : String($0) }
  }
}

/// GnuPG with a home directory of its own.
public final class GnuPG: Sendable {
  private let home: Scratch

  /// A home with keys imported.
  public init(importing keys: [UInt8]...) throws {
    home = try Scratch()
    for key in keys { try Tool.check(command + ["--import"], input: key) }
  }

  deinit {
    _ = try? Tool.run(["gpgconf", "--homedir", home.path, "--kill", "all"])
  }

  /// The path of the home directory.
  public var path: String { home.path }

  private var command: [String] {
    [
      "gpg", "--homedir", home.path, "--batch", "--quiet", "--no-auto-check-trustdb", "--trust-model",
      "always",
    ]
  }

  /// Runs a command in this home.
  public func run(_ arguments: [String], input: [UInt8] = []) throws -> ToolAnswer {
    try Tool.run(command + arguments, input: input)
  }

  /// The keywords of the status lines (`GOODSIG`, `VALIDSIG`, `REVKEYSIG`, …) for a clear-signed message.
  ///
  /// - Parameter now: the time of the verification, in Unix seconds.
  public func statuses(_ message: [UInt8], now: Int64) throws -> [String] {
    let answer = try run(
      ["--faked-system-time", "\(now)!", "--status-fd", "1", "--verify"], input: message)
    return answer.text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 1 && words[0] == "[GNUPG:]" ? String(words[1]) : nil
    }
  }

  /// Whether GnuPG accepts the signature of a clear-signed message, by a key that is neither expired nor
  /// revoked.
  public func isGood(_ message: [UInt8], now: Int64) throws -> Bool {
    try statuses(message, now: now).contains("GOODSIG")
  }
}

/// rnp with a home directory of its own.
public final class RNP: Sendable {
  private let home: Scratch

  /// A home with keys imported.
  public init(importing keys: [UInt8]...) throws {
    home = try Scratch()
    for (index, key) in keys.enumerated() {
      let file = try home.write("key\(index)", key)
      try Tool.check(["rnpkeys", "--homedir", home.path, "--import", file])
    }
  }

  /// Whether rnp accepts the signature of a clear-signed message.
  public func isGood(_ message: [UInt8]) throws -> Bool {
    let file = try home.write("message.asc", message)
    return try Tool.run(["rnp", "--homedir", home.path, "--verify", file]).status == 0
  }
}
