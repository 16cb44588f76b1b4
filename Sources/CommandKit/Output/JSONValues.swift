import Bytes
import SIF
import StrictJSON

extension [UInt8] {
  /// The bytes as a JSON string: exact if they are UTF-8, with escapes in the text if not.
  package var json: JSONValue { .string(String(validating: self, as: UTF8.self) ?? escapedText) }
}

extension Timestamp {
  /// ISO 8601, or null for no time.
  package var json: JSONValue { self == .none ? .null : .string(iso8601) }
}

extension JSONValue {
  /// The ids of objects.
  package init(ids objects: [Descriptor]) { self = .array(objects.map { .integer(Int64($0.id)) }) }
}
