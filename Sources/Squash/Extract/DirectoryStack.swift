import Glibc
import LinuxSystem
import Synchronization

/// An open directory that several threads share; it is closed when the last one releases it.
final class DirectoryHandle: Sendable {
  private final class Family: Sendable {
    let count = Atomic<Int>(0)
  }

  let descriptor: OwnedDescriptor
  private let family: Family

  /// A directory beneath another one's handle, or the first of its tree.
  init(_ descriptor: consuming OwnedDescriptor, beneath parent: DirectoryHandle? = nil) {
    self.descriptor = descriptor
    family = parent?.family ?? Family()
    family.count.add(1, ordering: .relaxed)
  }

  deinit { family.count.subtract(1, ordering: .relaxed) }

  /// The number of open directories in the tree.
  var openCount: Int { family.count.load(ordering: .relaxed) }
}

/// The directories from the destination to the current one.
///
/// Directories are made and opened only when something needs them, and only the lowest ones stay open. Each
/// step is one component, so deep trees need neither many descriptors nor long paths.
struct DirectoryStack {
  /// The most directories of a path that are open at once.
  static let mostOpen = 32

  private struct Frame {
    var name: [UInt8]
    var handle: DirectoryHandle?
    var isMade: Bool
  }

  private let root: DirectoryHandle
  private let accepts: ExtractionOptions.Existing
  private let makes: Bool
  private var frames: [Frame] = []

  /// - Parameter makes: whether missing directories are made.
  init(_ root: DirectoryHandle, accepts: ExtractionOptions.Existing, makes: Bool) {
    self.root = root
    self.accepts = accepts
    self.makes = makes
  }

  mutating func push(_ name: [UInt8]) { frames.append(Frame(name: name, handle: nil, isMade: !makes)) }
  mutating func pop() { frames.removeLast() }
  var isAtRoot: Bool { frames.isEmpty }

  /// The current directory, made and opened if necessary.
  mutating func current() throws(SystemError) -> DirectoryHandle {
    if let handle = frames.last?.handle { return handle }
    var parent = root
    var next = 0
    for index in frames.indices.reversed() {
      guard let handle = frames[index].handle else { continue }
      parent = handle
      next = index + 1
      break
    }
    while next < frames.count {
      if !frames[next].isMade {
        do { try parent.descriptor.makeDirectory(frames[next].name, mode: 0o700) } catch {
          guard error.errno == .fileExists, accepts == .resume else { throw error }
          // An existing link or file makes this fail. The mode keeps others out until the final one is set.
          try parent.descriptor.setPermissions(of: frames[next].name, 0o700, type: S_IFDIR)
        }
        frames[next].isMade = true
      }
      let handle = DirectoryHandle(try parent.descriptor.openDirectory(frames[next].name), beneath: parent)
      frames[next].handle = handle
      if next >= Self.mostOpen { frames[next - Self.mostOpen].handle = nil }
      parent = handle
      next += 1
    }
    return parent
  }
}
