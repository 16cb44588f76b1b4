import Remotes
import Testing

/// The user's file and the system's, taken together.
@Suite struct RemoteSettingsTests {
  private func settings(
    user: String?, system: String?, _ family: RemoteFamily = .singularity
  ) throws -> RemoteSettings {
    try RemoteSettings(
      family: family, user: try user.map { try RemoteFile(reading: Array($0.utf8)) },
      system: try system.map { try RemoteFile(reading: Array($0.utf8)) })
  }

  @Test func ownRemotes() throws {
    let singularity = try settings(user: nil, system: nil)
    #expect(try singularity.active().name == "SylabsCloud")
    #expect(try singularity.active().content.uri == "cloud.sylabs.io")
    let apptainer = try settings(user: nil, system: nil, .apptainer)
    #expect(try apptainer.active().name == "DefaultRemote")
    #expect(RemoteSettings.keyservers(of: try apptainer.active())?.map(\.uri) == ["https://keys.openpgp.org"])
  }

  @Test func systemDefinitionsWin() throws {
    let both = try settings(
      user:
        "Active: a\nRemotes: {a: {URI: old, Token: t, System: true}, mine: {URI: m}, gone: {URI: g, System: true}}",
      system: "Active: b\nRemotes: {a: {URI: new, Keyservers: [{URI: 'https://k'}]}, b: {URI: b}}")
    #expect(both.remotes.map(\.name) == ["a", "b", "mine"])
    let first = try both.active()
    #expect(first.content.uri == "new" && first.content.token == "t" && first.isSystem)
    #expect(first.content.keyservers?.map(\.uri) == ["https://k"])
    #expect(try settings(user: nil, system: "Active: b\nRemotes: {b: {URI: b}}").activeName == "b")
    let none = try settings(user: nil, system: "Remotes: {x: {URI: x}, y: {URI: y}}")
    let error = #expect(throws: RemoteError.self) { try none.active() }
    #expect(error?.description.contains("\"x\", \"y\"") == true)
    #expect(throws: RemoteError.self) {
      try settings(user: "Remotes: {a: {URI: u}}", system: "Remotes: {a: {URI: s}}")
    }
  }

  @Test func exclusive() throws {
    let one = try settings(
      user: "Active: mine\nRemotes: {mine: {URI: m}}",
      system: "Remotes: {a: {URI: a, Exclusive: true}, b: {URI: b}}")
    #expect(one.activeName == "a")
    let error = #expect(throws: RemoteError.self) { try one.remote("mine") }
    #expect(error?.code == .forbidden)
    // A user's own word does not count.
    #expect(
      try settings(user: "Active: a\nRemotes: {a: {URI: a}, b: {URI: b, Exclusive: true}}", system: nil)
        .activeName == "a")
  }

  @Test func changes() throws {
    var all = try settings(user: nil, system: nil)
    try all.add("site", uri: "https://site.example.org/", isInsecure: false, to: .user, activates: false)
    #expect(all.user.remotes["site"]?.uri == "site.example.org")
    // The runtimes refuse a file of remotes none of which is in use.
    #expect(all.user.active == "SylabsCloud")
    #expect(all.user.remotes["SylabsCloud"]?.isSystem == true)
    #expect(throws: RemoteError.self) {
      try all.add("site", uri: "other", isInsecure: false, to: .user, activates: true)
    }
    for name in ["", "a b", "a\u{1B}"] {
      #expect(throws: RemoteError.self) {
        try all.add(name, uri: "h", isInsecure: false, to: .user, activates: true)
      }
    }
    for uri in ["", "https://", "a b", "u@h", "h?x"] {
      #expect(throws: RemoteError.self) {
        try all.add("x", uri: uri, isInsecure: false, to: .user, activates: true)
      }
    }
    try all.setToken("t", of: "SylabsCloud")
    try all.setToken("s", of: "site")
    #expect(all.remotes.map(\.content.token) == ["t", "s"])
    try all.use("site", in: .user, isExclusive: false)
    #expect(try all.active().name == "site")
    try all.remove("site", from: .user)
    #expect(all.user.remotes["site"] == nil && all.user.active.isEmpty)
    #expect(throws: RemoteError.self) { try all.remove("SylabsCloud", from: .user) }
    // The token is gone with the remote.
    try all.add("site", uri: "site", isInsecure: false, to: .user, activates: true)
    #expect(try all.active().content.token.isEmpty)
  }

  @Test func keyservers() throws {
    var all = try settings(user: nil, system: nil)
    let name = "SylabsCloud"
    let own = "https://keys.own"
    func asked() throws -> [String]? {
      RemoteSettings.keyservers(of: try all.active())?.map(\.uri)
    }
    #expect(try asked() == nil)
    try all.addKeyserver("https://one/", to: name, own: own, isInsecure: false, order: nil)
    try all.addKeyserver("https://zero", to: name, own: own, isInsecure: true, order: 1)
    #expect(try asked() == ["https://zero", own, "https://one"])
    for order in [0, 5] {
      #expect(throws: RemoteError.self) {
        try all.addKeyserver("https://two", to: name, own: own, isInsecure: false, order: order)
      }
    }
    #expect(throws: RemoteError.self) {
      try all.addKeyserver("https://one", to: name, own: own, isInsecure: false, order: nil)
    }
    try all.removeKeyserver(own, from: name, own: own)
    try all.removeKeyserver("https://zero", from: name, own: own)
    #expect(try asked() == ["https://one"])
    // The remote's own one is only left out.
    #expect(all.system?.remotes[name]?.keyservers?.map(\.isSkipped) == [true, false])
    #expect(throws: RemoteError.self) { try all.removeKeyserver(own, from: name, own: own) }
    try all.addKeyserver(own, to: name, own: own, isInsecure: false, order: 2)
    #expect(try asked() == ["https://one", own])
  }
}
