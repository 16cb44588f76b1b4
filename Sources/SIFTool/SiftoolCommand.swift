import ArgumentParser
import CommandKit

/// `siftool`: every command is a file of Commands/, in the folder of its group.
struct SiftoolCommand: ParsableCommand {
  /// The commands that are done without the parser in their simplest form. None of this is stored: each variable would be
  /// one more page that a start touches.
  static var shortForms: [ShortForm] {
    [
      ListCommand.shortForm, HeaderCommand.shortForm, InfoCommand.shortForm, DumpCommand.shortForm,
      CatCommand.shortForm, VerifyCommand.shortForm,
    ]
  }

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
        name: "Build", subcommands: [BuildCommand.self]),
      CommandGroup(
        name: "Run",
        subcommands: [
          ExecCommand.self, RunCommand.self, ShellCommand.self, TestCommand.self, RunHelpCommand.self,
          MountCommand.self, UnmountCommand.self, OverlayCommand.self,
        ]),
      CommandGroup(name: "Services", subcommands: [InstanceCommand.self]),
      CommandGroup(
        name: "Transfer",
        subcommands: [
          PullCommand.self, PushCommand.self, ExportCommand.self, SearchCommand.self, DeleteCommand.self,
          RemoteCommand.self,
          KeyserverCommand.self, RegistryCommand.self, CacheCommand.self,
        ]),
      CommandGroup(name: "Administer", subcommands: [ConfigCommand.self, CapabilityCommand.self]),
      CommandGroup(name: "About", subcommands: [CompletionCommand.self, VersionCommand.self]),
    ])
}
