import Bytes
import Glibc
import LinuxSystem
internal import Squash
import SystemPackage

/// Files by their names, in a directory or in an archive.
protocol ImageFiles: Sendable {
  /// Opens a file; nil if there is none of that name.
  func open(_ name: String) throws -> (stream: any ByteStream, size: Int64)?
}

extension ImageFiles {
  /// A whole document; nil if there is none of that name.
  func document(_ name: String) throws -> [UInt8]? {
    guard let (stream, size) = try open(name) else { return nil }
    guard size <= Int64(OCIIndex.longest) else {
      throw OCIError(.limitExceeded, "\(name) has \(size) bytes; at most 16 MiB are accepted")
    }
    return try stream.bytes(limit: OCIIndex.longest)
  }
}

/// The files beneath a directory.
struct DirectoryFiles: ImageFiles {
  let path: FilePath

  func open(_ name: String) throws -> (stream: any ByteStream, size: Int64)? {
    guard let file = try Self.regularFile(path.appending(name)) else { return nil }
    return (RandomAccessStream(file), try file.byteCount)
  }

  /// Opens a regular file; nil if nothing has the name.
  static func regularFile(_ path: FilePath) throws -> RandomAccessFile? {
    let descriptor: OwnedDescriptor
    do {
      descriptor = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK)
    } catch {
      if [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) { return nil }
      throw error
    }
    guard try descriptor.status().st_mode & S_IFMT == S_IFREG else {
      throw OCIError(.notImage, "\(path.string.printable) is not a regular file")
    }
    return RandomAccessFile(adopting: descriptor)
  }
}

/// The files in a tar archive, which is plain or compressed with gzip or zstd. They are read where they are; of a compressed
/// archive, everything before a file is decompressed again to reach it.
struct ArchiveFiles: ImageFiles {
  private static let mostLinks = 16

  private let file: RandomAccessFile
  private let isCompressed: Bool
  private var members: [[UInt8]: ArchiveMember] = [:]

  init(_ path: FilePath) throws {
    guard let file = try DirectoryFiles.regularFile(path) else {
      throw SystemError(errno: .noSuchFileOrDirectory, operation: "open", path: path)
    }
    self.file = file
    let head = try file.read(4, at: 0)
    isCompressed = head.starts(with: [0x1F, 0x8B]) || head.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
    // Of several members of one name, the last one counts.
    for member in try ArchiveMember.all(of: FileSource(file)) { members[Self.clean(member.name)] = member }
  }

  func open(_ name: String) throws -> (stream: any ByteStream, size: Int64)? {
    var key = Self.clean(Array(name.utf8))
    for _ in 0..<Self.mostLinks {
      guard let member = members[key] else { return nil }
      if let target = member.target {
        let base =
          member.isHardLink ? [] : Array(key.split(separator: 0x2F).dropLast().joined(separator: [0x2F]))
        key = Self.clean(base + [0x2F] + target)
        continue
      }
      guard isCompressed else {
        return (
          RandomAccessStream(Window(file, start: member.offset, byteCount: member.size)), member.size
        )
      }
      return (try MemberStream(file, member), member.size)
    }
    throw OCIError(.notImage, "\(name.printable) in the archive is a link that leads to itself")
  }

  /// A name without empty components and `.`; `..` goes up, but not out.
  private static func clean(_ name: [UInt8]) -> [UInt8] {
    var parts: [ArraySlice<UInt8>] = []
    for part in name.split(separator: 0x2F) where !part.elementsEqual([0x2E]) {
      if part.elementsEqual([0x2E, 0x2E]) { _ = parts.popLast() } else { parts.append(part) }
    }
    return Array(parts.joined(separator: [0x2F]))
  }
}

/// A file that is read as an archive from its beginning.
private final class FileSource: SkippingSource {
  private let file: RandomAccessFile
  private var offset: Int64 = 0

  init(_ file: RandomAccessFile) { self.file = file }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    do throws(StorageFault) {
      let count = try file.read(into: buffer, at: offset)
      offset += Int64(count)
      return count
    } catch { throw SquashError(error) }
  }

  func skip(_ count: Int64) throws(SquashError) -> Int64 {
    do throws(StorageFault) {
      let left = max(try file.byteCount - offset, 0)
      offset += min(left, count)
      return max(count - left, 0)
    } catch { throw SquashError(error) }
  }
}

/// A member of a compressed archive.
private final class MemberStream: ByteStream, @unchecked Sendable {
  private let input: TarInput
  private var left: Int64

  init(_ file: RandomAccessFile, _ member: ArchiveMember) throws {
    input = try TarInput(FileSource(file))
    try input.skip(member.offset)
    left = member.size
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard left > 0 else { return 0 }
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, Int64(buffer.count)))])
    let count = try input.read(into: part)
    left -= Int64(count)
    return count
  }
}
