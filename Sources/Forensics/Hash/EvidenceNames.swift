/// Names of an earlier list that could not be read this time, though they may be there.
package final class UnreadNames {
  private var names: Set<[UInt8]> = []
  private var directories: Set<[UInt8]> = []

  /// No names yet.
  package init() {}

  /// Adds a name by itself.
  package func add(_ name: [UInt8]) { names.insert(EarlierHashes.normalized(name)) }

  /// Adds a directory, or a file taken for one, and everything in it. The empty name stands for everything.
  package func addAll(beneath name: [UInt8]) {
    var directory = EarlierHashes.normalized(name)
    while directory.last == 0x2F { directory.removeLast() }
    directories.insert(directory == [0x2E] ? [] : directory)
  }

  /// Whether a name is among them, as the list has it.
  package func contains(_ name: [UInt8]) -> Bool {
    if names.contains(name) || directories.contains(name) || directories.contains([]) { return true }
    return name.indices.contains { name[$0] == 0x2F && directories.contains(Array(name[..<$0])) }
  }
}

/// The kinds of names in an earlier list (spec/timeline.md, "Names").
package struct EvidenceNames {
  /// The things that a list has digests of.
  package enum Scope: Sendable {
    case file
    case objects
    case files
  }

  private let image: [UInt8]
  private let hasPrefix: Bool
  private let wanted: UInt32?
  private let ids: Set<UInt32>
  private let isTableRead: Bool

  /// The names in a list about an image.
  ///
  /// - Parameters:
  ///   - image: the name of the image.
  ///   - hasPrefix: whether files have other names than the image's with something after it.
  ///   - wanted: the object whose files were asked for; nil for all.
  ///   - ids: the ids of the objects whose descriptors were read.
  ///   - isTableRead: whether all descriptors were read, so that there are no other objects.
  package init(
    image: [UInt8], hasPrefix: Bool, wanted: UInt32?, ids: Set<UInt32>, isTableRead: Bool
  ) {
    self.image = EarlierHashes.normalized(image)
    self.hasPrefix = hasPrefix
    self.wanted = wanted
    self.ids = ids
    self.isTableRead = isTableRead
  }

  private enum Name {
    case image
    case object(UInt32)
    case file(UInt32)
    case other
  }

  private func kind(of name: [UInt8]) -> Name {
    guard name.starts(with: image) else { return .other }
    let rest = name.dropFirst(image.count)
    if rest.isEmpty { return .image }
    guard rest.first == UInt8(ascii: "#") else { return .other }
    let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
    guard let id = UInt32(String(decoding: digits, as: UTF8.self)) else { return .other }
    if digits.endIndex == name.endIndex { return .object(id) }
    return name[digits.endIndex] == 0x2F ? .file(id) : .other
  }

  /// Whether a name is in the scope that was asked for. A name of unknown origin counts as if it was.
  package func isWanted(_ name: [UInt8], _ wants: (Scope) -> Bool) -> Bool {
    switch kind(of: name) {
    case .image: wants(.file)
    case .object: wants(.objects)
    // With --prefix files have other names.
    case .file(let id): wants(.files) && !hasPrefix && (wanted ?? id) == id
    case .other: true
    }
  }

  /// Whether a name is of an object, or a file in one, whose descriptor may be in the part of the table that was not
  /// read.
  package func isBeyondTable(_ name: [UInt8]) -> Bool {
    switch kind(of: name) {
    case .object(let id), .file(let id): !isTableRead && !ids.contains(id)
    case .image, .other: false
    }
  }
}
