import Bytes
import CommandKit
import Forensics
import ImageBuild
import ImageFetch
import ImageTrust
import Library
import Partitions
import SIFRuntime

extension FrontEnd {
  /// `siftool` puts its name before every message, and suggests its own options and commands.
  static var siftool: FrontEnd {
    var tool = FrontEnd(
      prefix: { $0 == .warning ? "siftool: warning: " : "siftool: " },
      remedy: { SiftoolRemedies.remedy(for: $0) })
    tool.helpLine = { "Try '\((["siftool"] + $0 + ["--help"]).joined(separator: " "))'." }
    return tool
  }
}

private enum SiftoolRemedies {
  /// The end of the sentence: an option or command of this tool that helps.
  static func remedy(for fault: any Fault) -> String? {
    switch fault {
    case KeyError.severalKeys: "; choose one with --fingerprint"
    case KeyError.notPEM: ": sign once for each --key"
    case let error as FetchError where error.code == .notSigned:
      ": sign it first, or send it with --allow-unsigned"
    case let error as LibraryError where error.code == .notLoggedIn: "; `siftool remote login` gives it one"
    case let error as PartitionError where error.code == .severalPartitions: "; choose with --id"
    case let error as PartitionError where error.code == .otherFileSystem: "; dump writes it out"
    case let error as ImageBuildError where error.code == .unknownArchitecture: ": give --arch"
    case let error as HashError where error.code == .tooMuch: "; --limit allows more"
    case let error as RuntimeError:
      switch error.lacking {
      case .privilegedNamespaces: "; --userns does not need them"
      case .userNamespace: "; `siftool extract` and `siftool mount` do not need one"
      case .outerCapabilities: "; start that one with --add-caps all"
      case .overlay: ", which --writable-tmpfs and --overlay need"
      case .fuseDevice: "; `siftool extract` does not need it"
      case .fileSystemProgram: nil
      case .overlayOfRoot: "; --fakeroot needs one that `siftool overlay create --fakeroot` made"
      case .fuseHelper: "; `siftool exec` and `siftool extract` do not need it"
      case .everyCapability: "; --keep-privs and --add-caps SYS_ADMIN keep it"
      case .ownControlGroup: "; start it as `systemd-run --user --scope -p Delegate=yes siftool …`"
      case nil: nil
      }
    default: nil
    }
  }
}
