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
    guard let file = PathArgument(argument: argument) else { return nil }
    CommandFiles.note()
    path = file.isStandardInput ? "-" : file.path
    endsWithSlash = file.endsWithSlash
  }

  /// Shells offer files.
  package static var defaultCompletionKind: CompletionKind { .file() }
}

/// A file on the command line that a command writes from beginning to end; `-` stands for standard output.
package struct StreamArgument: ExpressibleByArgument {
  /// The path; nil for standard output.
  package let path: FilePath?
  let output: OutputArgument

  /// Reads an argument; nil if it is empty.
  package init?(argument: String) {
    guard let output = OutputArgument(argument: argument) else { return nil }
    self.output = output
    path = argument == "-" ? nil : output.path
  }

  /// Shells offer files.
  package static var defaultCompletionKind: CompletionKind { .file() }
}

/// A directory on the command line that is no input: one that a command puts files into, or one in a container.
package struct DirectoryArgument: ExpressibleByArgument {
  /// The path.
  package let path: FilePath

  /// Reads an argument; nil if it is empty, or `-`, which is no directory.
  package init?(argument: String) {
    guard argument != "-", let argument = PathArgument(argument: argument) else { return nil }
    path = argument.path
  }

  /// Shells offer directories.
  package static var defaultCompletionKind: CompletionKind { .directory }
}
