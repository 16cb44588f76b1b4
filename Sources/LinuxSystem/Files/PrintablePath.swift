import Bytes
package import SystemPackage

extension FilePath {
  /// The path with everything escaped that could disturb a terminal.
  package var printable: String { VisibleText.text(bytes, doublesBackslashes: false) }
}
