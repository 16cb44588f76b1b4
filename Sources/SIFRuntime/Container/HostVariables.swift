import Glibc

/// What this process's variables mean for the container: those that its program gets, and those that ask for others
/// (spec/runtime.md "The environment").
struct HostVariables {
  /// The variables that come back where the image's scripts set none.
  let kept: [ProgramVariables.Variable]
  /// The variables that the host's ask for, by APPTAINERENV_ and SINGULARITYENV_. A later one wins.
  let asked: [ProgramVariables.Variable]

  /// Variables that have no meaning inside, or a different one: paths and shells of the host, and what loaders and
  /// shells obey.
  private static let dropped: Set<String> = [
    "PATH", "HOME", "PWD", "_", "IFS", "OPTIND", "PS1", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "GCONV_PATH",
    "USER_PATH",
  ]
  /// Beginnings of such names. The runtimes' own variables are about the container around this one, if any, and
  /// functions of bash are for the host's programs.
  private static let droppedPrefixes = [
    "LD_", "SIFTOOL_", "SINGULARITY_", "APPTAINER_", "SINGULARITYENV_", "APPTAINERENV_", "BASH_FUNC_",
  ]
  /// The names that `--cleanenv` keeps, besides proxies.
  private static let clean: Set<String> = [
    "TERM", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy", "HTTP_PROXY", "HTTPS_PROXY",
    "NO_PROXY", "ALL_PROXY", "FTP_PROXY",
  ]
  /// The prefixes of variables that set the container's. The later prefix wins.
  private static let prefixes = ["SINGULARITYENV_", "APPTAINERENV_"]
  /// The directories that the host's programs have in USER_PATH, besides PATH.
  private static let systemPath = "/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin"

  init(_ options: ContainerOptions) {
    let all = ProgramVariables.ofProcess()
    asked = Self.prefixes.flatMap { prefix in
      all.filter { $0.name.hasPrefix(prefix) }.map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    }.filter { ProgramVariables.isName($0.0) }
    let hidden = Set(options.hiddenVariables)
    var kept = all.filter { name, _ in
      !hidden.contains(name)
        && (options.cleansEnvironment
          ? Self.clean.contains(name)
          : !Self.dropped.contains(name) && !Self.droppedPrefixes.contains { name.hasPrefix($0) })
    }
    if options.cleansEnvironment {
      if !hidden.contains("LANG") { kept.append(("LANG", Array("C".utf8))) }
    } else if let path = all.last(where: { $0.name == "PATH" })?.value, !hidden.contains("USER_PATH") {
      kept.append(("USER_PATH", path + Array(":\(Self.systemPath)".utf8)))
    }
    self.kept = kept
  }
}
