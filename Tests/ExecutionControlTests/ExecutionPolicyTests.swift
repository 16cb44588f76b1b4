import ExecutionControl
import SystemPackage
import Testing

/// Decisions on facts that are given: no file is looked at.
@Suite struct ExecutionPolicyTests {
  private static let one = ExecutionControlListTests.one
  private static let two = ExecutionControlListTests.two

  private func policy(_ limits: String, _ list: String = "activated = false") throws -> ExecutionPolicy {
    let limits = try ContainerLimits(reading: Array("mount dev = yes\n\(limits)".utf8))
    let list = try ExecutionControlList(reading: Array(list.utf8))
    return ExecutionPolicy(
      ExecutionPolicy.Place("/etc/there", configuration: "that.conf"), limits, list)
  }

  private func image(
    _ path: FilePath? = "/data/app.sif", _ kind: ImageKind = .sif, owner: UInt32 = 0, group: UInt32 = 0
  ) -> ImageFacts {
    ImageFacts(
      name: "app.sif", kind: kind, owner: owner, group: group, path: path, pathFault: "nobody knows")
  }

  /// Decides with paths that lead to themselves.
  private func isAllowed(
    _ policy: ExecutionPolicy, _ image: ImageFacts, resolve: (FilePath) -> FilePath? = { $0 }
  ) throws -> Bool {
    do {
      _ = try policy.check(image, resolve: resolve)
      return true
    } catch {
      #expect(error.code == .denied && error.message.hasPrefix("/etc/there/that.conf denies app.sif: "))
      return false
    }
  }

  // MARK: Limits

  @Test func pathsAreComparedByComponents() throws {
    let data = try policy("limit container paths = /data, /opt/one.sif")
    for path: FilePath in ["/data/a", "/data/deep/er/a", "/data", "/opt/one.sif"] {
      #expect(try isAllowed(data, image(path)), "\(path)")
    }
    for path: FilePath in [
      "/database/a", "/dat/a", "/", "/a", "/Data/a", "/x/data/a", "/opt/one.sif2", "/opt/one", "/data2",
    ] {
      #expect(try !isAllowed(data, image(path)), "\(path)")
    }
    #expect(try isAllowed(policy("limit container paths = /"), image("/anything")))
    #expect(try !isAllowed(data, image(nil)))
    #expect(try isAllowed(policy("limit container paths = NULL"), image(nil)))
    // Where the policy's own path leads counts; one that leads nowhere allows nothing.
    #expect(try isAllowed(data, image("/real/a"), resolve: { $0 == "/data" ? "/real" : nil }))
    #expect(try !isAllowed(data, image("/data/a"), resolve: { $0 == "/data" ? "/real" : nil }))
    #expect(try !isAllowed(data, image("/data/a"), resolve: { _ in nil }))
  }

  @Test func ownersAndGroups() throws {
    let owners = try policy("limit container owners = nosuchuser, daemon, root")
    #expect(try isAllowed(owners, image(owner: 0)) && isAllowed(owners, image(owner: 1)))
    #expect(try !isAllowed(owners, image(owner: 1000, group: 1)))
    let groups = try policy("limit container groups = daemon")
    #expect(try isAllowed(groups, image(group: 1)) && !isAllowed(groups, image(owner: 1)))
    // Each limit has to be met; names that nobody has are nobody's, and numbers are no names.
    let both = try policy("limit container owners = root\nlimit container groups = daemon")
    #expect(try isAllowed(both, image(group: 1)) && !isAllowed(both, image()))
    #expect(try !isAllowed(both, image(owner: 1, group: 1)))
    #expect(try !isAllowed(policy("limit container owners = 0"), image()))
  }

  @Test func kinds() throws {
    for kind in ImageKind.allCases {
      let one = try policy("\(kind.directive) = no")
      for other in ImageKind.allCases {
        // An encrypted squashfs is a squashfs.
        let isDenied = other == kind || (kind == .squashfs && other == .encrypted)
        #expect(try isAllowed(one, image("/a", other)) == !isDenied, "\(kind) \(other)")
      }
    }
    #expect(try isAllowed(policy("allow container sif = no"), image("/a", .encrypted)))
  }

  // MARK: Lists

  /// Who has signed, in the tables below.
  private func decide(
    _ group: String, path: FilePath = "/data/app.sif", isActive: Bool = true, signed: Set<String>,
    claimed: Set<String> = []
  ) throws -> Bool {
    let policy = try policy("", "activated = \(isActive)\n\(group)")
    do {
      guard let rule = try policy.check(image(path), resolve: { $0 }) else { return true }
      try rule.check(validated: signed, claimed: claimed)
      return true
    } catch {
      #expect(error.message.hasPrefix("/etc/there/ecl.toml denies app.sif: "), "\(error)")
      return false
    }
  }

  /// The decisions that the runtimes' own tests expect, for an image that the first key has signed.
  @Test(arguments: [
    ("whitelist", nil, one, true), ("whitelist", nil, two, false), ("whitelist", "/data", one, true),
    ("whitelist", "/data", two, false), ("whitestrict", "/data", one, true),
    ("whitestrict", "/data", two, false),
    ("blacklist", "/data", two, true), ("blacklist", "/data", one, false),
  ])
  func theRuntimesOwn(mode: String, directory: String?, key: String, expected: Bool) throws {
    let group = ExecutionControlListTests.group(mode, directory, [key])
    #expect(try decide(group, signed: [Self.one]) == expected)
    // No mode lets an unsigned image through; a list that is not in force lets everything.
    #expect(try !decide(group, signed: []))
    #expect(try decide(group, isActive: false, signed: []))
  }

  @Test func severalKeys() throws {
    func group(_ mode: String, _ keys: [String]) -> String {
      ExecutionControlListTests.group(mode, "/data", keys)
    }
    let both = [Self.one, Self.two]
    #expect(try decide(group("whitelist", both), signed: [Self.two]))
    #expect(try !decide(group("whitestrict", both), signed: [Self.two]))
    #expect(try decide(group("whitestrict", both), signed: Set(both + ["OTHER"])))
    #expect(try !decide(group("blacklist", both), signed: [Self.two, "OTHER"]))
    #expect(try decide(group("blacklist", both), signed: ["OTHER"]))
    // A claim never allows, and always forbids.
    #expect(try !decide(group("whitelist", both), signed: [], claimed: Set(both)))
    #expect(try !decide(group("whitestrict", both), signed: [Self.one], claimed: Set(both)))
    #expect(try !decide(group("blacklist", both), signed: ["OTHER"], claimed: [Self.two]))
    // Of no keys none has signed, and neither have all.
    #expect(try !decide(group("whitelist", []), signed: [Self.one]))
    #expect(try !decide(group("whitestrict", []), signed: [Self.one]))
    #expect(try decide(group("blacklist", []), signed: [Self.one]))
  }

  @Test func directories() throws {
    let groups =
      ExecutionControlListTests.group("whitelist", "/data", [Self.one])
      + ExecutionControlListTests.group("whitelist", "/", [Self.two])
    for (path, key) in [
      ("/data/a", Self.one), ("/a", Self.two), ("/data", Self.two),
    ] as [(FilePath, String)] {
      #expect(try decide(groups, path: path, signed: [key]), "\(path)")
      #expect(try !decide(groups, path: path, signed: key == Self.one ? [Self.two] : [Self.one]), "\(path)")
    }
    // Outside of every directory everything is denied, whoever signed it.
    for path: FilePath in ["/data/deep/a", "/database/a", "/dat/a"] {
      #expect(try !decide(groups, path: path, signed: [Self.one, Self.two]), "\(path)")
    }
    let fallback = groups + ExecutionControlListTests.group("whitelist", nil, ["\(Self.two)"])
    #expect(try decide(fallback, path: "/data/deep/a", signed: [Self.two]))
    #expect(try !decide(fallback, path: "/data/deep/a", signed: [Self.one]))
    #expect(try !decide(fallback, path: "/data/a", signed: [Self.two]))
    #expect(try !decide("", signed: [Self.one]))
  }

  @Test func whatIsNeverAllowed() throws {
    let group = ExecutionControlListTests.group("blacklist", "/data", [])
    let active = try policy("", "activated = true\n\(group)")
    for kind in [ImageKind.squashfs, .extfs, .directory] {
      #expect(throws: PolicyError.self) { try active.check(image("/data/a", kind), resolve: { $0 }) }
    }
    #expect(throws: PolicyError.self) { try active.check(image(nil), resolve: { $0 }) }
    for kind in [ImageKind.sif, .encrypted] {
      #expect(try active.check(image("/data/a", kind), resolve: { $0 }) != nil)
    }
    // A dirpath that is not there, or leads elsewhere, means something else than it says: the list is not to be used.
    for resolved: FilePath? in [nil, "/elsewhere"] {
      let error = try #require(throws: PolicyError.self) {
        try active.check(image("/data/a"), resolve: { _ in resolved })
      }
      #expect(error.code == .unusable && error.message.contains("\"dirpath\" /data"), "\(error)")
      #expect(try policy("", "activated = false\n\(group)").check(image(), resolve: { _ in resolved }) == nil)
    }
  }

  @Test func legacySignaturesAreAskedForAsTheListSays() throws {
    let group = ExecutionControlListTests.group("whitelist", nil, [Self.one], tag: "the group")
    for isLegacy in [false, true] {
      let policy = try policy("", "activated = true\nlegacyinsecure = \(isLegacy)\n\(group)")
      let rule = try #require(try policy.check(image(), resolve: { $0 }))
      #expect(rule.isLegacy == isLegacy && rule.file == "/etc/there/ecl.toml")
      let error = try #require(throws: PolicyError.self) { try rule.check(validated: [], claimed: []) }
      #expect(
        error.description == "/etc/there/ecl.toml denies app.sif: the execution group \"the group\" "
          + "(whitelist, any directory): none of its keys has validly signed the image")
      #expect(error.code == .signers)
    }
  }
}
