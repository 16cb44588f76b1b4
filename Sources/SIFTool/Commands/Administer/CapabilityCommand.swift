import ArgumentParser
import CommandKit
import ExecutionControl
import LinuxSystem
import StrictJSON

struct CapabilityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "capability", abstract: "Manage the capabilities that users and groups are granted.",
    discussion: """
      The grants are in capability.json, in /etc/singularity or else /etc/apptainer. Here they count for root, if \
      singularity.conf says "root default capabilities = file": a user needs no grant for exec --add-caps, which gives \
      capabilities over the container alone. The runtimes' set-user-id starters obey the grants of users.

      The command is also called caps.

      siftool capability add --user root NET_RAW,NET_ADMIN
      """,
    subcommands: [
      CapabilityAddCommand.self, CapabilityDropCommand.self, CapabilityListCommand.self,
      CapabilityAvailCommand.self,
    ])
}

/// Whose grant is meant.
struct GrantHolderOptions: ParsableArguments {
  @Option(name: [.customShort("u"), .long], help: ArgumentHelp("The user.", valueName: "name")) var user:
    String?
  @Option(name: [.customShort("g"), .long], help: ArgumentHelp("The group.", valueName: "name")) var group:
    String?

  func validate() throws {
    guard (user == nil) != (group == nil) else { throw ValidationError("give one of --user and --group") }
    guard user != "", group != "" else { throw ValidationError("the name is empty") }
  }

  var holder: CapabilityGrants.Holder { user.map { .user($0) } ?? .group(group ?? "") }
}

struct CapabilityAddCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "add", abstract: "Grant capabilities to a user or a group (root only).")

  @OptionGroup var who: GrantHolderOptions
  @Argument(help: "Names of capabilities, separated by commas; all means every one.") var capabilities:
    CapabilitiesArgument
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let holder = who.holder
    let (file, held) = try CapabilityGrants.add(capabilities.set, to: holder)
    for name in held { reporter.note("\(holder.kind) \(holder.name) had \(name) already") }
    if holder != .user("root"), held.count < capabilities.set.names.count {
      reporter.warn(
        "a runtime with a set-user-id starter that reads \(file.string) gives these capabilities on the host itself to "
          + "\(holder.kind) \(holder.name)")
    }
  }
}

struct CapabilityDropCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "drop", abstract: "Take granted capabilities back (root only).")

  @OptionGroup var who: GrantHolderOptions
  @Argument(help: "Names of capabilities, separated by commas; all means every one.") var capabilities:
    CapabilitiesArgument
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let holder = who.holder
    let missing = try CapabilityGrants.drop(capabilities.set, from: holder)
    guard capabilities.set != .all else { return }
    for name in missing { reporter.note("\(holder.kind) \(holder.name) did not have \(name)") }
  }
}

struct CapabilityListCommand: ToolCommand {
  static let configuration = CommandConfiguration(subcommand: "list", abstract: "List the grants.")

  @Argument(help: "The name of a user or group; all of them by default.") var name: String?
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let grants = try CapabilityGrants.configured().all.filter {
      name == nil || name == "all" || $0.holder.name == name
    }
    if output.json {
      return try Console.write(document: [
        JSONMember(
          "grants",
          .array(
            grants.map { grant in
              .object([
                JSONMember("name", .string(grant.holder.name)),
                JSONMember("kind", .string(grant.holder.kind)),
                JSONMember("capabilities", .array(grant.names.map { .string($0) })),
              ])
            }))
      ])
    }
    guard !grants.isEmpty else {
      throw ToolFailure(
        .failure, code: "no-entry",
        name.map { "no capability is granted to \($0)" } ?? "no capability is granted to a user or group")
    }
    try Console.write(
      lines: grants.map { "\($0.holder.name) [\($0.holder.kind)]: \($0.names.joined(separator: ","))" })
  }
}

struct CapabilityAvailCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "avail", abstract: "Say what the capabilities are.")

  @Argument(help: "Names of capabilities, separated by commas; every one by default.") var capabilities:
    CapabilitiesArgument?
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let names = (capabilities?.set ?? .all).names
    if output.json {
      return try Console.write(document: [
        JSONMember(
          "capabilities",
          .array(
            names.map { name in
              .object([
                JSONMember("name", .string(name)),
                JSONMember("description", .string(CapabilityDescriptions.text(of: name))),
              ])
            }))
      ])
    }
    try Console.write(
      lines: names.map { name in
        let label = "\(name):"
        return label + String(repeating: " ", count: max(23 - label.count, 1))
          + CapabilityDescriptions.text(of: name)
      })
  }
}
