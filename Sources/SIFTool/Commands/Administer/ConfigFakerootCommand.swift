import ArgumentParser
import CommandKit
import ExecutionControl

struct ConfigFakerootCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "fakeroot", abstract: "Give a user ids for exec --fakeroot, or take them away (root only).",
    discussion: """
      Changes /etc/subuid and /etc/subgid. A new range has 65536 numbers, the highest that are free. --disable puts ! before \
      the user's lines, and --enable takes it away.

      siftool config fakeroot --add alice
      """)

  @Flag(name: [.customShort("a"), .long], help: "Give the user a range, unless there is one.") var add = false
  @Flag(name: [.customShort("r"), .long], help: "Take all of the user's ranges away.") var remove = false
  @Flag(name: [.customShort("e"), .long], help: "Switch the user's ranges on.") var enable = false
  @Flag(name: [.customShort("d"), .long], help: "Switch the user's ranges off.") var disable = false
  @Argument(help: "The name of the user.") var user: String

  private var changes: [SubordinateIDs.Change] {
    let all: [(Bool, SubordinateIDs.Change)] = [
      (add, .add), (remove, .remove), (enable, .enable), (disable, .disable),
    ]
    return all.filter { $0.0 }.map { $0.1 }
  }

  func validate() throws {
    guard changes.count == 1 else {
      throw ValidationError("give one of --add, --remove, --enable and --disable")
    }
  }

  func execute() throws {
    for change in changes { try SubordinateIDs.change(change, ofUser: user) }
  }
}
