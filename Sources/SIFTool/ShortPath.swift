/// The commands that scripts call by the thousand, in their simplest forms: they are done before the argument
/// parser would be ready.
///
/// The parser finds its way by reflection, which takes longer than listing an image does, or checking an RSA
/// signature: three quarters of all instructions of such a run. Everything that this does not recognise goes to
/// the parser.
enum ShortPath {
  /// Runs a command of nothing but its name and its operands, or `verify` with `--key FILE`; answers false for any
  /// other command line.
  static func run(_ arguments: [String]) throws -> Bool {
    if let answer = try catenate(arguments) { return answer }
    if let (verification, image) = verification(arguments) {
      try verification.run(on: image)
      return true
    }
    guard (2...3).contains(arguments.count), !arguments.contains(where: { $0.hasPrefix("-") }),
      let last = arguments.last, let path = PathArgument(argument: last)
    else { return false }
    switch (arguments[0], arguments.count == 3 ? ObjectID(argument: arguments[1]) : nil, arguments.count) {
    case ("list", _, 2): try ListCommand.show(path)
    case ("header", _, 2): try HeaderCommand.show(path)
    case ("info", let id?, 3): try InfoCommand.show(id, path)
    case ("dump", let id?, 3): try DumpCommand.dump(id, path)
    default: return false
    }
    return true
  }

  /// `cat`, with one image and any number of paths inside; nil for any other command line.
  private static func catenate(_ arguments: [String]) throws -> Bool? {
    guard arguments.count >= 3, arguments[0] == "cat", !arguments.contains(where: { $0.hasPrefix("-") }),
      let image = PathArgument(argument: arguments[1])
    else { return nil }
    try CatCommand.show(try SquashOptions.open(image, nil), arguments[2...].compactMap(InnerPath.init))
    return true
  }

  /// `verify` with one image and any number of `--key FILE`; nil for anything else.
  private static func verification(_ arguments: [String]) -> (Verification, PathArgument)? {
    guard arguments.first == "verify" else { return nil }
    var images: [PathArgument] = []
    var keys: [PathArgument] = []
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      let isKey = argument == "--key"
      guard let value = isKey ? rest.popFirst() : argument, !value.hasPrefix("-"),
        let path = PathArgument(argument: value)
      else { return nil }
      if isKey { keys.append(path) } else { images.append(path) }
    }
    guard let image = images.first, images.count == 1 else { return nil }
    return (Verification(keys: KeyChoice(files: keys)), image)
  }
}
