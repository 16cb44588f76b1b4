/// Looks at the stages of a definition file for what cannot be built, or is not what it seems.
struct StageChecker {
  /// The agents, each with the words that its header needs.
  private static let agents: [String: [String]] = [
    "docker": ["from"], "docker-archive": ["from"], "docker-daemon": ["from"], "oci": ["from"],
    "oci-archive": ["from"], "library": ["from"], "oras": ["from"], "localimage": ["from"], "scratch": [],
    "busybox": ["mirrorurl"], "debootstrap": ["mirrorurl", "osversion"], "yum": ["mirrorurl"],
    "dnf": ["mirrorurl"], "zypper": [], "arch": [],
  ]

  /// The agents of the runtimes that this project does not have, and what to use in their place.
  private static let refused: [String: String] = [
    "shub": "Singularity Hub is closed: use library or docker",
    "buildkit": "build the Dockerfile with buildah or docker, and use docker-archive or oci-archive",
    "dockerfile": "build it with buildah or docker, and use docker-archive or oci-archive",
  ]

  let stages: [DefinitionFile.Stage]
  var findings: [DefinitionFinding]

  mutating func check() {
    var names: [String: Int] = [:]
    for stage in stages {
      checkHeader(stage)
      for section in stage.sections where section.kind == .files { checkFiles(section, stage, names) }
      for line in stage.lines(of: .labels) + stage.sections.filter(\.isOfAppLabels).flatMap(\.lines) {
        checkLabel(line)
      }
      guard let name = stage.name, let line = stage.header["stage"]?.line else { continue }
      if let other = names[name] {
        findings.add(
          .stage, line,
          "two stages have the name \"\(Array(name.utf8)[...].shown)\": the other one is in line \(other)")
      }
      names[name] = stage.line
    }
  }

  private mutating func checkHeader(_ stage: DefinitionFile.Stage) {
    guard let bootstrap = stage.header["bootstrap"] else {
      return findings.add(
        .header, stage.line, "the header has no Bootstrap: nothing says where the root file system comes from"
      )
    }
    if bootstrap.text != stage.agent {
      findings.note(
        bootstrap.line,
        "the agent is written \"\(bootstrap.bytes[...].shown)\"; the runtimes know only \(stage.agent)")
    }
    if let reason = Self.refused[stage.agent] {
      return findings.add(.agent, bootstrap.line, "there is no agent \(stage.agent): \(reason)")
    }
    guard let needed = Self.agents[stage.agent] else {
      return findings.add(.agent, bootstrap.line, "there is no agent \"\(bootstrap.bytes[...].shown)\"")
    }
    for keyword in needed where stage.header[keyword]?.bytes.isEmpty ?? true {
      findings.add(.header, stage.line, "the agent \(stage.agent) needs \(keyword)")
    }
    if let include = stage.header["includecmd"] {
      findings.note(include.line, "IncludeCmd has no effect, here and in the runtimes")
    }
  }

  private mutating func checkFiles(
    _ section: DefinitionFile.Section, _ stage: DefinitionFile.Stage, _ names: [String: Int]
  ) {
    let words = section.headWords
    if words.count == 1 || words.count > 2 {
      findings.note(
        section.line,
        "%files takes \"from\" and a stage; with \(words.count == 1 ? "one word" : "\(words.count) words") it copies from the host, and one of the runtimes copies nothing"
      )
    }
    if let from = section.sourceStage, names[from] == nil {
      let isLater = stages.contains { $0.name == from }
      let name = Array(from.utf8)[...].shown
      findings.add(
        .stage, section.line,
        from == stage.name
          ? "the stage \"\(name)\" copies files from itself"
          : isLater
            ? "the stage \"\(name)\" comes later, and has no files yet" : "there is no stage \"\(name)\"")
    }
    for copy in section.copies {
      if copy.hasMore {
        findings.note(copy.line, "what follows the destination has no effect")
      }
      if copy.source.first == 0x27 {
        findings.note(copy.line, "single quotes are part of the name here; double quotes are not")
      }
    }
  }

  private mutating func checkLabel(_ line: DefinitionLine) {
    guard let label = DefinitionFile.Label(line) else { return }
    if label.isSeparatedByTab {
      findings.note(
        line.number,
        "a tab ends the name of the label; the runtimes take it for a part of the name")
    }
  }
}

extension DefinitionFile.Section {
  fileprivate var isOfAppLabels: Bool { if case .appLabels = kind { true } else { false } }
}
