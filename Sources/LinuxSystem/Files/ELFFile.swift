import Glibc

/// The facts of a program or a shared library that decide whether and how it can be used, from its ELF headers
/// (gABI chapters 4 and 5). Only 64-bit and 32-bit little-endian files are read.
public struct ELFFile: Sendable {
  /// The machine that the code is for, such as 62 for x86-64 and 183 for AArch64.
  public let machine: UInt16
  /// Whether addresses have 64 bits.
  public let is64Bit: Bool
  /// The parts of the file; none in a relocatable object.
  private let segments: [Segment]

  /// The machine of this program.
  public static var machineOfThisProcess: UInt16 {
    #if arch(arm64)
      183
    #else
      62
    #endif
  }

  /// Whether this program's process could load the library.
  public var fitsThisProcess: Bool { is64Bit && machine == Self.machineOfThisProcess }

  private static let longestName = 4096
  private static let mostDynamicBytes = 1 << 20

  /// Reads a file.
  ///
  /// - Returns: nil if the file is not ELF, is of another byte order, or is incomplete.
  public init?(_ file: borrowing OwnedDescriptor) {
    guard let start = Self.bytes(file, at: 0, count: 64), start.count >= 52,
      start.starts(with: [0x7F, 0x45, 0x4C, 0x46]), start[5] == 1, start[4] == 1 || start[4] == 2
    else { return nil }
    is64Bit = start[4] == 2
    guard !is64Bit || start.count == 64 else { return nil }
    let fields = Fields(bytes: start)
    machine = UInt16(truncatingIfNeeded: fields.number(at: 18, count: 2))
    let table = fields.number(at: is64Bit ? 32 : 28, count: is64Bit ? 8 : 4)
    let step = Int(fields.number(at: is64Bit ? 54 : 42, count: 2))
    let count = Int(fields.number(at: is64Bit ? 56 : 44, count: 2))
    guard step == (is64Bit ? 56 : 32) else {
      segments = []
      return
    }
    guard let bytes = Self.bytes(file, at: table, count: step * count), bytes.count == step * count else {
      return nil
    }
    let is64Bit = is64Bit
    segments = (0..<count).map { Segment(Fields(bytes: bytes), at: $0 * step, is64Bit: is64Bit) }
  }

  /// The loader that the kernel starts for this program (`PT_INTERP`); nil if the file, the same as before, names none.
  public func loader(in file: borrowing OwnedDescriptor) -> [UInt8]? {
    guard let segment = segments.first(where: { $0.kind == PT_INTERP }),
      segment.fileBytes <= UInt64(Self.longestName),
      let name = Self.bytes(file, at: segment.offset, count: Int(segment.fileBytes))?.prefix(while: {
        $0 != 0
      })
    else { return nil }
    return name.isEmpty ? nil : Array(name)
  }

  /// A part of the file, in the words of the program header (gABI chapter 5).
  private struct Segment: Sendable {
    let kind: Int32
    let offset: UInt64
    let address: UInt64
    let fileBytes: UInt64

    init(_ fields: Fields, at place: Int, is64Bit: Bool) {
      kind = Int32(truncatingIfNeeded: fields.number(at: place, count: 4))
      let word = is64Bit ? 8 : 4
      offset = fields.number(at: place + (is64Bit ? 8 : 4), count: word)
      address = fields.number(at: place + (is64Bit ? 16 : 8), count: word)
      fileBytes = fields.number(at: place + (is64Bit ? 32 : 16), count: word)
    }
  }

  /// Little-endian numbers; beyond the end stand zeros.
  private struct Fields {
    let bytes: [UInt8]

    func number(at place: Int, count: Int) -> UInt64 {
      var value: UInt64 = 0
      for index in 0..<count where place + index < bytes.count {
        value |= UInt64(bytes[place + index]) << (8 * index)
      }
      return value
    }
  }

  /// The name by which the loader looks for this library (`DT_SONAME`); nil if the file, the same as before, has none.
  ///
  /// It is an offset in the table of strings, whose address a segment translates to a place.
  public func libraryName(in file: borrowing OwnedDescriptor) -> String? {
    guard let dynamic = segments.first(where: { $0.kind == PT_DYNAMIC }),
      dynamic.fileBytes <= UInt64(Self.mostDynamicBytes),
      let section = Self.bytes(file, at: dynamic.offset, count: Int(dynamic.fileBytes))
    else { return nil }
    let word = is64Bit ? 8 : 4
    let fields = Fields(bytes: section)
    var name: UInt64?
    var strings: UInt64?
    for place in stride(from: 0, to: section.count - 2 * word + 1, by: 2 * word) {
      let value = fields.number(at: place + word, count: word)
      switch fields.number(at: place, count: word) {
      case UInt64(DT_SONAME): name = value
      case UInt64(DT_STRTAB): strings = value
      default: break
      }
    }
    guard let name, let strings,
      let segment = segments.first(where: {
        $0.kind == PT_LOAD && strings >= $0.address && strings - $0.address < $0.fileBytes
      })
    else { return nil }
    let (table, overflow) = segment.offset.addingReportingOverflow(strings - segment.address)
    let (place, beyond) = table.addingReportingOverflow(name)
    guard !overflow, !beyond, let text = Self.bytes(file, at: place, count: 256)?.prefix(while: { $0 != 0 }),
      !text.isEmpty, text.count < 256
    else { return nil }
    return String(validating: text, as: UTF8.self)
  }

  private static func bytes(_ file: borrowing OwnedDescriptor, at offset: UInt64, count: Int) -> [UInt8]? {
    guard let place = Int64(exactly: offset) else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    guard let length = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0, at: place) }) else {
      return nil
    }
    return Array(bytes.prefix(length))
  }
}
