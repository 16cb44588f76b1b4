import Bytes
public import SIF
public import Squash

/// Digital Forensics XML 1.1.0, piece by piece in the order of the document (spec/timeline.md, "DFXML"):
/// ``start(program:version:image:)``, ``volumeStart(_:offset:)`` with files and ``volumeEnd``, objects, ``end``.
public enum DFXML {
  /// The names of the digests that the format knows.
  public static let algorithms = ["md5", "sha1", "sha256"]

  /// The start of the document.
  public static func start(program: String, version: String, image: [UInt8]) -> [UInt8] {
    Array(
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <dfxml xmlns="http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML" \
      xmlns:dc="http://purl.org/dc/elements/1.1/" version="1.1.0">
        <metadata><dc:type>Disk Image</dc:type></metadata>
        <creator><program>\(program)</program><version>\(version)</version></creator>
        <source><image_filename>\(text(image))</image_filename></source>

      """.utf8)
  }

  /// The end of the document.
  public static let end = Array("</dfxml>\n".utf8)

  /// The start of a partition's files.
  ///
  /// - Parameter offset: the offset of the partition in the image; nil if the file does not hold its bytes,
  ///   as for an encrypted one.
  public static func volumeStart(_ superblock: Superblock, offset: Int64?) -> [UInt8] {
    let attribute = offset.map { " offset=\"\($0)\"" } ?? ""
    let position = offset.map { $0 > 0 ? "<partition_offset>\($0)</partition_offset>" : "" } ?? ""
    return Array(
      """
        <volume\(attribute)>
          \(position)<block_size>\(superblock.blockSize)</block_size><ftype_str>squashfs</ftype_str>

      """.utf8)
  }

  /// A partition whose files are left out.
  ///
  /// - Parameters:
  ///   - offset: the offset of the partition in the image.
  ///   - error: the reason, as text.
  public static func unreadVolume(offset: Int64, error: String) -> [UInt8] {
    Array(
      "  <volume offset=\"\(offset)\">\n    <partition_offset>\(offset)</partition_offset><error>\(text(Array(error.utf8)))</error>\n  </volume>\n"
        .utf8)
  }

  /// The end of a partition's files.
  public static let volumeEnd = Array("  </volume>\n".utf8)

  /// A file in a partition.
  ///
  /// - Parameters:
  ///   - partition: the number of the partition, from 1.
  ///   - id: a number that no other file of the document has.
  ///   - runs: the places of the content, if it is stored uncompressed.
  ///   - offset: the offset of the partition in the image; nil if the file does not hold its bytes, as for an
  ///     encrypted one.
  public static func file(
    _ entry: Entry, partition: Int, id: Int, digest: (name: String, value: [UInt8])?, runs: [StoredRun]?,
    offset: Int64?
  ) -> [UInt8] {
    let inode = entry.inode
    var text = "    <fileobject><filename>\(Self.text(entry.path))</filename>"
    text += "<partition>\(partition)</partition><id>\(id)</id><name_type>\(inode.type.letter)</name_type>"
    text += "<filesize>\(inode.size)</filesize><alloc>1</alloc>"
    text += "<inode>\(inode.number)</inode><meta_type>\(inode.type.sleuthKitNumber)</meta_type>"
    text += "<mode>\(inode.permissions)</mode><nlink>\(inode.linkCount)</nlink>"
    text += "<uid>\(inode.userID)</uid><gid>\(inode.groupID)</gid>"
    text += time("mtime", Timestamp(seconds: Int64(inode.modificationTime)))
    if let target = inode.symlinkTarget { text += "<link_target>\(Self.text(target))</link_target>" }
    if let runs { text += byteRuns(runs, offset) }
    return Array((text + hash(digest) + "</fileobject>\n").utf8)
  }

  /// An object of the image.
  ///
  /// - Parameter range: the place of its bytes; nil if they are not in the file.
  public static func object(
    _ descriptor: Descriptor, name: [UInt8], id: Int, range: Range<Int64>?,
    digest: (name: String, value: [UInt8])?
  ) -> [UInt8] {
    var text = "  <fileobject><filename>\(Self.text(name))</filename><id>\(id)</id><name_type>v</name_type>"
    text += "<filesize>\(descriptor.size)</filesize><alloc>1</alloc><inode>\(descriptor.id)</inode>"
    if descriptor.uid >= 0 { text += "<uid>\(descriptor.uid)</uid>" }
    if descriptor.gid >= 0 { text += "<gid>\(descriptor.gid)</gid>" }
    text += time("mtime", descriptor.modifiedAt) + time("crtime", descriptor.createdAt)
    if let range {
      let count = range.upperBound - range.lowerBound
      text +=
        "<byte_runs><byte_run file_offset=\"0\" img_offset=\"\(range.lowerBound)\" len=\"\(count)\"/></byte_runs>"
    }
    return Array((text + hash(digest) + "</fileobject>\n").utf8)
  }

  private static func time(_ element: String, _ time: Timestamp) -> String {
    time == .none || !time.isPlausible ? "" : "<\(element)>\(time.iso8601)</\(element)>"
  }

  private static func hash(_ digest: (name: String, value: [UInt8])?) -> String {
    digest.map { "<hashdigest type=\"\($0.name)\">\(Hexadecimal.text($0.value))</hashdigest>" } ?? ""
  }

  private static func byteRuns(_ runs: [StoredRun], _ offset: Int64?) -> String {
    let elements = runs.map { run in
      let place = offset.map { " img_offset=\"\($0 + run.imageOffset)\"" } ?? ""
      return
        "<byte_run file_offset=\"\(run.fileOffset)\" fs_offset=\"\(run.imageOffset)\"\(place) len=\"\(run.byteCount)\"/>"
    }
    return "<byte_runs>\(elements.joined())</byte_runs>"
  }

  /// Bytes as the text of an element: markup is escaped; control characters, bytes that are not UTF-8 and
  /// other characters that XML forbids become `\xNN`.
  private static func text(_ bytes: [UInt8]) -> String {
    var text = ""
    for character in bytes.escapedName.unicodeScalars {
      switch character {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      // The last two code points of each plane are not characters.
      case _ where character.value & 0xFFFE == 0xFFFE: text += "\\u{\(String(character.value, radix: 16))}"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }
}
