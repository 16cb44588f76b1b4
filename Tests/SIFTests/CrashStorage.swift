import Bytes
import Synchronization

@testable import SIF

/// Storage that records every write, cut and synchronisation.
final class RecordingStorage: Storage {
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

  var byteCount: Int64 { memory.byteCount }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    memory.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try memory.write(bytes, at: offset)
    let copy = Array(bytes)
    log.withLock { $0.append(.write(offset: offset, bytes: copy)) }
  }

  func truncate(to length: Int64) throws(StorageFault) {
    try memory.truncate(to: length)
    log.withLock { $0.append(.truncate(length)) }
  }

  func synchronize() { log.withLock { $0.append(.synchronize) } }
}

/// Storage that fails after a number of writes, cuts and synchronisations.
final class FailingStorage: Storage {
  private let memory: MemoryStorage
  private let left = Mutex<Int?>(nil)

  init(_ bytes: [UInt8]) { memory = MemoryStorage(bytes) }

  func failAfter(_ count: Int?) { left.withLock { $0 = count } }

  private func step() throws(StorageFault) {
    let fails = left.withLock { left in
      guard let now = left else { return false }
      left = now - 1
      return now <= 0
    }
    if fails { throw StorageFault(.system, "the disk failed") }
  }

  var byteCount: Int64 { memory.byteCount }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    memory.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try step()
    try memory.write(bytes, at: offset)
  }

  func truncate(to length: Int64) throws(StorageFault) {
    try step()
    try memory.truncate(to: length)
  }

  func synchronize() throws(StorageFault) { try step() }
}
