import Synchronization
import TestSupport
import Testing

@testable import SIF

/// Storage that records every write, cut and synchronisation.
private final class RecordingStorage: Storage {
  enum Event {
    case write(offset: Int64, bytes: [UInt8])
    case truncate(Int64)
    case synchronize
  }

  private let memory: MemoryStorage
  private let log = Mutex<[Event]>([])

  init(_ bytes: [UInt8]) { memory = MemoryStorage(bytes) }

  var events: [Event] { log.withLock { $0 } }
  var bytes: [UInt8] { memory.bytes }

  func byteCount() -> Int64 { memory.byteCount() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SIFError) -> Int {
    try memory.read(into: buffer, at: offset)
  }

  func write(_ bytes: RawSpan, at offset: Int64) throws(SIFError) {
    try memory.write(bytes, at: offset)
    let copy = bytes.withUnsafeBytes { Array($0) }
    log.withLock { $0.append(.write(offset: offset, bytes: copy)) }
  }

  func truncate(to length: Int64) throws(SIFError) {
    try memory.truncate(to: length)
    log.withLock { $0.append(.truncate(length)) }
  }

  func synchronize() { log.withLock { $0.append(.synchronize) } }
}

/// Power cuts: whatever part of an edit reached the disk, the image opens as the old one or the new one, and
/// the next writer goes on from there.
@Suite struct CrashTests {
  /// What an image is to its readers: its objects with their bytes, and which partition is the primary one.
  /// The header's counters and the times of change are not part of it: the next writer sets them.
  private struct State: Equatable, CustomStringConvertible {
    var objects: [String]
    var primary: UInt32?

    init(_ storage: any Storage) throws {
      let image = try Image(reading: storage)
      objects = try image.descriptors.map { descriptor in
        var copy = descriptor
        copy.modifiedAt = .none
        if case .partition(var partition) = copy.metadata, partition.type == .primarySystem {
          // Which one is primary is judged by the image as a whole, below.
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

  /// Runs an edit on a recording copy, then replays every prefix of what it wrote: all of each write, and
  /// each write torn at every byte; and every order that a disk may choose between two synchronisations.
  private func replay(_ name: String, on start: [UInt8], _ edit: (inout ImageEditor) throws -> Void) throws {
    let recording = RecordingStorage(start)
    var editor = try ImageEditor(editing: recording)
    try edit(&editor)
    let old = try State(MemoryStorage(start))
    let new = try State(MemoryStorage(recording.bytes))
    #expect(old != new, "\(name): the edit changes something")

    var reachedNew = false
    func judge(_ bytes: [UInt8], _ place: String) throws {
      let state: State
      do {
        state = try State(MemoryStorage(bytes))
      } catch {
        Issue.record("\(name), \(place): \(error)")
        return
      }
      if state != old, state != new { Issue.record("\(name), \(place): neither old nor new: \(state)") }
      // What counts once as new never becomes old again.
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
          try judge(torn.bytes, "event \(index) torn after \(count) of \(bytes.count) bytes")
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

  /// Every cut of a short write; of a long one the first and the last bytes and some between.
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

  private static func start() throws -> [UInt8] {
    let storage = try EditorTests.image(["first", "second", "third"])
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
    // As a deletion that was cut off leaves it: the used byte is 0, the rest of the descriptor is there.
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

  @Test func setPrimary() throws {
    for id in [5, 6] as [UInt32] {
      try replay("set primary \(id)", on: Self.start()) { try $0.setPrimaryPartition(id: id) }
    }
    // And back to one that lies in front of the old one.
    let storage = MemoryStorage(try Self.start())
    var editor = try ImageEditor(editing: storage)
    try editor.setPrimaryPartition(id: 6)
    try replay("set primary 4", on: storage.bytes) { try $0.setPrimaryPartition(id: 4) }
  }

  /// Steps of an object's change stay apart: all of one is stable before the next begins.
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
    // Nothing is written when a part does not fit.
    let before = recording.bytes
    for part in [(Int64(7), [UInt8(1)]), (-1, [1]), (Int64.max, [1]), (0, Array(repeating: 1, count: 8))] {
      #expect(throws: SIFError.self) { try editor.overwrite(id: 2, steps: [[(0, [9])], [part]]) }
    }
    #expect(recording.bytes == before)
  }

  /// The next edit after any cut works, and leaves an image without stale counters.
  @Test func theNextWriterMends() throws {
    let start = try Self.start()
    let recording = RecordingStorage(start)
    var editor = try ImageEditor(editing: recording)
    var source = BytesSource(Array("cut off".utf8))
    try editor.add(NewObject(.generic), from: &source)
    try editor.delete(id: 1)
    try editor.setPrimaryPartition(id: 5)
    for count in 0...recording.events.count {
      let storage = MemoryStorage(start)
      for event in recording.events.prefix(count) { try Self.apply(event, to: storage) }
      var next = try ImageEditor(editing: storage)
      try next.setPrimaryPartition(id: 6)
      var last = BytesSource(Array("next".utf8))
      try next.add(NewObject(.generic), from: &last)
      let stale = try ImageCheck(of: storage).findings.filter { $0.severity > .note }
      #expect(stale.isEmpty, "after \(count) events: \(stale)")
    }
  }
}
