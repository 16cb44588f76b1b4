import ExecutionControl
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The files of policies, and of images, as they really are.
@Suite struct PolicyFileTests {
  /// An access control list by which user 1000 may write, too.
  private static let ruleForUser1000 =
    "0x0200000001000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff"

  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try shell(
      """
      mkdir -m 755 policy other; umask 022
      echo 'allow container dir = no' > policy/singularity.conf; echo 'activated = true' > policy/ecl.toml
      """)
  }

  @discardableResult
  private func shell(_ script: String) throws -> String {
    try Shell.check("umask 022; \(script)", in: directory).text
  }

  private func configured(_ names: String...) throws(PolicyError) -> [ExecutionPolicy] {
    try ExecutionPolicy.configured(
      in: names.map {
        ExecutionPolicy.Place(FilePath(directory.path).appending($0), configuration: "singularity.conf")
      })
  }

  @Test func whatIsConfigured() throws {
    let policies = try configured("policy", "other", "nowhere", "nowhere/at/all")
    #expect(policies.count == 1)
    #expect(policies.first?.limits.forbidden == [.directory] && policies.first?.list.isActivated == true)
    #expect(policies.first?.place.directory == FilePath(directory.path).appending("policy"))
    try shell("cp policy/* other; touch other/capability.json other/global-pgp-public")
    #expect(try configured("policy", "other").count == 2)
    // Other files of the runtimes are no policy.
    try shell("rm other/ecl.toml other/singularity.conf")
    #expect(try configured("other").isEmpty)
  }

  @Test(arguments: [
    ("rm policy/ecl.toml", "/policy/ecl.toml is missing"),
    ("rm policy/singularity.conf", "/policy/singularity.conf is missing"),
    ("mv policy/ecl.toml list; ln -s ../list policy/ecl.toml", "/policy/ecl.toml is a symbolic link"),
    ("mv policy real; ln -s real policy", "/policy"),
    ("rm -r policy; ln -s nowhere policy", "/policy"),
    ("rm -r policy; touch policy", "/policy cannot be read (Not a directory)"),
    ("rm policy/ecl.toml; ln -s nowhere policy/ecl.toml", "/policy/ecl.toml is a symbolic link"),
    ("rm policy/ecl.toml; mkfifo policy/ecl.toml", "/policy/ecl.toml is not a regular file"),
    ("rm policy/ecl.toml; mkdir policy/ecl.toml", "/policy/ecl.toml is not a regular file"),
    ("rm policy/ecl.toml; mknod policy/ecl.toml c 1 3", "/policy/ecl.toml is not a regular file"),
    ("chmod o+w policy/ecl.toml", "/policy/ecl.toml can be written by users other than root"),
    ("chmod g+w policy/singularity.conf", "/policy/singularity.conf can be written by users other than root"),
    (
      "setfattr -n system.posix_acl_access -v \(ruleForUser1000) policy/ecl.toml",
      "/policy/ecl.toml can be written by users other than root"
    ),
    ("chmod o+w policy", "/policy can be written by users other than root"),
    ("chmod 1777 policy", "/policy can be written by users other than root"),
    ("chown 1000 policy/ecl.toml", "/policy/ecl.toml belongs to user 1000, not to root"),
    ("chown 65534 policy", "/policy belongs to user 65534, not to root"),
    (
      "head -c 10M /dev/zero | tr '\\0' '#' > policy/ecl.toml",
      "/policy/ecl.toml is longer than 1048576 bytes"
    ),
    ("truncate -s 100G policy/singularity.conf", "/policy/singularity.conf is longer than 1048576 bytes"),
    ("truncate -s 0 policy/ecl.toml", "/policy/ecl.toml is malformed (it does not say whether"),
    (
      "truncate -s 0 policy/singularity.conf", "/policy/singularity.conf is malformed (it holds no directive)"
    ),
    ("truncate -s 9 policy/singularity.conf", "/policy/singularity.conf is malformed (line 1: "),
    ("truncate -s 12 policy/ecl.toml", "/policy/ecl.toml is malformed (TOML: "),
    ("printf '\\377' >> policy/singularity.conf", "/policy/singularity.conf is malformed (it is not a text"),
    ("printf '#\\377' >> policy/ecl.toml", "/policy/ecl.toml is malformed (TOML: "),
    (
      "cat policy/ecl.toml policy/ecl.toml > two; mv two policy/ecl.toml",
      "/policy/ecl.toml is malformed (TOML: "
    ),
  ])
  func whatDeniesEverything(script: String, reason: String) throws {
    try shell(script)
    let error = try #require(throws: PolicyError.self) { try configured("other", "policy") }
    #expect(error.code == .unusable)
    #expect(error.message.hasPrefix(directory.path + reason), "\(error)")
    #expect(error.message.hasSuffix(": until that is repaired, its policy denies every image"), "\(error)")
  }

  @Test func keyRings() throws {
    let policy = try #require(try configured("policy").first)
    #expect(throws: PolicyError.self) { try policy.keyRing() }
    try shell("echo key > policy/global-pgp-public")
    #expect(try policy.keyRing() == Array("key\n".utf8))
    for script in [
      "chmod o+w policy/global-pgp-public",
      "rm policy/global-pgp-public; ln -s ecl.toml policy/global-pgp-public",
      "rm policy/global-pgp-public; cp policy/ecl.toml policy/global-pgp-public; chmod g+w policy",
      "rm -r policy",
    ] {
      try shell(script)
      let error = try #require(throws: PolicyError.self) { try policy.keyRing() }
      #expect(error.code == .unusable)
    }
  }

  // MARK: Images

  /// A file that stays open, in a value that can be captured.
  private final class OpenFile {
    let descriptor: OwnedDescriptor
    init(_ path: String) throws { descriptor = try OwnedDescriptor(opening: FilePath(path), flags: 0) }
    func facts() throws -> ImageFacts { try ImageFacts(of: descriptor, kind: .sif) }
  }

  /// The open file counts, whatever its name leads to by now.
  @Test func factsOfAnOpenFile() throws {
    try shell(
      """
      mkdir in inside; echo a > in/app; chown 12:34 in/app; ln -s in link; ln -s ../in/app inside/to
      ln in/app inside/hard; echo b > 'in/x (deleted)'
      """)
    let root = directory.path
    for name in ["in/app", "link/app", "inside/to", "in/../in/./app"] {
      let facts = try OpenFile("\(root)/\(name)").facts()
      #expect(facts.path == FilePath("\(root)/in/app") && facts.owner == 12 && facts.group == 34, "\(name)")
    }
    #expect(try OpenFile("\(root)/inside/hard").facts().path == FilePath("\(root)/inside/hard"))
    // A name that looks like the kernel's mark cannot be told from it.
    #expect(try OpenFile("\(root)/in/x (deleted)").facts().path == nil)

    let file = try OpenFile("\(root)/in/app")
    try shell("mv in/app moved; echo other > in/app; chown 99 in/app")
    let moved = try file.facts()
    #expect(
      moved.path == FilePath("\(root)/moved") && moved.owner == 12 && moved.name.string == "\(root)/in/app")
    try shell("rm moved inside/hard")
    #expect(
      try file.facts().path == nil
        && file.facts().pathFault == "it was removed or replaced while it was being opened")
    let replaced = try OpenFile("\(root)/in/app")
    try shell("echo new > new; mv new in/app")
    #expect(try replaced.facts().path == nil)
  }

  @Test func realDirectoriesAreComparedAfterLinks() throws {
    try shell("mkdir data database; touch data/app database/app; ln -s data way")
    let root = directory.path
    func passes(_ limit: String, _ image: String) throws -> Bool {
      let limits = try ContainerLimits(reading: Array("limit container paths = \(root)/\(limit)".utf8))
      let list = try ExecutionControlList(reading: Array("activated = false".utf8))
      let policy = ExecutionPolicy(ExecutionPolicy.Place("/p", configuration: "c"), limits, list)
      let facts = try OpenFile("\(root)/\(image)").facts()
      do { return try policy.check(facts) == nil } catch { return false }
    }
    #expect(try passes("data", "data/app") && passes("data", "way/app") && passes("way", "data/app"))
    #expect(try !passes("data", "database/app") && !passes("data", "data/../database/app"))
    #expect(try !passes("data/none", "data/app") && passes("data/app", "data/app"))
  }
}
