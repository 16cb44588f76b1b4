import Bytes
import CSquashfs

/// The objects of libsquashfs that write the tables after the data. One thread uses them all.
final class MetadataTables {
  private let metadataCompressor: MetadataCompressor
  private let inodes: OpaquePointer
  private let directories: OpaquePointer
  private let directoryWriter: OpaquePointer
  private let ids: OpaquePointer
  private let xattrs: OpaquePointer
  private let fragments: OpaquePointer
  private let file: LibraryFile
  private var compressor: UnsafeMutablePointer<sqfs_compressor_t> { metadataCompressor.pointer }
  private var superblock = sqfs_super_t()
  private var hasAttributes = false

  /// Prepares the tables, which begin at the file's current size.
  init(_ file: LibraryFile, _ options: WriterOptions) throws(SquashError) {
    self.file = file
    metadataCompressor = try MetadataCompressor(options)
    let compressor = metadataCompressor.pointer
    let made = [
      sqfs_meta_writer_create(file.pointer, compressor, 0),
      sqfs_meta_writer_create(file.pointer, compressor, UInt32(SQFS_META_WRITER_KEEP_IN_MEMORY.rawValue)),
      sqfs_id_table_create(0), sqfs_xattr_writer_create(0), sqfs_frag_table_create(0),
    ]
    guard let inodes = made[0], let directories = made[1], let ids = made[2], let xattrs = made[3],
      let fragments = made[4],
      let writer = sqfs_dir_writer_create(
        directories, UInt32(SQFS_DIR_WRITER_CREATE_EXPORT_TABLE.rawValue))
    else {
      for object in made.compactMap({ $0 }) { sqfs_destroy(UnsafeMutableRawPointer(object)) }
      throw .outOfMemory("the tables")
    }
    (self.inodes, self.directories, self.ids, self.xattrs) = (inodes, directories, ids, xattrs)
    self.fragments = fragments
    directoryWriter = writer
    try file.check(
      sqfs_super_init(
        &superblock, options.blockSize, options.creationTime,
        SQFS_COMPRESSOR(rawValue: UInt32(options.compression.rawValue))), "begin a superblock")
  }

  deinit {
    for object in [directoryWriter, inodes, directories, ids, xattrs, fragments] {
      sqfs_destroy(UnsafeMutableRawPointer(object))
    }
  }

  /// Writes the compressor's options after the superblock if they differ from its defaults.
  func writeCompressorOptions() throws(SquashError) {
    let written = try metadataCompressor.writeOptions(file)
    if written > 0 { superblock.flags |= UInt16(SQFS_FLAG_COMPRESSOR_OPTIONS.rawValue) }
  }

  /// The index of a user or group id.
  func index(ofID id: UInt32) throws(SquashError) -> UInt16 {
    var index: UInt16 = 0
    let status = sqfs_id_table_id_to_index(ids, id, &index)
    guard status != SQFS_ERROR_OVERFLOW.rawValue else {
      throw SquashError(.unsupported, "more than 65536 different users and groups")
    }
    try file.check(status, "add an id")
    return index
  }

  /// The index of a set of extended attributes.
  func index(of attributes: [ExtendedAttribute]) throws(SquashError) -> UInt32 {
    guard !attributes.isEmpty else { return Inode.none }
    hasAttributes = true
    // Do not write what readers refuse.
    let total = attributes.reduce(0) { $0 + $1.name.count + $1.value.count }
    guard attributes.count <= ExtendedAttribute.mostOfOneFile, total <= ExtendedAttribute.longestSet else {
      throw SquashError(.unsupported, "\(attributes.count) extended attributes of \(total) bytes in all")
    }
    for attribute in attributes {
      guard attribute.value.count <= ExtendedAttribute.longestValue else {
        throw SquashError(
          .unsupported, "an extended attribute of \(attribute.value.count) bytes; Linux takes up to 64 KiB")
      }
      guard attribute.name.count <= ExtendedAttribute.longestName,
        attribute.name.drop(while: { $0 != 0x2E }).count > 1
      else {
        throw SquashError(
          .unsupported,
          "an extended attribute with a name of \(attribute.name.count) bytes, \(attribute.name.prefix(40).escapedName): "
            + "Linux does not accept such a name")
      }
    }
    try file.check(sqfs_xattr_writer_begin(xattrs, 0), "begin extended attributes")
    for attribute in attributes {
      let name = attribute.name.map { CChar(bitPattern: $0) } + [0]
      try file.check(
        sqfs_xattr_writer_add(xattrs, name, attribute.value, attribute.value.count),
        "add an extended attribute")
    }
    var index = Inode.none
    try file.check(sqfs_xattr_writer_end(xattrs, &index), "end extended attributes")
    return index
  }

  /// Starts the inode table here.
  func beginInodes() { superblock.inode_table_start = UInt64(file.size) }

  /// The reference that the next inode will have.
  private var inodeReference: UInt64 {
    var block: UInt64 = 0
    var offset: UInt32 = 0
    sqfs_meta_writer_get_position(inodes, &block, &offset)
    return block << 16 | UInt64(offset)
  }

  /// Appends an inode; returns its reference.
  func append(inode bytes: [UInt8]) throws(SquashError) -> UInt64 {
    let reference = inodeReference
    try file.check(sqfs_meta_writer_append(inodes, bytes, bytes.count), "write an inode")
    return reference
  }

  func beginDirectory() throws(SquashError) {
    try file.check(sqfs_dir_writer_begin(directoryWriter, 0), "begin a directory")
  }

  func addEntry(_ name: [UInt8], number: UInt32, reference: UInt64, mode: UInt32) throws(SquashError) {
    let text = name.map { CChar(bitPattern: $0) } + [0]
    try file.check(
      sqfs_dir_writer_add_entry(
        directoryWriter, text, number, reference, UInt16(truncatingIfNeeded: mode)), "add a directory entry")
  }

  /// Ends a directory's listing. The inode that refers to it is made now and written later.
  func endDirectory(
    links: Int, xattr: UInt32, parent: UInt32
  ) throws(SquashError) -> UnsafeMutablePointer<sqfs_inode_generic_t> {
    try file.check(sqfs_dir_writer_end(directoryWriter), "end a directory")
    guard let inode = sqfs_dir_writer_create_inode(directoryWriter, links, xattr, parent) else {
      throw .outOfMemory("a directory")
    }
    return inode
  }

  /// Writes a directory's inode and frees it; returns its reference.
  func append(directory inode: UnsafeMutablePointer<sqfs_inode_generic_t>) throws(SquashError) -> UInt64 {
    defer { sqfs_free(inode) }
    let reference = inodeReference
    try file.check(sqfs_meta_writer_write_inode(inodes, inode), "write a directory's inode")
    return reference
  }

  func addFragment(start: Int64, word: UInt32) throws(SquashError) {
    try file.check(sqfs_frag_table_append(fragments, UInt64(start), word, nil), "add a fragment")
  }

  /// Writes all tables and then the superblock; returns the length of the file system.
  func finish(rootNumber: UInt32, rootReference: UInt64) throws(SquashError) -> Int64 {
    try file.check(sqfs_meta_writer_flush(inodes), "write the inode table")
    superblock.directory_table_start = UInt64(file.size)
    try file.check(sqfs_meta_writer_flush(directories), "write the directory table")
    try file.check(sqfs_meta_write_write_to_file(directories), "write the directory table")
    superblock.inode_count = rootNumber
    superblock.root_inode_ref = rootReference
    try file.check(
      sqfs_frag_table_write(fragments, file.pointer, &superblock, compressor), "write the fragment table")
    try file.check(
      sqfs_dir_writer_write_export_table(
        directoryWriter, file.pointer, compressor, rootNumber, rootReference, &superblock),
      "write the export table")
    try file.check(sqfs_id_table_write(ids, file.pointer, &superblock, compressor), "write the id table")
    if hasAttributes {
      try file.check(
        sqfs_xattr_writer_flush(xattrs, file.pointer, &superblock, compressor),
        "write the table of extended attributes")
    } else {
      superblock.flags |= UInt16(SQFS_FLAG_NO_XATTRS.rawValue)
    }
    superblock.bytes_used = UInt64(file.size)
    try file.check(sqfs_super_write(&superblock, file.pointer), "write the superblock")
    return Int64(superblock.bytes_used)
  }
}
