import ArgumentParser
import CommandKit
import SIFRuntime

/// A command that starts a program of an image in a container.
protocol ContainerCommand: LineCommand {
  var container: ContainerOptionGroup { get }
  var image: PathArgument { get }
  var arguments: [BytesArgument] { get }

  /// The program to start.
  ///
  /// - Parameter arguments: what follows the image.
  /// - Throws: `ValidationError` if they name none.
  static func program(_ arguments: [[UInt8]]) throws -> ContainerOptions.Action
}

extension ContainerCommand {
  func validate() throws { _ = try Self.program(arguments.map(\.bytes)) }

  func execute() throws {
    try container.request.start(image, try Self.program(arguments.map(\.bytes)))
  }

  /// Parses only the groups of options that are given.
  static func action(of line: CommandLineGrammar.Line) -> (() throws -> Void)? {
    guard let first = line.operands.first, let image = PathArgument(argument: first),
      let request = ContainerRequest(line.options),
      let program = try? program(line.operands.dropFirst().compactMap { BytesArgument(argument: $0)?.bytes })
    else { return nil }
    return { try request.start(image, program) }
  }
}

extension ContainerRequest {
  /// Reads the groups that these options belong to.
  ///
  /// - Returns: nil if an option belongs to no group, such as those on keys, or if one of them cannot be meant: the whole
  ///   command finds out why.
  init?(_ options: [CommandLineGrammar.Line.Option]) {
    var rest = options
    guard FileOptions.take(from: &rest, &files), PlaceOptions.take(from: &rest, &places),
      VariableOptions.take(from: &rest, &variables), DeviceOptions.take(from: &rest, &devices),
      IsolationOptions.take(from: &rest, &isolation), NetworkOptions.take(from: &rest, &network),
      SharingOption.take(from: &rest, &sharing), PrivilegeOptions.take(from: &rest, &privileges),
      LimitOptions.take(from: &rest, &limits), CompatibilityOptions.take(from: &rest, &compatibility),
      AppOption.take(from: &rest, &app), ImageFetchOptions.take(from: &rest, &fetching), rest.isEmpty,
      fault == nil
    else { return nil }
  }
}
