import ShellScript

/// Files of an image, all of which have the fuzzed text.
private struct SameFiles: ScriptFiles {
  let text: [UInt8]

  func content(of path: [UInt8]) -> [UInt8]? { path.count % 2 == 0 ? text : nil }
  func holds(_ question: FileQuestion, of path: [UInt8]) -> Bool { path.count % 2 == 0 }
}

/// A script that sets variables, a value, and a list of words.
@Sendable func fuzzShellScript(_ bytes: [UInt8]) {
  var reader = ScriptReader(files: SameFiles(text: bytes))
  reader.arguments = [Array("one".utf8), Array("two words".utf8)]
  reader.variables["HOME"] = ScriptReader.Variable(Array("/home".utf8))
  let before = reader.variables
  switch reader.run(bytes, named: "fuzz") {
  case .done, .exit: break
  case .needsShell(_, let text), .fault(_, let text):
    if text.isEmpty || reader.variables != before {
      fatalError("a script that was not read changed something")
    }
  }
  for (name, variable) in reader.variables where name.contains("=") || variable.value?.contains(0) == true {
    fatalError("no such variable can be passed on")
  }
  _ = reader.value(of: bytes)
  _ = reader.words(of: bytes)
}
