/// A file in an archive: where its bytes are, or what it is a link to.
package struct ArchiveMember: Sendable {
  /// The name as it is in the archive.
  package var name: [UInt8]
  /// The place of the first byte in the archive, decompressed.
  package var offset: Int64
  /// The number of bytes.
  package var size: Int64
  /// The target of a symbolic link, or of a hard link.
  package var target: [UInt8]?
  /// Whether the target is as seen from the archive's root, as that of a hard link is.
  package var isHardLink = false

  /// The most members of an archive that is read this way.
  private static let most = 100_000

  /// The files of an archive, in order; directories and the like are left out.
  package static func all(of source: any ArchiveSource) throws(SquashError) -> [ArchiveMember] {
    let input = try TarInput(source)
    let parser = TarParser(input)
    var members: [ArchiveMember] = []
    while let entry = try parser.next() {
      var member = ArchiveMember(name: entry.name, offset: input.offset, size: entry.storedSize)
      if entry.isLink {
        member.target = entry.target
        member.isHardLink = true
      } else if entry.fileType == .symlink {
        member.target = entry.target
      } else if entry.fileType != .regular || entry.extents != nil {
        try input.skip(entry)
        continue
      }
      guard members.count < most else {
        throw SquashError(.limitExceeded, "the archive has more than \(most) members")
      }
      members.append(member)
      try input.skip(entry)
    }
    return members
  }
}
