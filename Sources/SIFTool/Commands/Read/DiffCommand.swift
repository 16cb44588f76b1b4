import ArgumentParser
import CommandKit
import SIF
import StrictJSON

struct DiffCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Compare two images field by field and object by object.",
    discussion: "The exit code is 0 if the images are the same, and 1 if they differ.")

  @Argument(help: "The first image.") var first: PathArgument
  @Argument(help: "The second image.") var second: PathArgument
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let differences = try Image(opening: first.path).differences(from: Image(opening: second.path))
    if output.json {
      try Console.write(document: [
        JSONMember("differences", .array(differences.map(\.json))),
        JSONMember("same", .bool(differences.isEmpty)),
      ])
    } else {
      try Console.write(lines: differences.map(\.line))
    }
    if !differences.isEmpty {
      var failure = ToolFailure(.failure, code: "different", "")
      failure.isReported = true
      throw failure
    }
  }
}

extension ImageDifference {
  fileprivate var line: String {
    if field == "unclaimedBytes" {
      return "file  the bytes that belong to no object differ first at byte \(offset ?? 0)"
    }
    let subject = objectID.map { "object \($0)" } ?? (field == "fileSize" ? "file" : "header")
    switch (first, second, offset) {
    case (_, _, let offset?): return "\(subject)  bytes  differ first at byte \(offset) of the object"
    case (let first?, let second?, _) where field == "bytes": return "\(subject)  bytes  \(first) | \(second)"
    case (let first?, nil, _): return "\(subject)  only in the first image (\(first))"
    case (nil, let second?, _): return "\(subject)  only in the second image (\(second))"
    case (let first, let second, _): return "\(subject)  \(field)  \(first ?? "") | \(second ?? "")"
    }
  }

  fileprivate var json: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    return .object([
      JSONMember("field", .string(field)),
      JSONMember("object", objectID.map { .integer(Int64($0)) } ?? .null),
      JSONMember("first", text(first)), JSONMember("second", text(second)),
      JSONMember("offset", offset.map { .integer($0) } ?? .null),
    ])
  }
}
