import Bytes
import CommandKit
import ImageFetch
import Instances
import LinuxSystem
import SIFRuntime
import SystemPackage

extension FrontEnd {
  /// The runtimes' form of messages: the level in eight columns, and the exit code 255.
  static func runtime(_ name: RuntimeName, _ globals: GlobalOptions) -> FrontEnd {
    var tool = FrontEnd(
      prefix: {
        switch $0 {
        case .note: "INFO:    "
        case .warning: "WARNING: "
        case .failure: "FATAL:   "
        }
      }, remedy: { _ in nil })
    tool.code = { $0 == .done ? 0 : 255 }
    tool.program = (name.program, name.number)
    tool.least = globals.least
    if globals.isColoured {
      tool.colour = {
        switch $0 {
        case .note: 34
        case .warning: 33
        case .failure: 31
        }
      }
    }
    tool.notice = {
      switch $0 {
      case .instanceStarted: "instance started successfully"
      case .instanceStopping(let name, let image, let process):
        "Stopping \(name) instance of \(image) (PID=\(process))"
      case .signed(let image, _, _): "Signature created and applied to image '\(image)'"
      }
    }
    return tool
  }

  /// The same for one command, whose operands its sentences name.
  func speaking(of verb: Verb, _ operands: [String]) -> FrontEnd {
    var tool = self
    if verb.failure == .command {
      let name = verb.name
      tool.prefix = { [prefix] in $0 == .failure ? "Error for command \"\(name)\": " : prefix($0) }
      tool.colour = { _ in nil }
      tool.code = { $0 == .done ? 0 : 1 }
    } else if !verb.start.isEmpty {
      let start = verb.start
      tool.prefix = { [prefix] in prefix($0) + ($0 == .failure ? start : "") }
    }
    tool.sentence = { RuntimeSentence.of($0, verb, operands) }
    return tool
  }
}

/// The words that programs look for in messages about what failed.
enum RuntimeSentence {
  static func of(_ fault: any Fault, _ verb: Verb, _ operands: [String]) -> String? {
    switch fault {
    case let error as RuntimeError:
      if let program = error.program { return sentence(about: program) }
      return error.system.flatMap { sentence(about: $0, operands) }
    case let error as InstanceError: return sentence(about: error, verb, operands)
    case let error as SystemError: return sentence(about: error, operands)
    case let error as FetchError where error.code == .address: return sentence(aboutAddressIn: operands)
    default: return nil
    }
  }

  private static func sentence(aboutAddressIn operands: [String]) -> String? {
    for operand in operands {
      if let end = operand.firstRange(of: "://") {
        return "Unsupported transport type: \(operand[..<end.lowerBound])"
      }
    }
    return nil
  }

  private static func sentence(about program: RuntimeError.ProgramFault) -> String {
    switch program {
    case .notInPath(let name): "\"\(name)\": executable file not found in $PATH"
    case .foreign(let there, let here):
      "the image's architecture (\(architecture(there))) could not run on the host's (\(architecture(here)))"
    }
  }

  /// The name of a machine in image formats.
  private static func architecture(_ machine: String) -> String {
    ["x86_64": "amd64", "aarch64": "arm64", "i386": "386", "ppc64": "ppc64le"][machine] ?? machine
  }

  private static func sentence(
    about error: InstanceError, _ verb: Verb, _ operands: [String]
  ) -> String? {
    let name = operands.first.map { text in
      text.hasPrefix("instance://") ? String(text.dropFirst("instance://".count)) : text
    }
    switch error.code {
    case .notFound:
      return verb.path.first == "instance"
        ? "no instance found" : name.map { "no instance found with name \($0)" }
    case .exists: return operands.dropFirst().first.map { "instance \($0) already exists" }
    case .invalidName: return operands.dropFirst().first.map { "\($0) is not a valid instance name" }
    default: return nil
    }
  }

  /// An image that does not exist.
  private static func sentence(about error: SystemError, _ operands: [String]) -> String? {
    guard error.errno == .noSuchFileOrDirectory, let image = operands.first, let path = error.path,
      path == FilePath(image)
    else { return nil }
    let whole = (try? ImageMounts.absolute(path)) ?? path
    return
      "could not open image \(whole): failed to retrieve path for \(whole): lstat \(whole): no such file or directory"
  }
}
