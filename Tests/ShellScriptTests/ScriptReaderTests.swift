import ShellScript
import TestSupport
import Testing

/// Files of this machine, as a script sees them.
private struct RealFiles: ScriptFiles {
  func content(of path: [UInt8]) -> [UInt8]? { try? Tool.read(String(decoding: path, as: UTF8.self)) }
  func holds(_ question: FileQuestion, of path: [UInt8]) -> Bool {
    (try? Tool.run(["test", "-\(question.rawValue)", String(decoding: path, as: UTF8.self)]))?.status == 0
  }
}

@Suite struct ScriptReaderTests {
  /// The variables that programs get, and everything that was written, after a script.
  private static func ours(_ script: String) -> (
    variables: [String: String], output: String, ScriptReader.End
  ) {
    var reader = ScriptReader(files: RealFiles())
    reader.name = Array("name".utf8)
    reader.arguments = [Array("one".utf8), Array("two words".utf8)]
    for (name, value) in ["HOME": "/home/me", "LONG": "/a/b.c/d.e", "SPACES": " a  b ", "EMPTY": ""] {
      reader.variables[name] = ScriptReader.Variable(Array(value.utf8))
    }
    let end = reader.run(Array(script.utf8), named: "script")
    let values = reader.variables.filter { $0.value.isExported }.compactMapValues(\.value)
    return (
      values.mapValues { String(decoding: $0, as: UTF8.self) },
      String(decoding: reader.output, as: UTF8.self), end
    )
  }

  /// Scripts that dash and bash understand in the same way.
  static let common = [
    "export A=1 B='two words' C=\"it's $A\"; D=4; export D E",
    #"export A="${Z:-"say \"hi\" and 'ho'"}" B="${Z:-"l1\#nl2"}""#.replacing(#"\#n"#, with: "\n"),
    ##"export A="${A:-"cost \$HOME \${X} \$(id)"}" B="${B:-"\`id\`"}" C="${C:-"a\\b\\\\c"}" D="${D:-""}" E="${E:-"#x;y&z|w"}""##,
    "export A=${EMPTY:-x} B=${EMPTY-x} C=${Z-x} D=${Z:=new} E=${Z} F=${EMPTY:+y} G=${EMPTY+y} H=${HOME:+\"a b\"}",
    "export A=${LONG#*/} B=${LONG##*/} C=${LONG%/*} D=${LONG%%/*} E=${LONG%.*} F=${LONG%%.*} G=${LONG#/?/} H=${LONG#nothing}",
    "export A=${LONG%[de]} B=${LONG%[!e]} C=${LONG%[a-f]} D=${LONG##*\".\"} E=\"${LONG%'.e'}\" F=${#LONG}",
    "export A=\"$SPACES\" B=\"${SPACES}x\"; set -a; C=3; set +a; D=4",
    "for i in $SPACES 'c d' \"$@\"; do L=\"$L:$i\"; done; export L",
    "for i; do L=\"$L:$i\"; done; export L N=$# P=$1 Q=${2} S=\"$*\" Z=$0",
    "for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; L=$L$i; done; export L",
    "for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; L=$L$i$j; done; done; export L",
    "if [ -d /etc ] && [ ! -f /etc ]; then export A=yes; elif true; then export A=no; else export A=never; fi",
    "if false; then export A=1; elif [ -n \"$HOME\" -a -z \"$EMPTY\" ]; then export A=2; fi; export S=$?",
    "case $LONG in /x*|/a/b.?/*) export A=1;; *) export A=2;; esac; case x in y) ;; esac; export S=$?",
    "case \"$HOME\" in */me) export A=1 ;; (*) export A=2; esac\ncase '*' in \"*\") export B=1;; esac",
    "test -e /nothing || export A=1; test 3 -lt 10 && export B=1; ! test 3 -ge 10 && export C=1; [ a != b ] && export D=1",
    "export A=1; unset A; B=2; unset B; export B; B=3; export C=\"${A-gone}\"; unset -v HOME",
    "export A=~/x B=/a:~:~/y C=\"~\"; D=~; export D",
    "# a comment\nexport A=1 # another; export B=2\nexport C=a#b; \\\nexport D=a\\\nb\n: ignored \"$A\"",
    "{ export A=1; export B=2; }; true && { export C=3; } || export D=4; false || { export E=5; }",
    "export A='a'\"b\"\\cd B=\\$A C='\"' D=\"\\\"\\a\\$\"; export E=$ F=\"$\" G=a$.",
    "echo out; echo -n more; echo 'to nowhere' > /dev/null; echo err >&2; echo both 2>&1 >/dev/null",
    "[ -x /bin/sh ] && command -v sh > /dev/null; : ${HOME:=x}; export A=$?",
    "X='a b'; Y=$X; export Y A=\"$X\"; X=; export B=\"[$X]\"",
    "export A=; export B=\"\" C='' D=x; [ \"$A\" = \"$B\" ] && export E=same; [ \"$A\" ] || export F=empty",
    "alias x=y 2>/dev/null; umask 027; readonly R=1; export R",
    ". ./included; export AFTER=$I", "if . ./included; then export A=$?; fi",
    "export A\n\n\n;".replacing(";", with: ""),
  ]

  /// Scripts of bash, whose language the runtimes read.
  static let bash = [
    "export A=$'a\\tb\\'c\\x41\\101\\n'; declare -x B='x y'; declare C=1; typeset -x D=2",
    "A=1; A+=2; export A; export B+=x; [[ $A == 1* ]] && export C=1; [[ -n $HOME ]] && export D=1; [[ ! -d /nothing ]] && export E=1",
    "[[ $HOME = \"/home/*\" ]] || export A=1; [[ abc != a?c ]] || export B=1; [[ 3 -lt 10 ]] && export C=1; [[ -v HOME ]] && export D=1",
    "source ./included && export A=$I; export Z=\"${Z:-\"a  'b'\"}\"",
    "export X=$SPACES; export Y=$LONG:$HOME",
    "source ./returning; export A=$?", "A='a b'; export \"B=$A\" C=$A",
  ]

  @Test(arguments: common) func asInShells(script: String) throws {
    for shell in ["dash", "bash"] { try compare(script, shell) }
  }

  @Test(arguments: bash) func asInBash(script: String) throws { try compare(script, "bash") }

  private func compare(_ script: String, _ shell: String) throws {
    let scratch = try Scratch()
    _ = try scratch.write("script", script)
    _ = try scratch.write("included", "I='from inside'\nexport J=\"$1\"\n")
    _ = try scratch.write("returning", "return 7\nexport NEVER=1\n")
    let theirs = try Tool.run(
      [
        "env", "-i", "HOME=/home/me", "LONG=/a/b.c/d.e", "SPACES= a  b ", "EMPTY=", "PATH=/usr/bin:/bin",
        shell, "-c",
        ". ./script; exec /usr/bin/env -0", "name", "one", "two words",
      ], in: scratch.path)
    // The shells' own variables, and where the script's output ends.
    let own = ["PATH", "PWD", "OLDPWD", "SHLVL", "_"]
    var reader: [String: String] = [:]
    var output = ""
    for entry in theirs.text.split(separator: "\0") {
      // What the script wrote comes before the first variable.
      var entry = entry
      for written in ["out\n", "more", "both\n"] where entry.hasPrefix(written) {
        output += written
        entry = entry.dropFirst(written.count)
      }
      guard let equals = entry.firstIndex(of: "=") else { continue }
      reader[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
    }
    for name in own { reader[name] = nil }
    let absolute = script.replacing("./", with: "\(scratch.path)/")
    let (variables, written, end) = Self.ours(absolute)
    #expect(end == .done, "\(script): \(end)")
    #expect(variables == reader, "\(shell): \(script)")
    #expect(written == output, "\(shell): \(script)")
  }

  /// What only a shell can do, and the line; nothing of such a script is done.
  @Test(arguments: [
    ("export A=1\nexport B=$(id)", 2), ("\n\nA=`id`", 3), ("A=(1 2)", 1), ("f() { :; }", 1),
    ("export A=1\nid", 2),
    ("a | b", 1), ("true &", 1), ("while true; do break; done", 1), ("cat << X\nX", 1), ("A=$((1+2))", 1),
    ("A[1]=2", 1), ("export A=${HOME/a/b}", 1), ("export A=${HOME:1:2}", 1), ("export A=${!HOME}", 1),
    ("for i in *; do :; done", 1), ("export A=1\necho a > file", 2), ("cd /", 1), ("eval A=1", 1),
    ("trap : 0", 1),
    ("read A < /etc/passwd", 1), ("X=1 true", 1), ("set -e", 1), ("printf x", 1), ("(export A=1)", 1),
    ("exec true", 1),
    ("[[ a =~ b ]]", 1), ("export A=$$", 1), ("for i in {1,2}; do :; done", 1), ("A=~root", 1),
    ("exec > /dev/null", 1),
    ("IFS=:; for i in $HOME; do :; done", 1), ("function f { :; }", 1), ("time true", 1), ("export -f x", 1),
  ])
  func needsAShell(script: String, line: Int) {
    let (variables, _, end) = Self.ours(script)
    guard case .needsShell(let place, let what) = end else {
      Issue.record("\(script): \(end)")
      return
    }
    #expect(place.line == line && place.file == "script" && !what.isEmpty, "\(script): \(place)")
    #expect(variables["A"] == nil && variables["HOME"] == "/home/me", "\(script)")
  }

  /// What no shell would accept either.
  @Test(arguments: [
    ("export A=1\nexport X=\"unterminated\n\n", 2, "quote"), ("A='", 1, "quote"),
    ("\nif true; then", 2, "if"),
    ("for i in a; do", 1, "for"), ("case x in", 1, "case"), ("A=${B", 1, "brace"), ("{ true", 1, "{"),
    ("\nA=1\0", 2, "zero byte"), ("true &&", 1, "middle"),
  ])
  func faults(script: String, line: Int, word: String) {
    let (variables, _, end) = Self.ours(script)
    guard case .fault(let place, let sentence) = end else {
      Issue.record("\(script): \(end)")
      return
    }
    #expect(place.line == line && sentence.contains(word), "\(script): \(place) \(sentence)")
    #expect(variables["A"] == nil, "\(script)")
  }

  @Test func bounds() throws {
    let doubling = "A=aaaaaaaaaaaaaaaa\n" + String(repeating: "A=$A$A\n", count: 40)
    let words = Array(repeating: "x", count: 200).joined(separator: " ")
    let loops =
      String(repeating: "for i in \(words); do ", count: 4) + ":" + String(repeating: "; done", count: 4)
    let nested = String(repeating: "{ ", count: 3000) + ":" + String(repeating: "; }", count: 3000)
    let braces = String(repeating: "${A:-", count: 3000) + String(repeating: "}", count: 3000)
    let writing = "for i in \(words); do for j in \(words); do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaa; done; done"
    let star = "A=" + String(repeating: "a", count: 20000) + "\nexport B=${A%%*a*a*a*a*a*ab}"
    // A word costs more memory than its text.
    let short = "A='x x x x '\n" + String(repeating: "A=\"$A$A\"\n", count: 16) + ": $A $A $A"
    for script in [doubling, loops, nested, "A=\(braces)", writing, star, short] {
      guard case .fault = Self.ours(script).2 else {
        Issue.record("\(script.prefix(60)): \(Self.ours(script).2)")
        continue
      }
    }
    let scratch = try Scratch()
    let path = try scratch.write("self", "")
    _ = try scratch.write("self", ". \(path)\n. \(path)\n")
    guard case .fault(let place, let sentence) = Self.ours(". \(path)").2 else {
      Issue.record("no end")
      return
    }
    #expect(sentence.contains("too deeply") && place.file == path)
  }

  @Test func exits() {
    #expect(Self.ours("export A=1; exit 5; export B=1").2 == .exit(5))
    #expect(Self.ours("if false; then :; else echo gone; exit 1; fi").1 == "gone\n")
    #expect(Self.ours("false || exit").2 == .exit(1))
    #expect(Self.ours("exit 1").0["HOME"] == "/home/me")
  }

  @Test func valuesAndWords() {
    var reader = ScriptReader(files: RealFiles())
    reader.variables["X"] = ScriptReader.Variable(Array("a b".utf8))
    func value(_ text: String) -> String? {
      reader.value(of: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(value("$X/${X}/${Y:-z}/\\$X/\\\\") == "a b/a b/z/$X/\\")
    #expect(value(#"say "hi" 'ho' \n \" ~ * #;&|"#) == #"say "hi" 'ho' \n \" ~ * #;&|"#)
    #expect(value("$(id)") == nil && value("a `id`") == nil && value("${X") == nil && value("$((1))") == nil)
    func words(_ text: String) -> [String]? {
      reader.words(of: Array(text.utf8))?.map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(
      words(#""/bin/sh" "-c" "echo \"\$0\" \"\$@\"; pwd" $X"#) == [
        "/bin/sh", "-c", #"echo "$0" "$@"; pwd"#, "a", "b",
      ])
    #expect(
      words("") == [] && words("a; b") == nil && words("a $(b)") == nil && words("a > /dev/null") == nil)
  }
}
