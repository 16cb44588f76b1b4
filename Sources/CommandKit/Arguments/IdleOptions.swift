/// Options that would do nothing on a command line, since they belong to something that is not asked for.
package struct IdleOptions {
  private let names: [String]
  private let reason: String

  /// Options by their names, and the rest of the sentence that refuses them: `needs --encrypt`.
  package init(_ names: String..., reason: String) {
    self.names = names
    self.reason = reason
  }

  /// The same for options in a list.
  package init(_ names: [String], reason: String) {
    self.names = names
    self.reason = reason
  }

  /// Refuses the first of the options that was given.
  func check(given: Set<String>) throws(ToolFailure) {
    guard let name = names.first(where: given.contains) else { return }
    throw ToolFailure.usage("--\(name) \(reason)")
  }
}
