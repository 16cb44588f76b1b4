import Bytes
import Testing
import TestSupport

@testable import SIF

/// Power cuts: whatever part of an edit reached the disk, the image opens as the old one or the new one, and
/// the next writer goes on from there.
@Suite struct CrashTests {
  /// An image as its readers see it: its objects with their bytes, and which partition is the primary one.
  /// The header's counters and the times of change are left out: the next writer sets them.
  private struct State: Equatable, CustomStringConvertible {
    var objects: [String]
    var primary: UInt32?

    init(_ storage: any Storage) throws {
      let image = try Image(reading: storage)
      objects = try image.descriptors.map { descriptor in
        var copy = descriptor
        copy.modifiedAt = .none
        if case .partition(var partition) = copy.metadata, partition.type == .primarySystem {
          // The choice of the primary partition is compared for the image as a whole, below.
          partition.type = .system
          copy.extra = Metadata.partition(partition).encoded
        }
        let bytes = try image.bytes(of: descriptor).prefix(1 << 20)
        return copy.encoded().hexadecimal + ":" + bytes.hexadecimal
      }
      primary = image.primarySystemPartition?.id
    }

    var description: String { "\(objects.count) objects, primary \(primary ?? 0)" }
  }

  /// Runs an edit on a recording copy, then replays every prefix of its writes: all of each write, and each
  /// write torn at every byte; and every order that a disk may choose between two synchronisations.
  ///
  /// - Parameter torn: whether an image that is neither the old nor the new one is allowed after a torn
  ///   write.
  private func replay(
    _ name: String, on start: [UInt8], torn isAllowed: ([UInt8]) throws -> Bool = { _ in false },
    _ edit: (inout ImageEditor) throws -> Void
  ) throws {
    let recording = RecordingStorage(start)
    var editor = try ImageEditor(editing: recording)
    try edit(&editor)
    let old = try State(MemoryStorage(start))
    let new = try State(MemoryStorage(recording.bytes))
    #expect(old != new, "\(name): the edit changes something")

    var reachedNew = false
    func judge(_ bytes: [UInt8], _ place: String, isTorn: Bool) throws {
      let state: State
      do {
        state = try State(MemoryStorage(bytes))
      } catch {
        Issue.record("\(name), \(place): \(error)")
        return
      }
      if isTorn, state != old, state != new, try isAllowed(bytes) { return }
      if state != old, state != new { Issue.record("\(name), \(place): neither old nor new: \(state)") }
      // Once the new image has appeared, the old one must not return.
      if state == new {
        reachedNew = true
      } else if reachedNew {
        Issue.record("\(name), \(place): old again")
      }
    }

    var stable = MemoryStorage(start)
    var pending: [RecordingStorage.Event] = []
    for (index, event) in recording.events.enumerated() {
      if case .synchronize = event {
        try judgeReordered(pending, on: stable.bytes, old, new, "\(name), before synchronisation \(index)")
        for event in pending { try Self.apply(event, to: stable) }
        pending = []
        continue
      }
      let base = MemoryStorage(stable.bytes)
      for event in pending { try Self.apply(event, to: base) }
      if case .write(let offset, let bytes) = event {
        for count in Self.cuts(bytes.count) {
          let torn = MemoryStorage(base.bytes)
          let part = Array(bytes.prefix(count))
          if count > 0 { try torn.write(part.span.bytes, at: offset) }
          try judge(
            torn.bytes, "event \(index) torn after \(count) of \(bytes.count) bytes",
            isTorn: count > 0 && count < bytes.count)
        }
      }
      pending.append(event)
    }
    for event in pending { try Self.apply(event, to: stable) }
    stable = MemoryStorage(stable.bytes)
    #expect(try State(stable) == new)
    #expect(stable.bytes == recording.bytes)
  }

  /// Between two synchronisations any subset of the writes may have reached the disk.
  private func judgeReordered(
    _ events: [RecordingStorage.Event], on bytes: [UInt8], _ old: State, _ new: State, _ place: String
  ) throws {
    guard events.count > 1, events.count <= 6 else { return }
    for subset in 0..<(1 << events.count) {
      let storage = MemoryStorage(bytes)
      for (index, event) in events.enumerated() where subset >> index & 1 == 1 {
        try Self.apply(event, to: storage)
      }
      let state = try State(storage)
      #expect(state == old || state == new, "\(place), writes \(String(subset, radix: 2)): \(state)")
    }
  }

  /// Every cut of a short write; for a long one, the first and the last bytes and some between.
  private static func cuts(_ count: Int) -> [Int] {
    count <= 1024
      ? Array(0...count) : [0, 1, 2, 511, 512, 4096, count / 2, count - 1, count].filter { $0 <= count }
  }

  private static func apply(_ event: RecordingStorage.Event, to storage: MemoryStorage) throws {
    switch event {
    case .write(let offset, let bytes): try storage.write(bytes.span.bytes, at: offset)
    case .truncate(let length): try storage.truncate(to: length)
    case .synchronize: break
    }
  }

  private static func start(capacity: Int64 = 8) throws -> [UInt8] {
    let storage = try EditorTests.image(["first", "second", "third"], capacity: capacity)
    var editor = try ImageEditor(editing: storage)
    for (type, name) in [(PartitionType.primarySystem, "arm64"), (.system, "mips64le"), (.system, "amd64")] {
      var source = BytesSource(Array("system \(name)".utf8))
      let metadata = PartitionMetadata(
        fileSystem: .raw, type: type, architecture: Architecture(name: name) ?? .unknown)
      try editor.add(NewObject(.partition, metadata: .partition(metadata)), from: &source)
    }
    return storage.bytes
  }

  @Test func add() throws {
    try replay("add", on: Self.start()) { editor in
      var source = BytesSource(Array(repeating: 0xAB, count: 5000))
      let partition = Metadata.partition(EditorTests.system)
      try editor.add(NewObject(.partition, metadata: partition, name: Array("new".utf8)), from: &source)
    }
  }

  @Test func addIntoAUsedSlotAndUsedSpace() throws {
    let storage = MemoryStorage(try Self.start())
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 6)
    // The state after an interrupted deletion: the used byte is 0, the rest of the descriptor still exists.
    var slot = Array(try EditorTests.image(["stale"]).bytes[4096..<4681])
    slot[4] = 0
    try storage.write(slot.span.bytes, at: 4096 + 5 * 585)
    try replay("add into used space", on: storage.bytes) { editor in
      var source = BytesSource(Array("shorter".utf8))
      try editor.add(NewObject(.labels), from: &source)
    }
  }

  @Test(arguments: [ImageEditor.Deletion(), .zero, .compact, [.zero, .compact]])
  func delete(options: ImageEditor.Deletion) throws {
    for id in [2, 4, 6] as [UInt32] {
      try replay("delete \(id)", on: Self.start()) { try $0.delete(id: id, options: options) }
    }
  }

  @Test func addSeveral() throws {
    let objects = (1...3).map {
      (NewObject(.signature, group: nil, link: .group($0)), [UInt8](repeating: 1, count: 99))
    }
    // After the used slots, where a torn write cannot be seen either; with remains of earlier descriptors,
    // and without.
    let storage = MemoryStorage(try Self.start())
    var stale = Array(storage.bytes[4096..<4681])
    stale[4] = 0
    for slot in [6, 7] { try storage.write(stale.span.bytes, at: Int64(4096 + slot * 585)) }
    for bytes in [try Self.start(), storage.bytes] {
      try replay("add two", on: bytes) { editor in
        let added = try editor.add(Array(objects.prefix(2)))
        #expect(added.map(\.id) == [7, 8])
        #expect(editor.image.header.descriptorsFree == 0 && editor.image.header.descriptorsTotal == 8)
      }
    }
    // Between used slots there is one write. If the disk tears it, the damage cannot be undone.
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 2)
    try editor.delete(id: 5)
    try replay("add three", on: storage.bytes, torn: { _ in true }) { editor in
      let added = try editor.add(objects)
      #expect(added.map(\.id) == [2, 5, 7])
    }
  }

  /// If the disk fails in between, the new objects stay hidden, whatever is edited next.
  @Test func addSeveralOnAFailingDisk() throws {
    for failing in 0...9 {
      let storage = FailingStorage(try Self.start(capacity: 16))
      var editor = try ImageEditor(editing: storage)
      storage.failAfter(failing)
      let objects = (1...2).map { (NewObject(.generic, group: $0), [UInt8(1)]) }
      let code = EditorTests.code { () throws(SIFError) in try editor.add(objects) }
      storage.failAfter(nil)
      try editor.delete(id: 1)
      _ = consume editor
      let image = try Image(reading: storage)
      #expect(image.descriptors.count { $0.slot > 5 } == (code == nil ? 2 : 0), "after \(failing) steps")
      #expect(image.descriptors.count == (code == nil ? 7 : 5))
      // It can be edited with the slots and without them.
      var next = try ImageEditor(editing: storage)
      #expect(code != nil || next.image.header.descriptorsTotal == 16)
      if next.image.header.descriptorsFree > 0 {
        var source = BytesSource([1])
        try next.add(NewObject(.generic), from: &source)
      }
      let check = try ImageCheck(of: storage)
      #expect(check.findings.allSatisfy { $0.severity < .error }, "after \(failing) steps: \(check.findings)")
    }
  }

  /// Adding several objects at once gives the same bytes as adding them one by one.
  @Test func addSeveralIsAddingEach() throws {
    let objects = (1...2).map {
      (NewObject(.signature, group: nil, link: .group($0)), [UInt8](repeating: 1, count: 99))
    }
    let (together, each) = (MemoryStorage(try Self.start()), MemoryStorage(try Self.start()))
    var editor = try ImageEditor(editing: together)
    try editor.add(objects)
    var other = try ImageEditor(editing: each)
    for (object, bytes) in objects {
      var source = BytesSource(bytes)
      try other.add(object, from: &source)
    }
    #expect(together.bytes == each.bytes)
    // If there are too many, nothing is written.
    #expect(EditorTests.code { () throws(SIFError) in try editor.add(objects) } == .noFreeDescriptor)
    #expect(together.bytes == each.bytes)
  }

  @Test func setPrimary() throws {
    /// After a cut there may be two primary partitions or none: a check says so, and the same edit again
    /// leaves one.
    func replaySetting(_ id: UInt32, on start: [UInt8]) throws {
      try replay(
        "set primary \(id)", on: start,
        torn: { bytes in
          let storage = MemoryStorage(bytes)
          let codes = try ImageCheck(of: storage).findings.map(\.code)
          var editor = try ImageEditor(editing: storage)
          try editor.setPrimaryPartition(id: id)
          let primaries = editor.image.descriptors.filter { $0.isPartition(.primarySystem) }
          return (codes.contains(.primaryDuplicate) || codes.contains(.primaryMissing))
            && primaries.map(\.id) == [id]
        }
      ) { try $0.setPrimaryPartition(id: id) }
    }
    for id in [5, 6] as [UInt32] { try replaySetting(id, on: Self.start()) }
    // And back to one that lies before the old one.
    let storage = MemoryStorage(try Self.start())
    var editor = try ImageEditor(editing: storage)
    try editor.setPrimaryPartition(id: 6)
    try replaySetting(4, on: storage.bytes)
    // An edit that is killed between two writes leaves one primary partition.
    let recording = RecordingStorage(storage.bytes)
    var next = try ImageEditor(editing: recording)
    try next.setPrimaryPartition(id: 5)
    for count in 0...recording.events.count {
      let killed = MemoryStorage(storage.bytes)
      for event in recording.events.prefix(count) { try Self.apply(event, to: killed) }
      let image = try Image(reading: killed)
      #expect(image.descriptors.count { $0.isPartition(.primarySystem) } == 1, "after \(count) events")
    }
  }

  /// Partitions whose types do not lie in one page of the file: the first write marks the new one.
  @Test func setPrimaryAcrossPages() throws {
    let storage = try EditorTests.image(["1", "2", "3", "4", "5", "6", "7"], capacity: 16)
    var editor = try ImageEditor(editing: storage)
    try editor.delete(id: 2)
    for type in [PartitionType.primarySystem, .system] {
      var source = BytesSource([1])
      let metadata = PartitionMetadata(
        fileSystem: .raw, type: type, architecture: Architecture(name: "amd64") ?? .unknown)
      try editor.add(NewObject(.partition, metadata: .partition(metadata)), from: &source)
    }
    for id in [8, 2] as [UInt32] {
      try replay("set primary \(id)", on: storage.bytes) { try $0.setPrimaryPartition(id: id) }
      var editor = try ImageEditor(editing: storage)
      try editor.setPrimaryPartition(id: id)
    }
  }

  /// The steps of an object's change stay apart: all bytes of one are stable before the next begins.
  @Test func overwriteInSteps() throws {
    let recording = RecordingStorage(try EditorTests.image(["before", "changed", "behind"]).bytes)
    var editor = try ImageEditor(editing: recording)
    let offset = try editor.image.object(id: 2).offset
    try editor.overwrite(id: 2, steps: [[(0, [1]), (6, [2])], [(3, [3, 4])]])
    let events = recording.events.map { event in
      switch event {
      case .write(let place, let bytes): "\(place - offset): \(bytes)"
      case .truncate: "cut"
      case .synchronize: "sync"
      }
    }
    #expect(events == ["0: [1]", "6: [2]", "sync", "3: [3, 4]", "sync"])
    let now = try Image(reading: recording)
    #expect(try now.bytes(of: now.object(id: 2)).prefix(9) == [1, 0x68, 0x61, 3, 4, 0x65, 2])
    #expect(try now.bytes(of: now.object(id: 3)).prefix(9) == Array("behind".utf8))
    // If a part does not fit, nothing is written.
    let before = recording.bytes
    for part in [(Int64(7), [UInt8(1)]), (-1, [1]), (Int64.max, [1]), (0, Array(repeating: 1, count: 8))] {
      #expect(throws: SIFError.self) { try editor.overwrite(id: 2, steps: [[(0, [9])], [part]]) }
    }
    #expect(recording.bytes == before)
  }

  /// The next edit after any cut works, and leaves an image without stale counters.
  @Test func theNextWriterMends() throws {
    let start = try Self.start(capacity: 16)
    let recording = RecordingStorage(start)
    var editor = try ImageEditor(editing: recording)
    var source = BytesSource(Array("cut off".utf8))
    try editor.add(NewObject(.generic), from: &source)
    try editor.delete(id: 1)
    try editor.setPrimaryPartition(id: 5)
    try editor.add((1...2).map { (NewObject(.generic), [UInt8]($0...9)) })
    var hidden = 0
    for count in 0...recording.events.count {
      let storage = MemoryStorage(start)
      for event in recording.events.prefix(count) { try Self.apply(event, to: storage) }
      // Slots that an edit left out of the table prevent neither editing nor salvage.
      let check = try ImageCheck(of: storage)
      #expect(check.findings.allSatisfy { $0.severity < .error }, "after \(count) events")
      let isHidden = check.header?.hiddenCapacity != nil
      #expect(isHidden == check.findings.contains { $0.code == .tableSize })
      let salvaged = MemoryStorage()
      let salvage = try ImageSalvage(of: storage, into: salvaged)
      #expect(salvage.kept == check.descriptors.map(\.id))
      hidden += isHidden ? 1 : 0
      var next = try ImageEditor(editing: storage)
      #expect(next.image.header.descriptorsTotal == 16)
      try next.setPrimaryPartition(id: 6)
      var last = BytesSource(Array("next".utf8))
      try next.add(NewObject(.generic), from: &last)
      let stale = try ImageCheck(of: storage).findings.filter { $0.severity > .note }
      #expect(stale.isEmpty, "after \(count) events: \(stale)")
    }
    #expect(hidden == 4)
  }
}
