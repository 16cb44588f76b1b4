import LUKS
import StrictJSON

/// What is known of an encrypted partition without a key, as text and as JSON.
enum VolumeFields {
  /// Lines for people, indented.
  static func text(of object: UInt32, _ facts: VolumeFacts) -> String {
    let bits = facts.keyBits.map { "\($0)-bit key, " } ?? ""
    var text =
      "  object \(object): LUKS\(facts.version), \(Array(facts.cipher.utf8).printable), \(bits)"
      + "\(facts.sectorSize)-byte sectors, data at byte \(facts.dataOffset)\n"
    for slot in facts.keySlots {
      let memory = slot.memory.map { ", \($0 / 1024) MiB" } ?? ""
      let lanes = slot.lanes.map { ", \($0) lanes" } ?? ""
      let unit = slot.memory == nil ? "iterations" : "passes"
      text +=
        "    key slot \(slot.number): \(Array(slot.kdf.utf8).printable), \(slot.time) \(unit)\(memory)\(lanes)\n"
    }
    for token in facts.tokens { text += "    token: \(Array(token.utf8).printable)\n" }
    for requirement in facts.requirements {
      text += "    requirement: \(Array(requirement.utf8).printable)\n"
    }
    return text
  }

  /// The same as a JSON object.
  static func json(of object: UInt32, _ facts: VolumeFacts) -> JSONValue {
    func integer(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
    return .object([
      JSONMember("object", .integer(Int64(object))),
      JSONMember("luks", .integer(Int64(facts.version))),
      JSONMember("uuid", .string(facts.uuid)), JSONMember("cipher", .string(facts.cipher)),
      JSONMember("keyBits", integer(facts.keyBits)), JSONMember("sectorSize", .integer(facts.sectorSize)),
      JSONMember("dataOffset", .integer(facts.dataOffset)),
      JSONMember(
        "keySlots",
        .array(
          facts.keySlots.map { slot in
            .object([
              JSONMember("slot", .integer(Int64(slot.number))), JSONMember("kdf", .string(slot.kdf)),
              JSONMember("time", .integer(slot.time)), JSONMember("memoryKiB", integer(slot.memory)),
              JSONMember("lanes", integer(slot.lanes)),
            ])
          })),
      JSONMember("tokens", .array(facts.tokens.map { .string($0) })),
      JSONMember("requirements", .array(facts.requirements.map { .string($0) })),
    ])
  }
}
