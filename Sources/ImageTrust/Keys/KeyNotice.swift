import Bytes
import LinuxSystem
public import OpenPGP
public import SystemPackage

/// A warning about a file of keys, which is still used.
public enum KeyNotice: Equatable, Sendable, CustomStringConvertible {
  /// Others can read a file with a private key.
  case sharedPrivateKey(FilePath)
  /// Others can enter a directory of key rings, or even change it.
  case openDirectory(FilePath, canBeChanged: Bool)
  /// A key or signature in a file was skipped.
  case passedOver(OpenPGPError, in: FilePath)
  /// More faults were skipped than are told one by one.
  case moreWasPassedOver(count: Int, in: FilePath)

  /// One sentence without a final stop.
  public var description: String {
    switch self {
    case .sharedPrivateKey(let path): "others can read the private key in \(path.printable); chmod 600 it"
    case .openDirectory(let path, let canBeChanged):
      "others can \(canBeChanged ? "change" : "enter") the key ring directory \(path.printable); chmod 700 it"
    case .passedOver(let fault, let path): "\(path.printable): skipped: \(fault.description)"
    case .moreWasPassedOver(let count, let path): "\(path.printable): \(count) more faults were skipped"
    }
  }
}
