import Bytes
import Gocryptfs

/// A configuration of gocryptfs; a cheap one is also opened.
@Sendable func fuzzConfiguration(_ bytes: [UInt8]) {
  guard let configuration = try? Configuration(reading: bytes) else { return }
  let cost = configuration.cost
  _ = (cost.description, try? cost.check())
  guard (try? Configuration(reading: configuration.text)) == configuration else {
    fatalError("the text of a configuration is another one")
  }
  guard cost.iterations == 1024, cost.blockSize == 8, cost.lanes == 1 else { return }
  let key = Array("secret".utf8)
  _ = try? configuration.unlock(key.span)
}

/// The key of the files in the corpus.
private let contentKey: ContentKey? = {
  let text = """
    {"EncryptedKey": "G964+3Lo53LxcmlR9LaXz3sUmX0P2hauXZqDT/K9N68wS6D1Gx//ZYBzk5OkmQLUWXnHfgoy0njr88JMFAybng==",
    "ScryptObject": {"Salt": "nqpWXTellcimcBkmi9V+a4ohRJZAVrNX0oFuMLaguKs=", "N": 1024, "R": 8, "P": 1, "KeyLen": 32},
    "Version": 2, "FeatureFlags": ["HKDF", "GCMIV128", "PlaintextNames"]}
    """
  let key = Array("secret".utf8)
  return try? Configuration(reading: Array(text.utf8)).unlock(key.span)
}()

/// The bytes as an encrypted file, and as a file to encrypt.
@Sendable func fuzzEncryptedFile(_ bytes: [UInt8]) {
  guard let contentKey else { fatalError("the configuration of the corpus does not open") }
  if let reader = try? FileReader(MemoryReader(bytes), key: contentKey) {
    guard reader.byteCount <= bytes.count else { fatalError("more bytes than were encrypted") }
    _ = try? reader.read(10_000, at: 0)
    _ = try? reader.read(10_000, at: reader.byteCount / 2)
  }
  guard let encryptor = try? FileEncryptor(MemoryReader(bytes), key: contentKey, threads: 1) else {
    fatalError("not encrypted")
  }
  var encrypted = [UInt8](repeating: 0, count: Int(encryptor.byteCount))
  try? encrypted.withUnsafeMutableBytes { try encryptor.read(into: $0) }
  let reader = try? FileReader(MemoryReader(encrypted), key: contentKey)
  guard (try? reader?.read(bytes.count, at: 0)) == bytes else {
    fatalError("not decrypted to the same bytes")
  }
}
