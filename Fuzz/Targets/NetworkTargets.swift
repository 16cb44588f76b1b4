import Keyserver
import Library
import Remotes

/// What a key server answers: an index, or a key.
@Sendable func fuzzKeyserverAnswer(_ bytes: [UInt8]) {
  if let index = KeyserverIndex(reading: bytes) {
    for entry in index.entries {
      // Every name that is taken is one that can be asked for.
      if KeyName(entry.name.digits) != entry.name { fatalError("the name changed") }
      _ = entry.userIDs.map(\.text)
    }
  }
  guard let server = try? KeyserverAddress("hkp://localhost") else { fatalError("an address can be read") }
  for digits in ["3BD73D170B28614DD6E22C9091C4FEDB9D37F723", "91C4FEDB9D37F723", "9D37F723"] {
    guard let name = KeyName(digits) else { fatalError("a name can be read") }
    guard let found = try? KeyserverClient.key(name, in: bytes, of: server, now: 1_800_000_000) else {
      continue
    }
    if found.ring.certificates.count != 1 || found.packets.isEmpty { fatalError("other keys than one") }
    if !found.ring.certificates.allSatisfy({ name.names($0, now: 1_800_000_000) }) {
      fatalError("another key")
    }
  }
}

/// A file of remotes that can be read is written as text with the same content; and a site's list of services.
@Sendable func fuzzRemotes(_ bytes: [UInt8]) {
  _ = try? ServiceDirectory(reading: bytes)
  guard let file = try? RemoteFile(reading: bytes) else { return }
  guard let again = try? RemoteFile(reading: Array(file.text.utf8)) else {
    fatalError("the text cannot be read")
  }
  if again != file { fatalError("the content changed") }
  for family in RemoteFamily.allCases {
    guard var settings = try? RemoteSettings(family: family, user: file, system: nil) else { continue }
    _ = try? settings.active()
    for remote in settings.remotes { _ = try? settings.setToken("t", of: remote.name) }
    if (try? RemoteFile(reading: Array(settings.user.text.utf8))) != settings.user {
      fatalError("the content changed")
    }
  }
}

/// The answers of a container library, and references to images.
@Sendable func fuzzLibraryAnswer(_ bytes: [UInt8]) {
  _ = LibraryAnswer.errorMessage(bytes)
  if let data = try? LibraryAnswer.data(bytes), let image = try? LibraryImage(data) {
    if let digits = image.sha256, digits.utf8.count != 64 { fatalError("a digest of another length") }
    _ = image.reference
  }
  guard let reference = try? LibraryReference(String(decoding: bytes, as: UTF8.self)) else { return }
  if (try? LibraryReference(reference.description)) != reference { fatalError("the reference changed") }
  if reference.fileName.contains("/") || reference.fileName.hasPrefix(".") {
    fatalError("a name that leads elsewhere")
  }
}
