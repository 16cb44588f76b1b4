import ArgumentParser

/// `siftool`: every command is a file of Commands/.
struct SiftoolCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "siftool",
    abstract: "Read, check, change and make images of the Singularity Image Format (SIF).",
    discussion: """
      Data goes to standard output, everything else to standard error.

      Exit codes: 0 done; 1 other failure; 2 not signed; 3 no trusted signer; 4 tampered; 5 not a SIF, \
      malformed or truncated; 6 key or passphrase missing or wrong; 7 input/output or permission; 64 usage.
      """,
    version: ToolVersion.number,
    groupedSubcommands: [
      CommandGroup(
        name: "Read",
        subcommands: [
          HeaderCommand.self, ListCommand.self, InfoCommand.self, DumpCommand.self, InspectCommand.self,
          CheckCommand.self, DiffCommand.self,
        ]),
      CommandGroup(
        name: "Change",
        subcommands: [
          NewCommand.self, AddCommand.self, DelCommand.self, SetprimCommand.self, CompactCommand.self,
          GrowCommand.self,
        ]),
      CommandGroup(name: "Sign", subcommands: [SignCommand.self, VerifyCommand.self, KeyCommand.self]),
      CommandGroup(
        name: "Encrypt", subcommands: [EncryptCommand.self, DecryptCommand.self, RekeyCommand.self]),
      CommandGroup(
        name: "File system",
        subcommands: [
          LsCommand.self, CatCommand.self, ExtractCommand.self, TarCommand.self, PackCommand.self,
        ]),
      CommandGroup(
        name: "Examine",
        subcommands: [
          MapCommand.self, CarveCommand.self, HashCommand.self, BodyfileCommand.self, ReportCommand.self,
          ScanCommand.self,
        ]),
      CommandGroup(
        name: "Run",
        subcommands: [
          ExecCommand.self, RunCommand.self, ShellCommand.self, MountCommand.self, UnmountCommand.self,
        ]),
      CommandGroup(name: "About", subcommands: [CompletionCommand.self, VersionCommand.self]),
    ])
}

/// A command whose failures end the process with the contract's exit codes.
protocol ToolCommand: ParsableCommand {
  /// Does the work.
  func execute() throws

  /// Whether the command's output is a JSON document.
  var printsJSON: Bool { get }
}

extension ToolCommand {
  var printsJSON: Bool { false }

  mutating func run() throws { try execute() }
}
