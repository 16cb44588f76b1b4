import Glibc

/// How a script of a build is run: `/bin/sh -ex WORDS SCRIPT` (spec/build.md "Steps").
enum StepScript {
  /// The command for a script.
  ///
  /// - Parameter words: those of the section's head. All words after `-c` are a command that gets the script.
  static func command(_ words: [[UInt8]], _ script: String) throws(RuntimeError) -> [[UInt8]] {
    let shell = [Array("/bin/sh".utf8), Array("-ex".utf8)]
    guard let index = words.firstIndex(of: Array("-c".utf8)) else {
      return shell + words + [Array(script.utf8)]
    }
    let command = words[(index + 1)...]
    guard !command.isEmpty else {
      throw RuntimeError(.invalidArgument, "-c in the head of a section needs a command")
    }
    let text = Array((Array(command) + [Array(script.utf8)]).joined(separator: [0x20]))
    return shell + words[...index] + [text]
  }
}
