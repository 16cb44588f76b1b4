import ArgumentParser
import SystemPackage

/// A file on the command line that a command makes, replaces or changes. It must not be one of the files that the same
/// command reads (``CommandFiles``).
package struct OutputArgument: ExpressibleByArgument {
  /// The path.
  package let path: FilePath
  /// Whether it was written with a slash at its end, as only a directory can be.
  let endsWithSlash: Bool

  /// Reads an argument; nil if it is empty.
  package init?(argument: String) {
    guard let argument = PathArgument(argument: argument) else { return nil }
    path = argument.path
    endsWithSlash = argument.endsWithSlash
  }

  /// Whether it is `-`, which stands for standard output.
  package var isStandardOutput: Bool { path == "-" }

  /// Shells offer files.
  package static var defaultCompletionKind: CompletionKind { .file() }
}

/// A directory on the command line that a command puts files into.
package struct DirectoryArgument: ExpressibleByArgument {
  /// The path.
  package let path: FilePath

  /// Reads an argument; nil if it is empty.
  package init?(argument: String) {
    guard let argument = PathArgument(argument: argument) else { return nil }
    path = argument.path
  }

  /// Shells offer directories.
  package static var defaultCompletionKind: CompletionKind { .directory }
}
