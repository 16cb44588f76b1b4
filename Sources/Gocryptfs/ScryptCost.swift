import LinuxSystem

/// The parameters of scrypt (RFC 7914), and what one derivation costs.
public struct ScryptCost: Hashable, Sendable {
  /// N, a power of two: memory and time grow with it.
  public let iterations: Int64
  /// r: memory and time grow with it.
  public let blockSize: Int64
  /// p: the time grows with it.
  public let lanes: Int64

  /// What gocryptfs chooses by default: 64 MiB.
  public static let standard = ScryptCost(iterations: 65536, blockSize: 8, lanes: 1)
  /// The most memory that is used without permission, in bytes.
  public static let memoryLimit: Int64 = 4 << 30
  /// The longest work that is done without permission, measured like ``seconds``.
  public static let secondsLimit = 30.0
  /// The number of bytes that scrypt fills and mixes in a second of one core.
  private static let memoryRate = Double(192 << 20)

  /// Makes a cost from its parts; all are positive.
  public init(iterations: Int64, blockSize: Int64, lanes: Int64) {
    self.iterations = iterations
    self.blockSize = blockSize
    self.lanes = lanes
  }

  /// The memory of one derivation in bytes.
  public var memory: Int64 {
    let blocks = Self.product(128, blockSize)
    let (sum, overflow) = iterations.addingReportingOverflow(lanes)
    return Self.product(blocks, overflow ? .max : sum)
  }

  /// The approximate work, in seconds of one core.
  public var seconds: Double {
    128 * Double(iterations) * Double(blockSize) * Double(lanes) / Self.memoryRate
  }

  /// The cost in words.
  public var description: String {
    let mebibytes = memory >> 20
    let size = mebibytes > 0 ? "\(mebibytes) MiB" : "\(memory >> 10) KiB"
    return "scrypt, \(size)" + (lanes > 1 ? ", \(lanes) times" : "")
  }

  /// Refuses a cost beyond the limits, or more memory than the machine has free.
  ///
  /// - Parameters:
  ///   - keys: the number of keys to try.
  ///   - available: the bytes of memory that the machine has free; nil for the kernel's estimate.
  /// - Throws: ``GocryptfsError/Code/cost`` if the cost is too high.
  public func check(keys: Int = 1, available: Int64? = nil) throws(GocryptfsError) {
    func refuse(_ reason: String) -> GocryptfsError {
      GocryptfsError(.cost, "opening the encrypted file \(reason): \(description)")
    }
    if memory > Self.memoryLimit { throw refuse("takes more than \(Self.memoryLimit >> 20) MiB") }
    if let free = available ?? AvailableMemory.byteCount, memory > free {
      throw refuse("takes more memory than the \(free >> 20) MiB that are free")
    }
    let total = seconds * Double(keys)
    if total > Self.secondsLimit {
      let times = keys == 1 ? "" : " for \(keys) keys"
      throw refuse("takes too long, about \(Int64(min(total, 1e15))) seconds\(times)")
    }
  }

  private static func product(_ a: Int64, _ b: Int64) -> Int64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }
}
