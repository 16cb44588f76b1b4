import SystemPackage
import TestSupport
import Testing

@testable import SIFRuntime

/// What a container is told, before there is one.
@Suite struct ContainerTests {
  @Test func binds() throws {
    func parse(_ text: String) throws -> [Bind] { try Bind.parse(Array(text.utf8)) }
    #expect(try parse("/a") == [Bind("/a", at: "/a")])
    #expect(try parse("a b:/c:ro,/d::rw") == [Bind("a b", at: "/c", isReadOnly: true), Bind("/d", at: "/d")])
    #expect(try parse(#"/a\:b\,c\\d\e:/x/./y//z/"#) == [Bind(#"/a:b,c\d\e"#, at: "/x/y/z")])
    for bad in [
      ":", ":/a", "/a:/b:rx", "/a:/b:ro:x", "/a:b", "a", "/a:/b/../c", "/a:/b:", "/", "/a:/.", "/a,ro",
      "/a:/b,ro",
      "/a:/b:image-src=", "/a:/b:id=0", "/a:/b:id=x", "/a:/b:id=+1", "/a:/b:id=4294967296", "/a:/b:id",
      "/a:/b:rw,id=1", "/a:/b:ro=1",
    ] {
      #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
    }
    #expect(try parse("").isEmpty && parse(",").isEmpty)
    #expect(try parse("/a,,/b,") == [Bind("/a", at: "/a"), Bind("/b", at: "/b")])
  }

  @Test func bindsOfImages() throws {
    func parse(_ text: String) throws -> [Bind] { try Bind.parse(Array(text.utf8)) }
    var first = try Bind("/a", at: "/b", isReadOnly: true)
    first.part = Bind.ImagePart(object: 3, path: "/x,y")
    var second = try Bind("/c", at: "/d", isReadOnly: true)
    second.part = Bind.ImagePart(path: "/")
    second.isPassedOn = false
    #expect(
      try parse(#"/a:/b:image-src=/x\,y,id=3,/c:/d:ro,nonested,image-src=/,/e"#) == [
        first, second, Bind("/e", at: "/e"),
      ])
  }

  @Test func mounts() throws {
    func parse(_ text: String) throws -> [Bind] { try Bind.parse(mounts: Array(text.utf8)) }
    #expect(
      try parse("type=bind,source=/a,target=/b\n\nsrc=/c:d,dst=/e,readonly=false\r\n") == [
        Bind("/a", at: "/b"), Bind("/c:d", at: "/e", isReadOnly: true),
      ])
    #expect(
      try parse(#""source=/a,""b"",c","destination=/d""#) == [Bind(#"/a,"b",c"#, at: "/d")])
    var part = try Bind("i", at: "/b", isReadOnly: true)
    part.part = Bind.ImagePart(object: 2, path: "/p")
    #expect(try parse("src=i,dst=/b,image-src=/p,id=2") == [part])
    #expect(try parse("").isEmpty && parse("\n\r\n").isEmpty)
    for bad in [
      "src=/a", "dst=/a", "source=,target=/b", "source,target=/b", "type=tmpfs,source=/a,target=/b",
      "type,src=/a,dst=/b", "src=/a,dst=/b,rw", "src=/a,dst=/b,bind-propagation=shared", "src=/a,dst=b",
      "src=/a,dst=/b,", "src=/a,dst=/", #"src="/a",dst=/b"#, #""src=/a,dst=/b"#, #""src=/a"x,dst=/b"#, "\"\"",
      "src=/a,dst=/b,id=", "src=/a,dst=/b,image-src",
    ] {
      #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
    }
  }

  /// With the package of Go that the runtimes use as the peer.
  @Test func commaSeparatedValues() throws {
    var random = SeededRandom(seed: UInt64.random(in: 0...UInt64.max))
    let alphabet = Array("\"\"\",,,ab= \n\n\r\r".utf8)
    let texts = (0..<20_000).map { _ in
      (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) }
    }
    func hexadecimal(_ bytes: [UInt8]) -> String {
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    let answer = try GoOracle.run(
      ["csv"], input: Array(texts.map { hexadecimal($0) + "\n" }.joined().utf8))
    let lines = answer.text.split(separator: "\n", omittingEmptySubsequences: false)
    try #require(answer.status == 0 && lines.count == texts.count + 1, "\(answer.errors)")
    for (text, line) in zip(texts, lines) {
      let ours =
        (try? CommaSeparated.records(of: text, isMultiline: true)).map { records in
          records.map { $0.map { hexadecimal($0) + "," }.joined() + ";" }.joined()
        } ?? "bad"
      #expect(ours == line, "\(hexadecimal(text))")
    }
  }

  @Test func homes() throws {
    func parse(_ text: String) throws -> HomeChoice { try HomeChoice.parse(Array(text.utf8)) }
    #expect(try parse("/a") == HomeChoice("/a", at: "/a"))
    #expect(try parse(#"/a\:b,c:/d/./e"#) == HomeChoice("/a:b,c", at: "/d/e"))
    for bad in ["", ":", "a", "a:/b", "/a:", "/a:b", "/a:/b:/c", "/a:/", "/a:/b/../c", "/"] {
      #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
    }
  }

  @Test func times() {
    for (text, milliseconds) in [("1m", 60_000), ("1h2m3.5s", 3_723_500), ("10ms", 10), ("1ns", 1)] {
      #expect(ScriptPatience(text)?.milliseconds == milliseconds, "\(text)")
    }
    for bad in ["", "1", "m", "-1s", "0s", "1x", "1s ", "1e3s", "nan s", "9999999999h", "1.2.3s", "s1"] {
      #expect(ScriptPatience(bad) == nil, "\(bad)")
    }
  }

  @Test func placesAreComparedByComponents() {
    let path: FilePath = "/home/user"
    #expect(path.isBeneath("/home") && path.isBeneath("/home/user") && path.isBeneath("/"))
    #expect(!path.isBeneath("/home/us") && !path.isBeneath("/home/user/x"))
  }

  @Test func usersAndGroups() {
    let identity = Identity()
    let image = Array("root:x:0:0:it:/root:/bin/ash\nodd:line\n\nother:x:\(identity.user):1::/:/bin/ash".utf8)
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    let lines = text(identity.passwd(image, isFakeRoot: false, home: "/h") { _ in false }).split(
      separator: "\n")
    // In the place of the image's entries of that number, with their shell.
    let own = lines.filter { $0.split(separator: ":").dropFirst(2).first == "\(identity.user)" }
    #expect(
      own.count == 1 && own[0].hasPrefix("\(identity.name):x:\(identity.user):\(identity.group):"), "\(lines)"
    )
    #expect(own[0].hasSuffix(":/h:/bin/ash"), "\(lines)")
    // Without an entry: the host's shell if the image has it.
    let bare = text(identity.passwd([], isFakeRoot: false, home: "/h") { _ in false })
    #expect(bare.hasSuffix(":/h:/bin/sh\n"), "\(bare)")
    let root = text(identity.passwd(image, isFakeRoot: true, home: "/root") { _ in true })
    #expect(root.hasPrefix("root:x:0:0:root:/root:/bin/ash\nodd:line\n"), "\(root)")
    let groups = String(decoding: identity.group([], isFakeRoot: false), as: UTF8.self)
    #expect(groups.contains(":x:\(identity.group):\(identity.name)\n"))
    #expect(identity.group(Array("root:x:0:\n".utf8), isFakeRoot: true) == Array("root:x:0:\n".utf8))
  }

  @Test func names() {
    for name in ["A", "_", "a1_B"] { #expect(ProgramVariables.isName(name)) }
    for name in ["", "1A", "A-B", "A B", "Ä", "A;rm"] { #expect(!ProgramVariables.isName(name)) }
  }

  @Test func variablesOfOneArgument() throws {
    func parse(_ text: String) throws -> [String] {
      try ProgramVariables.parse(list: Array(text.utf8)).map {
        "\($0.name)|" + String(decoding: $0.value, as: UTF8.self)
      }
    }
    #expect(try parse("A=1,B=2") == ["A|1", "B|2"])
    #expect(try parse("A=1,2") == ["A|1,2"] && parse("\"A=1,2\"") == ["A|1,2"] && parse("A=") == ["A|"])
    #expect(try parse(#""A=1,""2""","B=x=y",C="#) == [#"A|1,"2""#, "B|x=y", "C|"])
    #expect(try parse("A=x=y") == ["A|x=y"] && parse(#"A="x""#) == [#"A|"x""#])
    for bad in ["", "A", "=", "1=2", "A=1,b,C=2", "A=1,B=2,", #"A="1,2",B=3"#, #""A=1,B=2"#, #""A=1"x,B=2"#] {
      #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
    }
  }

  @Test func variablesOfAFile() throws {
    func parse(_ text: String) throws -> [String] {
      try VariableFile.parse(
        Array(text.utf8), named: "env", host: [("HOME", Array("/h".utf8)), ("X", Array("x y".utf8))]
      ).map { "\($0.name)|" + String(decoding: $0.value, as: UTF8.self) }
    }
    #expect(
      try parse("# no\n\nA=1\r\n  export B='two words' C=\"it's\" # nor this\nD=a#b;E=\n")
        == ["A|1", "B|two words", "C|it's", "D|a#b", "E|"])
    #expect(
      try parse(#"A='$X `id` \n' B="$X ${X}!\$\n" C=$A$none. D=\$\ \'"#)
        == [#"A|$X `id` \n"#, #"B|x y x y!$\n"#, #"C|$X `id` \n."#, "D|$ '"])
    #expect(
      try parse("A='1\n2'\\\n3\nB=~/b C=~x:~ D=$ E=\"$\"\nexport A X none") == [
        "A|1\n23", "B|/h/b", "C|~x:~", "D|$", "E|$", "A|1\n23", "X|x y",
      ])
    for (bad, word) in [
      ("A=1\nB=two words", "line 2 of env: \"words\""), ("A=$(id)", "( is not quoted"),
      ("A=`id`", "is not quoted"),
      ("A=\"`id`\"", "is not quoted"), ("A=1&", "& is not quoted"), ("A=(1 2)", "( is not quoted"),
      ("A=${X:-y}", "${…}"), ("A=${X", "${…}"), ("A=$1", "$1 is not"), ("A=$$", "$$ is not"),
      ("A=$'x'", "$' is not"),
      ("\nA='x", "line 2 of env: a quote is not closed"),
      ("A=\"x\ny", "line 1 of env: a quote is not closed"),
      ("A=\"x\\", "not closed"), ("1A=b", "\"1A=b\""), ("A+=b", "\"A+=b\""), ("export 1", "\"1\""),
      ("A=\0", "zero byte"),
    ] {
      let error = #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
      #expect(error?.message.contains(word) == true, "\(bad): \(error?.message ?? "")")
    }
    // Each value twice as long as the one before.
    let doubling = "A=aaaaaaaa\n" + String(repeating: "A=$A$A\n", count: 40)
    #expect(throws: RuntimeError.self) { try parse(doubling) }
  }
}
