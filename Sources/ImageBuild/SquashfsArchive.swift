import Glibc
import LinuxSystem
import Squash

/// The tree of a squashfs as a tar archive, which a thread writes while it is read here.
final class SquashfsArchive: ArchiveSource, @unchecked Sendable {
  private let image: SquashImage
  private let monitor = Monitor()
  private var reading: OwnedDescriptor?
  private var failure: SquashError?
  private var thread: Thread?

  init(_ image: SquashImage) throws {
    self.image = image
    var writing: OwnedDescriptor?
    reading = try OwnedDescriptor.pipe(&writing)
    guard let end = writing.take() else { return }
    let number = try end.copy()
    let sink = PipeSink(number)
    thread = try Thread { [self] in
      sink.blockSignal()
      var fault: SquashError?
      do throws(SquashError) {
        var stream = TarStream(try SquashReader(self.image), to: sink)
        fault = try stream.write().faults.first
        try sink.flush()
      } catch { fault = error }
      monitor.lock()
      failure = fault
      monitor.unlock()
      sink.close()
    }
  }

  deinit { close() }

  /// Ends the thread, which finds nobody reading.
  func close() {
    reading = nil
    thread?.join()
    thread = nil
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    guard let number = reading?.rawValue else { return 0 }
    let count: Int
    do throws(SystemError) {
      count = try SystemError.check("read a layer") { Glibc.read(number, buffer.baseAddress, buffer.count) }
    } catch { throw SquashError(.system, error.description, errno: error.errno.rawValue) }
    guard count == 0 else { return count }
    monitor.lock()
    defer { monitor.unlock() }
    if let failure { throw failure }
    return 0
  }
}

/// The end of a pipe that a thread writes to.
private final class PipeSink: ByteSink, @unchecked Sendable {
  private var descriptor: OwnedDescriptor?
  private var block: [UInt8] = []

  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = consume descriptor }

  /// Has writing fail, instead of ending the process, when nobody reads any more.
  func blockSignal() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    block.append(contentsOf: bytes)
    if block.count >= 64 << 10 { try flush() }
  }

  func flush() throws(SquashError) {
    guard let number = descriptor?.rawValue else { return }
    let bytes = block
    do throws(SystemError) { try SystemError.writeAll(bytes.span.bytes, to: number) } catch {
      throw SquashError(.system, error.description, errno: error.errno.rawValue)
    }
    block.removeAll(keepingCapacity: true)
  }

  func close() { descriptor = nil }
}
