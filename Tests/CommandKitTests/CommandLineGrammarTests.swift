import CommandKit
import Testing

/// The grammar of the command line, on a tool of three commands.
@Suite struct CommandLineGrammarTests {
  private let grammar = CommandLineGrammar(
    OptionTable(
      tool: "tool",
      lines: [
        ": version", "exec...: B/bind=+ c/contain H/home= swap! json pwd|cwd= env-file=+",
        "list: json id= q/quiet", "key: ",
        "key new: user-id=",
      ]))

  private func read(_ arguments: String...) throws -> [String] { try grammar.read(arguments).arguments }

  private func fault(_ arguments: String...) -> String? {
    do throws(CommandLineGrammar.UsageError) {
      _ = try grammar.read(arguments)
      return nil
    } catch { return error.sentence }
  }

  @Test func theFormForTheParser() throws {
    #expect(try read() == [])
    #expect(try read("list", "x") == ["list", "--", "x"])
    #expect(try read("list", "x", "--json", "y") == ["list", "--json", "--", "x", "y"])
    #expect(try read("list", "--id", "1", "--", "--json") == ["list", "--id", "1", "--", "--json"])
    #expect(try read("list", "--id=") == ["list", "--id", ""])
    #expect(try read("list", "--id=-1", "-") == ["list", "--id=-1", "--", "-"])
    #expect(try read("list", "--id", "-") == ["list", "--id", "-"])
    #expect(try read("list", "--id=a=b") == ["list", "--id", "a=b"])
    #expect(try read("key", "new", "--user-id", "a\nb") == ["key", "new", "--user-id", "a\nb"])
    #expect(fault("help", "--bogus") == "help has no option --bogus")
  }

  @Test func valuesJoinedToLetters() throws {
    for form in [["-Ba:b"], ["-B=a:b"], ["-B", "a:b"], ["--bind=a:b"], ["--bind", "a:b"]] {
      #expect(
        try grammar.read(["exec"] + form + ["x"]).arguments == ["exec", "--bind", "a:b", "--", "x"], "\(form)"
      )
    }
    #expect(
      try read("exec", "-cB/home", "-H/h", "x") == [
        "exec", "--contain", "--bind", "/home", "--home", "/h", "--", "x",
      ])
    #expect(
      try read("exec", "-B==", "-B-", "-B-h", "x") == [
        "exec", "--bind", "=", "--bind", "-", "--bind=-h", "--", "x",
      ])
    // A mark that a letter would be one character with.
    #expect(try read("exec", "-B\u{301}", "x") == ["exec", "--bind", "\u{301}", "--", "x"])
  }

  @Test func whatBelongsToTheProgram() throws {
    #expect(
      try read("exec", "-c", "x", "ls", "--bind", "-h", "--", "---") == [
        "exec", "--contain", "--", "x", "ls", "--bind", "-h", "--", "---",
      ])
    #expect(try read("exec", "x", "--", "ls") == ["exec", "--", "x", "--", "ls"])
    #expect(try read("exec", "--", "-x", "ls") == ["exec", "--", "-x", "ls"])
  }

  @Test func helpIsExactlyThat() throws {
    for form in ["-h", "--help"] {
      #expect(try grammar.read([form, "list"]).arguments == ["--help"])
      #expect(try grammar.read(["list", "--json", form, "--bogus"]).arguments == ["list", "--help"])
      #expect(try grammar.read(["key", form]).arguments == ["key", "--help"])
    }
    #expect(fault("list", "-qh") == "list has no option -h (in -qh)")
    #expect(fault("list", "--help=x") == "list has no option --help")
    #expect(fault("list", "--id", "-h") == "--id needs a value")
  }

  @Test func theFirstMistakeIsNamed() {
    #expect(fault("exec", "--no-such", "x", "--bind", "/a", "y") == "exec has no option --no-such")
    #expect(fault("exec", "-W/scratch", "x") == "exec has no option -W (in -W/scratch)")
    #expect(fault("key", "new", "-x") == "key new has no option -x")
    #expect(fault("--no-such") == "tool has no option --no-such")
    #expect(fault("nothing") == "tool has no command nothing")
    #expect(fault("key", "old") == "key has no command old")
    #expect(fault("list", "--json=yes", "x") == "--json takes no value")
    #expect(fault("list", "-q=1", "x") == "-q takes no value")
    #expect(fault("exec", "--json=yes", "x") == "--json takes no value but true or false")
    #expect(fault("list", "--id") == "--id needs a value")
    #expect(fault("list", "--id", "--json") == "--id needs a value")
    #expect(fault("list", "---", "x") == "list has no option ---")
  }

  @Test func severalNames() throws {
    for name in ["pwd", "cwd"] {
      #expect(try read("exec", "--\(name)", "/a", "x") == ["exec", "--pwd", "/a", "--", "x"])
    }
    #expect(
      fault("exec", "--pwd", "/a", "--cwd=/a", "x") == "--cwd is given twice, and takes one value")
  }

  @Test func truthValues() throws {
    for form in ["--contain=true", "--contain=1", "-c=T", "--contain=false,--contain"] {
      let words = form.split(separator: ",").map(String.init)
      #expect(
        try grammar.read(["exec"] + words + ["x"]).arguments == ["exec", "--contain", "--", "x"], "\(form)")
    }
    for form in ["--contain=false", "-c=0", "--contain,--contain=False"] {
      let words = form.split(separator: ",").map(String.init)
      let line = try grammar.read(["exec"] + words + ["x"])
      #expect(line.arguments == ["exec", "--", "x"] && line.given == ["contain"], "\(form)")
    }
    for bad in ["", "yes", "tRUE", "2"] {
      #expect(
        fault("exec", "--contain=\(bad)", "x") == "--contain takes no value but true or false", "\(bad)")
    }
  }

  // MARK: Variables

  private func line(_ arguments: [String], _ variables: [String: String]) throws -> CommandLineGrammar.Line {
    let table = OptionTable(
      tool: "tool",
      lines: [": ", "exec...: contain H/home= pwd|cwd= env-file=+ overlay=+ memory-swap!", "list: contain"])
    var line = try CommandLineGrammar(table).read(arguments)
    try OptionVariables.runtimes.add(to: &line, of: table, variables: variables)
    return line
  }

  @Test func variablesStandForOptions() throws {
    let all = [
      "SINGULARITY_HOME": "/s", "APPTAINER_HOME": "/a", "SINGULARITY_CONTAIN": "True", "APPTAINER_PWD": "/p",
      "SINGULARITY_CWD": "/c", "APPTAINER_ENV_FILE": "a, b,,", "SINGULARITY_OVERLAY": "a, b",
      "APPTAINER_MEMORY_SWAP": "-1", "APPTAINER_NETWORK": "none",
    ]
    let line = try line(["exec", "x", "y"], all)
    #expect(
      line.arguments == [
        "exec", "--contain", "--env-file", "a", "--env-file", "b", "--home", "/a", "--memory-swap=-1",
        "--overlay", "a, b", "--pwd", "/p", "--", "x", "y",
      ])
    #expect(line.given.isEmpty && line.variables["home"] == "APPTAINER_HOME")
    #expect(
      line.origin(of: "--home: no; --pwd: no")
        == " (--home is from APPTAINER_HOME, --pwd is from APPTAINER_PWD)")
    // The command line wins.
    let other = ["exec", "--home=/h", "--contain=false", "--cwd", "/w", "--overlay", "o", "x"]
    #expect(
      try self.line(other, all).arguments == [
        "exec", "--env-file", "a", "--env-file", "b", "--memory-swap=-1", "--home", "/h", "--pwd", "/w",
        "--overlay",
        "o", "--", "x",
      ])
  }

  @Test func variablesWithoutEffect() throws {
    for (name, value) in [("APPTAINER_CONTAIN", "false"), ("APPTAINER_HOME", ""), ("CONTAIN", "1")] {
      #expect(try line(["exec", "x"], [name: value]).arguments == ["exec", "--", "x"], "\(name)")
    }
    #expect(try line(["list", "x"], ["APPTAINER_CONTAIN": "1"]).arguments == ["list", "--", "x"])
    #expect(try line(["exec", "--help"], ["APPTAINER_CONTAIN": "x"]).arguments == ["exec", "--help"])
    // One that is empty leaves the next one its turn.
    #expect(
      try line(["exec", "x"], ["APPTAINER_CONTAIN": "", "SINGULARITY_CONTAIN": "t"]).arguments == [
        "exec", "--contain", "--", "x",
      ])
    #expect(throws: CommandLineGrammar.UsageError.self) {
      try line(["exec", "x"], ["SINGULARITY_CONTAIN": "yes"])
    }
  }

  @Test func optionsGivenTwice() throws {
    #expect(fault("list", "--id", "1", "--id=1", "x") == "--id is given twice, and takes one value")
    #expect(fault("exec", "-Hx", "--home", "y", "z") == "--home is given twice, and takes one value")
    #expect(try read("exec", "-Ba", "--bind=b", "x") == ["exec", "--bind", "a", "--bind", "b", "--", "x"])
    #expect(try read("list", "--json", "--json", "x") == ["list", "--json", "--", "x"])
  }

  @Test func valuesThatBeginWithADash() throws {
    #expect(try read("exec", "--swap", "-1", "x", "y") == ["exec", "--swap=-1", "--", "x", "y"])
  }

  @Test func whetherJSONIsWanted() throws {
    #expect(try grammar.read(["list", "--json", "x"]).wantsJSON)
    #expect(try !grammar.read(["exec", "x", "ls", "--json"]).wantsJSON)
    #expect(try !grammar.read(["list", "--", "--json"]).wantsJSON)
  }
}
