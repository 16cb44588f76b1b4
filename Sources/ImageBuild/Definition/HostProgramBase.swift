import Bytes
import Definition
import Glibc
import LinuxSystem
import OCI
import SystemPackage

/// The agents that have a program of the host make the tree: debootstrap, yum and dnf, zypper, arch (spec/build.md "Agents").
struct HostProgramBase {
  private let base: StageBase

  init(_ base: StageBase) { self.base = base }

  func make() throws {
    switch base.stage.agent {
    case "debootstrap": try run(try debootstrap())
    case "yum", "dnf": try run(try dnf())
    case "zypper": for words in try zypper() { try run(words, passing: [107]) }
    case "arch": try run(try arch())
    default:
      throw ImageBuildError(
        .invalidArgument, "line \(base.stage.line): there is no agent \"\(base.stage.agent.printable)\"")
    }
    try base.files.root.setPermissions(0o755)
    try BaseFiles.add(to: base.files, overwrites: true)
  }

  private var root: String { base.files.tree.path.string }

  private func text(_ keyword: String) -> String? {
    guard let text = base.stage.header[keyword]?.text, !text.isEmpty else { return nil }
    return text
  }

  private func needed(_ keyword: String) throws -> String {
    String(decoding: try base.value(keyword), as: UTF8.self)
  }

  /// The packages that the header names.
  private var packages: [String] {
    (text("include") ?? "").split { $0 == " " || $0 == "\t" || $0 == "," || $0 == "\n" }.map(String.init)
  }

  /// A program of the host; the first of several that exists.
  static func program(_ names: [String]) throws -> String {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    for name in names {
      // The tools of administrators are often in directories that users do not search.
      for directory in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
      where directory.hasPrefix("/") && access("\(directory)/\(name)", X_OK) == 0 {
        return "\(directory)/\(name)"
      }
    }
    throw ImageBuildError(
      .missingProgram, "this agent needs the program \(names.joined(separator: " or ")) on this machine")
  }

  private func run(_ words: [String], passing others: Set<Int32> = []) throws {
    let name = FilePath(words[0]).lastComponent?.string ?? words[0]
    let step = BuildStep(
      .hostProgram, name: name, line: base.stage.line, words: words.map { Array($0.utf8) },
      tree: base.files.tree, settings: base.settings.steps)
    let tell = base.tell
    let status = try base.runner.run(step) { tell(.output($0)) }
    guard status == 0 || others.contains(status) else {
      throw ImageBuildError(
        .stepFailed, "line \(base.stage.line): \(name) ended with exit code \(status)")
    }
  }

  private func debootstrap() throws -> [String] {
    let program = try Self.program(["debootstrap"])
    let names = [
      "386": "i386", "arm": "armhf", "ppc64le": "ppc64el", "mipsle": "mipsel", "mips64le": "mips64el",
    ]
    let own = base.settings.architecture?.name ?? OCIPlatform.host.architecture
    return [
      program, "--variant=minbase", "--exclude=openssl,udev,debconf-i18n,e2fsprogs",
      "--include=\((["apt"] + packages).joined(separator: ","))", "--arch=\(names[own] ?? own)",
      try needed("osversion"), root, try needed("mirrorurl"),
    ]
  }

  private func dnf() throws -> [String] {
    let program = try Self.program(["dnf", "yum"])
    let version = text("osversion")
    func address(_ keyword: String) throws -> String? {
      guard let address = text(keyword) else { return nil }
      guard let range = address.lowercased().firstRange(of: "%{osversion}") else { return address }
      guard let version else {
        throw ImageBuildError(
          .invalidArgument,
          "line \(base.stage.line): the address has %{OSVERSION}, and the header no OSVersion")
      }
      let start = address.utf8.index(
        address.startIndex,
        offsetBy: address.lowercased().utf8.distance(
          from: address.lowercased().startIndex, to: range.lowerBound))
      let end = address.utf8.index(start, offsetBy: 12)
      return address[..<start] + version + address[end...]
    }
    guard let mirror = try address("mirrorurl") else { return [] }
    var configuration = """
      [main]
      cachedir=/var/cache/yum-bootstrap
      keepcache=0
      exactarch=1
      obsoletes=1
      gpgcheck=0
      reposdir=0
      deltarpm=0

      [base]
      name=base
      baseurl=\(mirror)
      enabled=1

      """
    if let updates = try address("updateurl") {
      configuration += "\n[updates]\nname=updates\nbaseurl=\(updates)\nenabled=1\n"
    }
    base.tell(
      .note(
        "the packages of \(mirror.printable) are not checked by signatures: their https address has to do"))
    try base.files.write("etc/bootstrap-yum.conf", Array(configuration.utf8), mode: 0o644)
    return [program, "--noplugins", "-c", "\(root)/etc/bootstrap-yum.conf", "--installroot", root]
      + (version.map { ["--releasever=\($0)"] } ?? []) + ["-y"]
      + (text("setopt").map { ["--setopt", $0] } ?? [])
      + ["install", "/etc/redhat-release", "coreutils"] + packages
  }

  private func zypper() throws -> [[String]] {
    let program = try Self.program(["zypper"])
    if base.stage.header["product"] != nil {
      throw ImageBuildError(
        .invalidArgument,
        "line \(base.stage.line): images of SLE need SUSEConnect and a registration code, which would be written into public labels: use MirrorURL"
      )
    }
    let start = [program, "--root", root]
    var runs = [start + ["ar", try needed("mirrorurl"), "repo"]]
    if let updates = text("updateurl") { runs.append(start + ["ar", updates, "update"]) }
    for number in 0..<20 {
      if let other = text("otherurl\(number)") { runs.append(start + ["ar", other, "repo-\(number)"]) }
    }
    runs.append(start + ["--gpg-auto-import-keys", "refresh"])
    let release = text("osversion").map { ["--releasever=\($0)"] } ?? []
    runs.append(
      [program, "--non-interactive", "--root", root] + release
        + ["-n", "install", "--auto-agree-with-licenses", "--download-in-advance", "aaa_base"] + packages)
    return runs
  }

  private func arch() throws -> [String] {
    let program = try Self.program(["pacstrap"])
    guard OCIPlatform.host.architecture == "amd64" else {
      throw ImageBuildError(.unsuitableImage, "line \(base.stage.line): Arch Linux exists for amd64 alone")
    }
    return [program, "-c", "-G", "-M", root] + (packages.isEmpty ? ["base"] : packages)
  }
}
