import CommandKit
import LinuxSystem

/// A name of the runtimes that the tool was called with.
package enum RuntimeName: Sendable {
  case apptainer
  case singularity
  /// The program that the first line of every image names: `run-singularity IMAGE` is `singularity --quiet run IMAGE`.
  case runSingularity

  /// The name at the end of a path; nil if it is none of the runtimes'.
  package init?(calledAs path: String) {
    switch path.utf8.split(separator: UInt8(ascii: "/")).last.map(String.init) {
    case "apptainer": self = .apptainer
    case "singularity": self = .singularity
    case "run-singularity": self = .runSingularity
    default: return nil
    }
  }

  /// The runtime whose files in the home directory are used.
  var family: UserDirectories.Family { self == .apptainer ? .apptainer : .singularity }

  /// The program's name in messages.
  var program: String { self == .apptainer ? "apptainer" : "singularity" }

  /// The number of the runtime's version whose command line and files this tool keeps, and its own
  /// (spec/names.md "Version").
  var number: String { (self == .apptainer ? "1.4.5" : "4.3.3") + "+siftool.\(ToolVersion.number)" }

  /// What `--version` prints.
  var versionLine: String { (self == .apptainer ? "apptainer" : "singularity-ce") + " version \(number)" }

  /// The beginning of its variables' names.
  var variables: String { self == .apptainer ? "APPTAINER_" : "SINGULARITY_" }
}
