import Bytes
import CommandKit
import Forensics
import SIF
import StrictJSON

/// A map for people and for scripts.
extension ImageMap {
  /// Writes the table, one line per region, and a summary after it.
  func writeText() throws(ToolFailure) {
    try Console.write(lines: strip() + ["", MapRow.title])
    try Console.write(lines: regions.lazy.map { MapRow($0).line })
    try Console.write(lines: summary)
  }

  private var summary: [String] {
    var lines = ["\(regions.count) regions, \(fileSize) bytes"]
    for overlap in overlaps {
      lines.append(
        "object \(overlap.objectID) shares \(overlap.length) bytes at byte \(overlap.offset) with \(overlap.with): "
          + "counted there")
    }
    for object in objects where object.missing > 0 {
      lines.append(
        "object \(object.id) lacks \(object.missing) of its \(object.size) bytes: the file ends before")
    }
    for object in objects where object.size == 0 { lines.append("object \(object.id) has no bytes") }
    let holes = regions.reduce(0) { $0 + $1.measure.holeBytes }
    if holes > 0 { lines.append("\(holes) bytes lie in holes of the file: zeros that were not read") }
    if regions.contains(where: { $0.measure.sha256 == nil && $0.measure.unreadableBytes == 0 }) {
      lines.append(
        "regions with more holes than \(ByteText.decimal(Self.longestHashedHoles)) in all have no SHA-256")
    }
    let unreadable = regions.reduce(0) { $0 + $1.measure.unreadableBytes }
    if unreadable > 0 { lines.append("\(unreadable) bytes could not be read") }
    if !isVerified, regions.contains(where: { $0.coverage.state == .claimed }) {
      lines.append("signatures are claims: nothing was verified (--key, --keyring)")
    }
    return lines
  }

  /// The JSON document without the regions (spec/json/map.schema.json).
  var members: [JSONMember] {
    [
      JSONMember("size", .integer(fileSize)), JSONMember("verified", .bool(isVerified)),
      JSONMember(
        "overlaps",
        .array(
          overlaps.map { overlap in
            .object([
              JSONMember("offset", .integer(overlap.offset)), JSONMember("length", .integer(overlap.length)),
              JSONMember("object", .integer(Int64(overlap.objectID))),
              JSONMember("with", .string(overlap.with)),
            ])
          })),
      JSONMember(
        "objects",
        .array(
          objects.map { object in
            .object([
              JSONMember("id", .integer(Int64(object.id))), JSONMember("offset", .integer(object.offset)),
              JSONMember("size", .integer(object.size)), JSONMember("mapped", .integer(object.mapped)),
              JSONMember("shared", .integer(object.shared)), JSONMember("missing", .integer(object.missing)),
            ])
          })),
    ]
  }
}

extension MapRegion {
  /// An element of the member `regions`.
  var json: JSONValue {
    .object([
      JSONMember("offset", .integer(offset)), JSONMember("length", .integer(length)),
      JSONMember("kind", .string(kind.rawValue)), JSONMember("what", .string(what)),
      JSONMember("object", objectID.map { .integer(Int64($0)) } ?? .null),
      JSONMember("type", dataType.map { .string($0.name) } ?? .null),
      JSONMember("slot", slot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("slots", .integer(Int64(slotCount))),
      JSONMember("sha256", measure.sha256.map { .string($0.hexadecimal) } ?? .null),
      JSONMember("entropy", .number(measure.entropy.fixed(4))),
      JSONMember("content", .string(measure.content.rawValue)), JSONMember("zero", .bool(measure.isZero)),
      JSONMember("holeBytes", .integer(measure.holeBytes)),
      JSONMember("unreadableBytes", .integer(measure.unreadableBytes)),
      JSONMember(
        "coverage",
        .object([
          JSONMember("state", .string(coverage.state.rawValue)),
          JSONMember("signatures", .array(coverage.signatures.map { .integer(Int64($0)) })),
          JSONMember("uncoveredBytes", .integer(coverage.uncoveredBytes)),
        ])),
    ])
  }
}

/// A line of the table.
private struct MapRow {
  static let title = row("OFFSET", "LENGTH", "ENTROPY", "CONTENT", "SIGNED", "SHA-256", "WHAT")
  let line: String

  init(_ region: MapRegion) {
    let measure = region.measure
    line = Self.row(
      "\(region.offset)", "\(region.length)", measure.entropy.fixed(2), measure.content.rawValue,
      region.coverage.text(of: region.length), measure.sha256?.hexadecimal ?? "-",
      region.what + (measure.holeBytes > 0 ? " (\(measure.holeBytes) bytes in holes)" : ""))
  }

  private static func row(
    _ offset: String, _ length: String, _ entropy: String, _ content: String, _ signed: String,
    _ digest: String, _ what: String
  ) -> String {
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.utf8.count, 0)) + text
    }
    return "\(right(offset, 12)) \(right(length, 12)) \(right(entropy, 7)) \(content.padded(to: 16)) "
      + "\(signed.padded(to: 16)) \(digest.padded(to: 64)) \(what)"
  }
}

extension RegionCoverage {
  /// `by 3`, `claimed by 3,4` or `by 3, BAD`, with `in part` if some bytes are not covered.
  fileprivate func text(of length: Int64) -> String {
    guard state != .none else { return "-" }
    guard state != .unknown else { return "unknown" }
    let ids = signatures.map { "\($0)" }.joined(separator: ",")
    if state == .broken { return "by \(ids), BAD" }
    return (state == .claimed ? "claimed by \(ids)" : "by \(ids)") + (uncoveredBytes > 0 ? " in part" : "")
  }
}

extension Double {
  /// A number that is not negative, with a fixed number of decimals.
  func fixed(_ decimals: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<decimals { scale *= 10 }
    let rounded = Int64((self * Double(scale)).rounded())
    let digits = String(rounded % scale)
    return "\(rounded / scale)." + String(repeating: "0", count: decimals - digits.utf8.count) + digits
  }
}
