import Glibc

/// What finding the key of a volume costs at most, by what its header says: one derivation for each key slot, as
/// nobody knows beforehand which of them the key belongs to.
public struct UnlockCost: Equatable, Sendable {
  /// The most memory that one derivation takes, in bytes.
  public var memory: Int64 = 0
  /// Argon2: the memory that is passed over in all, in bytes; passes times memory, added up.
  public var memoryPasses: Int64 = 0
  /// PBKDF2: iterations in all, with those by which a key is recognised.
  public var iterations: Int64 = 0
  /// Each derivation in words, by the number of its slot: `argon2id, 4 passes over 64 MiB`.
  public var derivations: [String] = []

  /// The most memory that is taken without being told to, in bytes.
  public static let memoryLimit: Int64 = 4 << 30
  /// About ten minutes of one core.
  public static let memoryPassesLimit: Int64 = 512 << 30
  /// About two minutes of one core.
  public static let iterationsLimit: Int64 = 200_000_000

  /// The cost in words.
  public var description: String {
    let unique = derivations.reduce(into: [(String, Int)]()) { list, text in
      if let index = list.firstIndex(where: { $0.0 == text }) {
        list[index].1 += 1
      } else {
        list.append((text, 1))
      }
    }
    return unique.map { $0.1 == 1 ? $0.0 : "\($0.1) times \($0.0)" }.joined(separator: "; ")
  }

  mutating func add(_ slot: VolumeFacts.KeySlot) {
    if let memory = slot.memory {
      let bytes = Self.product(memory, 1024)
      self.memory = max(self.memory, bytes)
      memoryPasses = Self.sum(memoryPasses, Self.product(bytes, slot.time))
      derivations.append(
        "\(slot.kdf), \(slot.time) pass\(slot.time == 1 ? "" : "es") over \(Self.mebibytes(bytes))")
    } else {
      add(iterations: slot.time)
      derivations.append("\(slot.kdf), \(slot.time) iterations")
    }
  }

  mutating func add(iterations: Int64) { self.iterations = Self.sum(self.iterations, iterations) }

  /// Refuses what costs more than the limits, or more memory than the machine has free.
  ///
  /// - Parameter available: the bytes of memory that the machine can give; nil for those that it says it can.
  /// - Throws: ``LUKSError/Code/cost``.
  public func check(available: Int64? = nil) throws(LUKSError) {
    func refuse(_ reason: String) -> LUKSError {
      LUKSError(.cost, "opening the volume \(reason): \(description)")
    }
    if memory > Self.memoryLimit { throw refuse("takes more than \(Self.mebibytes(Self.memoryLimit))") }
    if let free = available ?? Self.availableMemory, memory > free {
      throw refuse("takes more memory than the \(Self.mebibytes(free)) that are free")
    }
    if memoryPasses > Self.memoryPassesLimit || iterations > Self.iterationsLimit {
      throw refuse("takes too long")
    }
  }

  private static func mebibytes(_ bytes: Int64) -> String {
    bytes < 1 << 20 ? "\(bytes / 1024) KiB" : "\(bytes >> 20) MiB"
  }

  private static func product(_ a: Int64, _ b: Int64) -> Int64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }

  private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }

  /// The kernel's own estimate of what can be had without swapping, in bytes; nil where it gives none.
  static var availableMemory: Int64? {
    let file = open("/proc/meminfo", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 8192)
    let count = text.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    for line in text[..<count].split(separator: 0x0A) where line.starts(with: Array("MemAvailable:".utf8)) {
      let digits = line.filter { (0x30...0x39).contains($0) }
      return Int64(String(decoding: digits, as: UTF8.self)).map { product($0, 1024) }
    }
    return nil
  }
}
