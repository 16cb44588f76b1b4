import SIF
import StrictJSON

extension JSONValue {
  /// The ids of objects.
  package init(ids objects: [Descriptor]) { self = .array(objects.map { .integer(Int64($0.id)) }) }
}
