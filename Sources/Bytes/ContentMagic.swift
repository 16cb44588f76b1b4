/// The bytes by which contents are recognised.
package enum ContentMagic {
  /// At the start of a squashfs: `hsqs`.
  package static let squashfs: [UInt8] = [0x68, 0x73, 0x71, 0x73]
  /// At the start of a LUKS volume: `LUKS` and two bytes that are not text.
  package static let luks: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]
  /// At offset ``extOffset`` of an ext2, ext3 or ext4 file system.
  package static let ext: [UInt8] = [0x53, 0xEF]
  /// The offset of ``ext``.
  package static let extOffset = 1080
  /// At the start of a clear-signed message.
  package static let clearSigned = Array("-----BEGIN PGP SIGNED MESSAGE-----".utf8)
  /// At the start of any armor, PEM's or OpenPGP's.
  package static let armor = Array("-----BEGIN ".utf8)
}
