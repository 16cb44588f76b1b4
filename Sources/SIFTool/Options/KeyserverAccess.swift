import Bytes
import CommandKit
import ImageTrust
import Keyserver
import Remotes
import SIF
import Transport

/// The key servers that a command asks: the one that the user names, or those of the remote in use.
struct KeyserverAccess {
  let clients: [KeyserverClient]

  /// Clients of key servers.
  ///
  /// - Parameters:
  ///   - urls: addresses that the user gave; without any, those of the remote in use.
  ///   - settings: how servers are asked.
  init(_ urls: [String], _ settings: HTTPSettings, _ reporter: Reporter) throws {
    let addresses = try urls.map { try KeyserverAddress($0) }
    let choices: [KeyserverChoice]
    if urls.isEmpty {
      choices = try RemoteClient(settings: settings).keyservers(try RemoteStore.ofProcess().settings())
    } else {
      choices = try Self.named(addresses, reporter)
    }
    clients = try choices.map { choice in
      var settings = settings
      if !choice.checksCertificate { settings.checksCertificates = false }
      return KeyserverClient(
        try KeyserverAddress(choice.uri), settings: settings, authorization: choice.authorization)
    }
  }

  /// Servers that the user named, with logins that were made for them. A file of remotes that cannot be read has none.
  private static func named(
    _ addresses: [KeyserverAddress], _ reporter: Reporter
  ) throws -> [KeyserverChoice] {
    guard let store = try? RemoteStore.ofProcess() else {
      return addresses.map { KeyserverChoice(uri: $0.description) }
    }
    do {
      let settings = try store.settings()
      return addresses.map { settings.keyserver(at: $0.description) }
    } catch {
      reporter.warn("\(error.description); asking without a login")
      return addresses.map { KeyserverChoice(uri: $0.description) }
    }
  }

  /// The key of a name, of the first server that has it, with that server's address.
  ///
  /// - Throws: the error of the last server. Those of the others are warnings.
  func key(
    _ name: KeyName, _ reporter: Reporter
  ) throws -> (found: KeyserverClient.FoundKey, server: KeyserverAddress) {
    var last: KeyserverError?
    for client in clients {
      if let last { reporter.warn(last.description) }
      do throws(KeyserverError) {
        return (try client.key(name, now: Timestamp.now.seconds), client.server)
      } catch { last = error }
    }
    throw last ?? ToolFailure(.key, code: "no-key", "there is no key server")
  }

  /// The keys that signatures of an image name and nobody gave, as far as the servers have them.
  func missingKeys(_ verification: ImageVerification, in image: Image, _ reporter: Reporter) throws
    -> ServerKeys
  {
    let (names, areAll) = verification.missingKeys(in: image)
    var keys = ServerKeys()
    if !areAll {
      reporter.warn("signatures name more than \(names.count) unknown keys; only these are asked for")
    }
    for name in names {
      guard let name = KeyName(name) else { continue }
      do {
        let (found, server) = try key(name, reporter)
        try keys.add(found.ring, from: server.description)
      } catch {
        reporter.warn(ToolFailure(error).message)
        // Each further key would wait for the same server.
        if (error as? KeyserverError)?.code == .transport { break }
      }
    }
    return keys
  }
}
