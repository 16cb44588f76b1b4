import Bytes
import CommandKit
import Forensics
import ImageTrust
import Partitions
import SIFRuntime

extension FrontEnd {
  /// `siftool` puts its name before every message, and knows remedies by its own options.
  static var siftool: FrontEnd {
    FrontEnd(
      line: { severity, text in "siftool: \(severity == .warning ? "warning: " : "")\(text)" },
      remedy: { SiftoolRemedies.remedy(for: $0) })
  }
}

private enum SiftoolRemedies {
  /// The end of the sentence: which option or command of this tool does without what is missing.
  static func remedy(for fault: any Fault) -> String? {
    switch fault {
    case KeyError.severalKeys: "; choose one with --fingerprint"
    case KeyError.notPEM: ": sign once for each --key"
    case let error as PartitionError where error.code == .severalPartitions: "; choose with --id"
    case let error as PartitionError where error.code == .otherFileSystem: "; dump writes it out"
    case let error as HashError where error.code == .tooMuch: "; --limit allows more"
    case let error as RuntimeError:
      switch error.lacking {
      case .privilegedNamespaces: "; --userns does without"
      case .userNamespace: "; `siftool extract` and `siftool mount` do without"
      case .overlay: ", which --writable-tmpfs and --overlay need"
      case .fuseDevice: "; `siftool extract` needs nothing of the kind"
      case .fuseHelper: "; `siftool exec` and `siftool extract` do without it"
      case .ownControlGroup: "; start it as `systemd-run --user --scope -p Delegate=yes siftool …`"
      case nil: nil
      }
    default: nil
    }
  }
}
