/// The words for true and false that programs in Go take, as the runtimes are.
package enum TruthValue {
  /// Reads a word; nil for any other.
  package static func read(_ word: String) -> Bool? {
    switch word {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
