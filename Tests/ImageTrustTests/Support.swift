import Gcrypt
import ImageTrust
import OpenPGP
import SIF
import SystemPackage
import TestSupport
import Testing

/// 2024-01-01 00:00 UTC, when the test keys were made, and the days after.
func day(_ number: Int64) -> Timestamp { Timestamp(seconds: 1_704_067_200 + (number - 1) * 86400) }

func ring(_ names: String...) throws -> KeyRing {
  var all = KeyRing()
  for name in names { try all.merge(try KeyRing(reading: try Fixture.read("keys/\(name)"))) }
  return all
}

/// A deterministic image in memory: two objects in group 1, one in group 2.
func sampleImage() throws -> MemoryStorage {
  let storage = MemoryStorage()
  let header = Header(id: .none, createdAt: .none)
  try storage.truncate(to: header.dataOffset)
  try storage.write(header.encoded().span.bytes, at: 0)
  var editor = try ImageEditor(editing: storage)
  try add(NewObject(.labels, name: Array("labels".utf8)), "{\"a\":\"b\"}", &editor)
  let partition = PartitionMetadata(fileSystem: .raw, type: .data, architecture: .unknown)
  try add(
    NewObject(.partition, metadata: .partition(partition)), String(repeating: "raw ", count: 2000), &editor)
  try add(NewObject(.generic, group: 2), "group two", &editor)
  return storage
}

func add(_ object: NewObject, _ text: String, _ editor: inout ImageEditor) throws {
  var source = BytesSource(Array(text.utf8))
  try editor.add(object, from: &source)
}

func sign(
  _ storage: some Storage, _ keyFile: String, _ selection: IntegritySelection = IntegritySelection(),
  at time: Timestamp = day(2)
) throws {
  let keys = try ring(keyFile)
  let certificate = try #require(keys.certificates.first)
  let secret = try keys.signingSecret(of: certificate, now: time.seconds)
  let none = try SecureBytes(count: 0)
  let key = try SigningKey(unlocking: secret, of: certificate.primary, passphrase: none)
  var editor = try ImageEditor(editing: storage)
  try ImageSigner.sign(&editor, with: key, selection: selection, at: time)
}

func verify(
  _ storage: any Storage, _ keys: [String], selection: IntegritySelection = IntegritySelection(),
  policy: VerificationPolicy = VerificationPolicy(), now: Timestamp = day(3)
) throws -> VerificationReport {
  var all = KeyRing()
  for key in keys { try all.merge(try ring(key)) }
  let image = try Image(reading: storage)
  return try ImageVerifier.verify(
    image, selection: selection, with: [OpenPGPVerifier(all, now: now)], policy: policy)
}

/// A copy of an image with one of its bytes changed.
func flipped(_ storage: MemoryStorage, _ offset: Int, _ mask: UInt8 = 1) -> MemoryStorage {
  var bytes = storage.bytes
  bytes[offset] ^= mask
  return MemoryStorage(bytes)
}

func unlocked(_ secret: SecretKey, _ primary: PublicKeyPacket) throws -> SigningKey {
  let none = try SecureBytes(count: 0)
  return try SigningKey(unlocking: secret, of: primary, passphrase: none)
}
