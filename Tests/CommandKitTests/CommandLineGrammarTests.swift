import CommandKit
import Testing

/// The grammar of the command line, on a tool of three commands.
@Suite struct CommandLineGrammarTests {
  private let grammar = CommandLineGrammar(
    OptionTable(
      tool: "tool",
      lines: [
        ": version", "exec...: B/bind=+ c/contain H/home= swap! json", "list: json id= q/quiet", "key: ",
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
    #expect(fault("list", "--id") == "--id needs a value")
    #expect(fault("list", "--id", "--json") == "--id needs a value")
    #expect(fault("list", "---", "x") == "list has no option ---")
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
