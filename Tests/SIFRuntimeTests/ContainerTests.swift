import SystemPackage
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
      "", ":", ":/a", "/a:/b:rx", "/a:/b:ro:x", "/a:b", "a", "/a:/b/../c", "/a,", "/a,,/b", "/a:/b:",
    ] {
      #expect(throws: RuntimeError.self, "\(bad)") { try parse(bad) }
    }
  }

  @Test func placesAreComparedByComponents() {
    let path: FilePath = "/home/user"
    #expect(path.isBeneath("/home") && path.isBeneath("/home/user") && path.isBeneath("/"))
    #expect(!path.isBeneath("/home/us") && !path.isBeneath("/home/user/x"))
  }

  @Test func usersAndGroups() {
    let identity = Identity()
    let image = Array("root:x:0:0:root:/root:/bin/sh\nodd:line\n\nother:x:\(identity.user):1::/:/bin/sh".utf8)
    let text = String(decoding: identity.passwd(image, isFakeRoot: false, home: "/h"), as: UTF8.self)
    let last = "\(identity.name):x:\(identity.user):\(identity.group):\(identity.name):/h:/bin/sh\n"
    #expect(text.hasSuffix(last) && text.contains("odd:line\n") && !text.contains("other"))
    let root = String(decoding: identity.passwd(image, isFakeRoot: true, home: "/root"), as: UTF8.self)
    #expect(
      root.hasSuffix("root:x:0:0:root:/root:/bin/sh\n") && root.split(separator: "root:x:0:").count == 2)
    let groups = String(decoding: identity.group([], isFakeRoot: false), as: UTF8.self)
    #expect(groups.contains(":x:\(identity.group):\n"))
    #expect(identity.group(Array("root:x:0:\n".utf8), isFakeRoot: true) == Array("root:x:0:\n".utf8))
  }

  @Test func names() {
    for name in ["A", "_", "a1_B"] { #expect(ProgramVariables.isName(name)) }
    for name in ["", "1A", "A-B", "A B", "Ä", "A;rm"] { #expect(!ProgramVariables.isName(name)) }
  }
}
