import Bytes
import LinuxSystem
import StrictJSON

/// A program `docker-credential-NAME` that keeps logins.
struct CredentialHelper {
  private let program: String
  private static let limit = 64 << 10

  /// - Throws: ``RegistryError`` for a name that would be another program.
  init(_ name: String) throws(RegistryError) {
    guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }), name.utf8.count < 200 else {
      throw RegistryError(
        .credentialFile,
        "\"\(name.prefix(100).printable)\" is not the name of a program that keeps credentials")
    }
    program = "docker-credential-\(name)"
  }

  /// The login for a server; nil if it knows none.
  func get(_ server: String) throws -> RegistryCredential? {
    let answer = try run("get", Array(server.utf8))
    guard answer.status == 0 else {
      // Reasons are on its standard output.
      let reason = String(decoding: answer.output.prefix(400), as: UTF8.self)
      if reason.contains("credentials not found") { return nil }
      throw failure("get", reason)
    }
    guard let value = try? JSONParser.parse(answer.output, limits: JSONLimits(bytes: Self.limit)),
      let secret = value["Secret"]?.text
    else { throw RegistryError(.credentialHelper, "\(program) answered with something else than a login") }
    let user = value["Username"]?.text ?? ""
    return user == "<token>" ? .identityToken(secret) : .password(user: user, secret: secret)
  }

  /// Has it keep a login.
  func store(_ server: String, _ user: String, _ secret: String) throws {
    let login = JSONWriter.compact([
      "ServerURL": .string(server), "Username": .string(user), "Secret": .string(secret),
    ])
    let answer = try run("store", login)
    guard answer.status == 0 else {
      throw failure("store", String(decoding: answer.output.prefix(400), as: UTF8.self))
    }
  }

  /// Has it forget a login.
  func erase(_ server: String) throws {
    let answer = try run("erase", Array(server.utf8))
    guard answer.status == 0 else {
      throw failure("erase", String(decoding: answer.output.prefix(400), as: UTF8.self))
    }
  }

  private func run(_ action: String, _ input: [UInt8]) throws -> ChildProcess.Outcome {
    do throws(SystemError) {
      return try ChildProcess(running: program, [action]).communicate(input, limit: Self.limit)
    } catch {
      throw RegistryError(
        .credentialHelper, "the file of credentials names \(program), which cannot be used: \(error)",
        causedBy: error)
    }
  }

  private func failure(_ action: String, _ reason: String) -> RegistryError {
    RegistryError(.credentialHelper, "\(program) \(action) failed: \(reason.printable)")
  }
}
