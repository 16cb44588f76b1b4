import Glibc
import Squash
import Synchronization

/// The places where readers of directories stopped, so that the next part of a long listing does not start over.
///
/// This is only a cache: a place that is not in it is found by counting again.
final class DirectoryPlaces: Sendable {
  struct Key: Hashable, Sendable {
    var node: UInt64
    var ordinal: UInt64
  }

  /// A listing, and the name that it returned last, if there was no room for it.
  struct Place: Sendable {
    var listing: DirectoryListing
    var pending: ListedName?
  }

  private static let capacity = 64
  private let places = Mutex<[(key: Key, place: Place)]>([])

  func take(_ key: Key) -> Place? {
    places.withLock { places in
      places.lastIndex { $0.key == key }.map { places.remove(at: $0).place }
    }
  }

  func put(_ key: Key, _ place: Place) {
    places.withLock { places in
      if places.count == Self.capacity { places.removeFirst() }
      places.append((key, place))
    }
  }
}

extension FuseWorker {
  /// Lists a directory from an offset on, as far as there is room. Offsets count entries: "." and ".." are
  /// the first two. An entry is sent with the offset of the next one.
  func list(_ request: FuseRequest, withAttributes: Bool) throws(FuseFailure) {
    let node = request.node
    let room = min(Int(request.argument(16) as UInt32), FuseReply.longest)
    var ordinal: UInt64 = request.argument(8)
    let directory = try inode(node)
    guard let start = DirectoryListing(directory) else { throw FuseFailure(ENOTDIR) }
    while ordinal < 2 {
      let number = ordinal == 0 ? directory.number : directory.parentNumber ?? directory.number
      let name = [UInt8](repeating: 0x2E, count: Int(ordinal) + 1)
      guard append(name, number, .directory, nil, withAttributes, next: ordinal + 1, room: room) else {
        return
      }
      ordinal += 1
    }
    var place = DirectoryPlaces.Place(listing: start)
    if let known = session.places.take(DirectoryPlaces.Key(node: node, ordinal: ordinal)) {
      place = known
    } else {
      for _ in 2..<ordinal {
        guard try next(&place) != nil else { return }
      }
    }
    while let listed = try next(&place) {
      // List even an inode that cannot be read: looking it up reports the error.
      let inode = withAttributes ? try? reader.inode(of: listed) : nil
      let entry = inode.map { (listed, $0) }
      guard
        append(listed.name, listed.number, listed.type, entry, withAttributes, next: ordinal + 1, room: room)
      else {
        place.pending = listed
        return session.places.put(DirectoryPlaces.Key(node: node, ordinal: ordinal), place)
      }
      ordinal += 1
    }
  }

  private func next(_ place: inout DirectoryPlaces.Place) throws(FuseFailure) -> ListedName? {
    if let pending = place.pending.take() { return pending }
    do throws(SquashError) { return try place.listing.next(reader) } catch { throw FuseFailure(error) }
  }

  /// Appends an entry, padded to eight bytes. Returns false if there is no room for it.
  private func append(
    _ name: [UInt8], _ number: UInt32, _ type: FileType?, _ entry: (ListedName, Inode)?,
    _ withAttributes: Bool,
    next: UInt64, room: Int
  ) -> Bool {
    let length = ((withAttributes ? 128 : 0) + 24 + name.count + 7) & ~7
    guard reply.count + length <= room else { return false }
    let end = reply.count + length
    if let (listed, inode) = entry {
      append(entryOf: inode, listed)
    } else if withAttributes {
      // The kernel uses only the name of an entry without an inode.
      for _ in 0..<16 { reply.append(UInt64(0)) }
    }
    reply.append(UInt64(number))
    reply.append(next)
    reply.append(UInt32(name.count))
    reply.append(type.map(Self.kind) ?? 0)
    reply.append(name)
    while reply.count < end { reply.append(UInt8(0)) }
    return true
  }

  /// The type as readdir(3) has it: the high bits of the mode.
  private static func kind(_ type: FileType) -> UInt32 {
    switch type {
    case .directory: 4
    case .regular: 8
    case .symlink: 10
    case .blockDevice: 6
    case .characterDevice: 2
    case .fifo: 1
    case .socket: 12
    }
  }
}
