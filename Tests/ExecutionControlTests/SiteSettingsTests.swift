import ExecutionControl
import SystemPackage
import TestSupport
import Testing

/// The settings of the runtimes' configuration files.
@Suite struct SiteSettingsTests {
  private func settings(_ text: String) throws -> SiteSettings { try SiteSettings(reading: Array(text.utf8)) }

  @Test func everyDirectiveWithAnEffect() throws {
    let settings = try settings(
      """
      # a comment
      allow ipc ns = no
      allow pid ns = no
      allow uts ns=no
      allow user ns =no
      config passwd = no
      config group = no
      config resolv_conf = no
      mount proc = no
      mount sys = no
      mount dev = minimal
      mount home = no
      mount tmp = no
      sessiondir max size = 128
      bind path = /a, /b:/c
      bind path = /d
      user bind control = no
      always use nv = yes
      always use rocm = yes
      max loop devices = 256
      """)
    var expected = SiteSettings()
    expected.allowsMessages = false
    expected.allowsProcesses = false
    expected.allowsHostName = false
    expected.allowsUsers = false
    expected.writesPasswd = false
    expected.writesGroup = false
    expected.showsNameServers = false
    expected.showsProcesses = false
    expected.showsSystem = false
    expected.devices = .minimal
    expected.showsHome = false
    expected.showsTemporary = false
    expected.memoryMiB = 128
    expected.binds = ["/a", "/b:/c", "/d"]
    expected.allowsUserBinds = false
    expected.alwaysUsesNVIDIA = true
    expected.alwaysUsesAMD = true
    #expect(settings == expected)
  }

  @Test func theFirstLineCounts() throws {
    let settings = try settings("mount home = no\nmount home = yes\nmount dev =\nsessiondir max size = 16\n")
    #expect(!settings.showsHome && settings.devices == .host && settings.memoryMiB == 16)
  }

  @Test(arguments: [
    "mount home = maybe", "mount dev = some",
    "sessiondir max size = big",
    "sessiondir max size = -1", "sessiondir max size = 99999999999999999999", "no directive",
    "bind path = a,,b",
    "allow user ns = YES",
  ])
  func malformed(line: String) {
    let error = #expect(throws: PolicySyntaxError.self) { try settings("mount proc = yes\n\(line)\n") }
    #expect(error?.line == 2)
  }

  /// Where there are two files, what one of them forbids is forbidden.
  @Test func twoFiles() throws {
    let scratch = try Scratch()
    for (name, text) in [
      ("s.conf", "mount home = no\nbind path = /a\nsessiondir max size = 32"),
      ("a.conf", "mount tmp = no\nbind path = /a,/b\nalways use nv = yes"),
    ] {
      try scratch.write(name, text)
    }
    let places = ["s.conf", "a.conf", "absent.conf"].map {
      ExecutionPolicy.Place(FilePath(scratch.path), configuration: $0)
    }
    let settings = try SiteSettings.configured(in: places)
    #expect(
      !settings.showsHome && !settings.showsTemporary && settings.alwaysUsesNVIDIA && settings.memoryMiB == 32
    )
    #expect(settings.binds == ["/a", "/b"])
    let account = try SiteSettings.account(in: places)
    #expect(
      account.map(\.directive) == [
        "mount home", "bind path", "sessiondir max size", "mount tmp", "bind path", "always use nv",
      ])
    try Tool.check(["chmod", "666", scratch.file("a.conf")])
    #expect(throws: PolicyError.self) { try SiteSettings.configured(in: places) }
  }

  @Test func effects() {
    #expect(
      SiteSettings.effect(of: "mount home") == .honoured && SiteSettings.effect(of: "mount homes") == .unknown
    )
    #expect(SiteSettings.effect(of: "limit container owners") == .limits)
    guard case .none(let reason) = SiteSettings.effect(of: "allow setuid") else {
      return #expect(Bool(false))
    }
    #expect(!reason.isEmpty)
  }
}
