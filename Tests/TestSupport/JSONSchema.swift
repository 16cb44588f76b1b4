/// The JSON Schemas of spec/json, which documents of the tool are validated against.
public enum JSONSchema {
  /// The faults of a document; empty if it follows its schema.
  ///
  /// - Parameter schema: the schema's name, such as `verify`.
  public static func faults(of document: [UInt8], schema: String) throws -> String {
    let arguments = [
      "python3", "\(Fixture.root)/Tests/Oracle/schema.py", "\(Fixture.root)/spec/json/\(schema).schema.json",
    ]
    let answer = try Tool.run(arguments, input: document)
    guard answer.errors.isEmpty else { throw ToolError(description: answer.errors) }
    return answer.text.split(separator: "\n").joined(separator: "\n")
  }
}
