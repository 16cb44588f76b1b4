import LinuxSystem

/// The highest possible cost of finding a volume's key, according to its header. There is one derivation for
/// each key slot, because nobody knows beforehand to which slot the key belongs. After each derivation,
/// digests are computed to recognise the key (spec/encryption.md, "Costs").
public struct UnlockCost: Equatable, Sendable {
  /// One part of the cost.
  private struct Item: Equatable {
    let name: String
    let seconds: Double
  }

  /// The most memory that one derivation takes, in bytes.
  public private(set) var memory: Int64 = 0
  /// Argon2: the memory of all passes together, in bytes: the sum of passes times memory.
  public private(set) var memoryPasses: Int64 = 0
  /// PBKDF2: all iterations, including those of the digests. They are repeated for each block of the result;
  /// a block is as long as the result of the hash function.
  public private(set) var iterations: Int64 = 0
  /// Argon2: the most lanes of one derivation. Each lane is a thread.
  public private(set) var lanes: Int64 = 0
  /// Each derivation in words, in the order of the slots: `argon2id, 4 passes over 64 MiB`; and the digests
  /// with unusually many iterations.
  public private(set) var derivations: [String] = []
  private var items: [Item] = []
  /// The key slots with the most memory, and with the most threads.
  private var largestSlot = 0
  private var widestSlot = 0

  /// The most memory that is used without permission, in bytes.
  public static let memoryLimit: Int64 = 4 << 30
  /// The most threads that run at once without permission. cryptsetup makes key slots with at most 4.
  public static let lanesLimit: Int64 = 64
  /// The longest work that is done without permission, measured like ``seconds``.
  public static let secondsLimit = 30.0
  /// More iterations of a digest than this are mentioned; cryptsetup uses fewer.
  private static let usualDigestIterations = 1_000_000

  /// The approximate work, in seconds of one core.
  public var seconds: Double { items.reduce(0) { $0 + $1.seconds } }

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

  /// Adds a key slot.
  ///
  /// - Parameters:
  ///   - hash: the hash function of PBKDF2.
  ///   - outputBytes: the number of derived bytes.
  mutating func add(_ slot: VolumeFacts.KeySlot, hash: String, outputBytes: Int) {
    let seconds: Double
    if let memory = slot.memory {
      let bytes = Self.product(memory, 1024)
      if bytes > self.memory {
        self.memory = bytes
        largestSlot = slot.number
      }
      let lanes = slot.lanes ?? 1
      if lanes > self.lanes {
        self.lanes = lanes
        widestSlot = slot.number
      }
      let passes = Self.product(bytes, slot.time)
      memoryPasses = Self.sum(memoryPasses, passes)
      // A pass has four parts, and every lane gets a new thread for each part.
      let threads = lanes > 1 ? Double(lanes) * Double(slot.time) * 4 : 0
      seconds = Double(passes) / Self.memoryRate + threads / Self.threadRate
      derivations.append(
        "\(slot.kdf), \(slot.time) pass\(slot.time == 1 ? "" : "es") over \(Self.mebibytes(bytes))"
          + (lanes > 4 ? " in \(lanes) threads" : ""))
    } else {
      let (length, rate) = Self.blocks(of: hash)
      let all = Self.product(slot.time, Int64((outputBytes + length - 1) / length))
      iterations = Self.sum(iterations, all)
      seconds = Double(all) / rate
      derivations.append("\(slot.kdf), \(slot.time) iterations")
    }
    items.append(Item(name: "key slot \(slot.number)", seconds: seconds))
  }

  /// Adds a digest, with which the key from every key slot is compared.
  mutating func add(digest iterations: Int64, hash: String, slots: Int) {
    let all = Self.product(iterations, Int64(slots))
    self.iterations = Self.sum(self.iterations, all)
    // The digest is at most one block long.
    items.append(Item(name: "the digest", seconds: Double(all) / Self.blocks(of: hash).rate))
    if iterations > Self.usualDigestIterations {
      derivations += [String](repeating: "digest, \(iterations) iterations", count: slots)
    }
  }

  /// The number of bytes that Argon2 processes in a second.
  private static let memoryRate = Double(1 << 30)
  /// The number of threads that can be started and ended in a second.
  private static let threadRate = 25_000.0

  /// The length of PBKDF2's blocks in bytes, and the number of iterations of one block in a second.
  private static func blocks(of hash: String) -> (length: Int, rate: Double) {
    switch hash {
    case "sha1": (20, 2_000_000)
    case "sha224": (28, 2_000_000)
    case "sha256": (32, 2_000_000)
    case "sha384": (48, 1_000_000)
    case "sha512": (64, 1_000_000)
    case "whirlpool": (64, 500_000)
    // RIPEMD-160, and unknown functions.
    default: (20, 500_000)
    }
  }

  /// Refuses a cost beyond the limits, or more memory than the machine has free.
  ///
  /// - Parameters:
  ///   - keys: the number of keys to try on the volume.
  ///   - available: the bytes of memory that the machine has free; nil for the kernel's estimate.
  /// - Throws: ``LUKSError/Code/cost`` if the cost is too high.
  public func check(keys: Int = 1, available: Int64? = nil) throws(LUKSError) {
    func refuse(_ reason: String) -> LUKSError {
      LUKSError(.cost, "opening the volume \(reason): \(description)")
    }
    if memory > Self.memoryLimit {
      throw refuse("takes more than \(Self.mebibytes(Self.memoryLimit)) for key slot \(largestSlot)")
    }
    if let free = available ?? AvailableMemory.byteCount, memory > free {
      throw refuse(
        "takes more memory for key slot \(largestSlot) than the \(Self.mebibytes(free)) that are free")
    }
    if lanes > Self.lanesLimit { throw refuse("takes \(lanes) threads at once for key slot \(widestSlot)") }
    let total = seconds * Double(keys)
    if total > Self.secondsLimit, let most = items.max(by: { $0.seconds < $1.seconds }) {
      let times = keys == 1 ? "" : " for \(keys) keys"
      throw refuse(
        "takes too long, about \(Int64(min(total, 1e15))) seconds\(times), the most of it for \(most.name)")
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
}
