/// Variables of the process that stand for options of a command (spec/runtime.md "Variables for options").
package struct OptionVariables: Sendable {
  /// The options, each with the ends of its variables' names. A comma behind an option's name means that a variable
  /// holds several values.
  private let lines: [String]
  /// The commands that have such variables besides those that start programs.
  private static let transfers = [["pull"], ["push"], ["build"]]

  /// The beginnings of the names. The first variable that is set counts.
  private let prefixes: [String]

  /// The variables of the runtimes. A line is needed for an option even if a tool does not have it yet.
  ///
  /// BIND, BINDPATH and MOUNT are not among them: they are added to what options ask for (``Bind/ofProcess()``).
  package static let runtimes = OptionVariables(
    lines: [
      "add-caps ADD_CAPS", "allow-setuid ALLOW_SETUID", "app APP APPNAME", "apply-cgroups APPLY_CGROUPS",
      "authfile AUTHFILE AUTH_FILE", "blkio-weight BLKIO_WEIGHT", "blkio-weight-device, BLKIO_WEIGHT_DEVICE",
      "boot BOOT", "cdi-dirs CDI_DIRS", "cleanenv CLEANENV", "compat COMPAT", "compat32 COMPAT32",
      "contain CONTAIN", "containall CONTAINALL", "containlibs CONTAINLIBS", "cpu-shares CPU_SHARES",
      "cpus CPUS", "cpuset-cpus CPUSET_CPUS", "cpuset-mems CPUSET_MEMS", "device DEVICE",
      "disable-cache DISABLE_CACHE", "dmtcp-launch DMTCP_LAUNCH", "dmtcp-restart DMTCP_RESTART", "dns DNS",
      "docker-host DOCKER_HOST", "docker-login DOCKER_LOGIN", "docker-password DOCKER_PASSWORD",
      "docker-username DOCKER_USERNAME", "drop-caps DROP_CAPS", "env-file, ENV_FILE", "fakeroot FAKEROOT",
      "fusemount, FUSESPEC", "home HOME", "hostname HOSTNAME",
      "ignore-fakeroot-command IGNORE_FAKEROOT_COMMAND",
      "ignore-subuid IGNORE_SUBUID", "ignore-userns IGNORE_USERNS", "intel-hpu INTEL_HPU",
      "ipc IPC UNSHARE_IPC",
      "keep-layers KEEP_LAYERS", "keep-privs KEEP_PRIVS", "memory MEMORY",
      "memory-reservation MEMORY_RESERVATION", "memory-swap MEMORY_SWAP", "net NET UNSHARE_NET",
      "netns-path NETNS_PATH", "network NETWORK", "network-args, NETWORK_ARGS", "no-compat NO_COMPAT",
      "no-env NOENV", "no-eval NO_EVAL", "no-home NO_HOME", "no-https NOHTTPS NO_HTTPS", "no-init NOSHIMINIT",
      "no-mount NO_MOUNT", "no-nv NV_OFF NO_NV", "no-oci NO_OCI", "no-pid NO_PID", "no-privs NO_PRIVS",
      "no-rocm ROCM_OFF NO_ROCM", "no-setgroups NO_SETGROUPS", "no-tmp-sandbox NO_TMP_SANDBOX",
      "no-umask NO_UMASK", "nv NV", "nvccli NVCCLI", "oci OCI", "oom-kill-disable OOM_KILL_DISABLE",
      "overlay OVERLAY OVERLAYIMAGE", "pid PID UNSHARE_PID", "pid-file PID_FILE", "pids-limit PIDS_LIMIT",
      "pwd CWD TARGET_CWD PWD TARGET_PWD", "rocm ROCM", "runscript-timeout RUNSCRIPT_TIMEOUT",
      "scratch SCRATCH SCRATCHDIR", "security, SECURITY", "sharens SHARENS", "shell SHELL",
      "sif-fuse SIF_FUSE",
      "tmp-sandbox TMP_SANDBOX", "tmpdir TMPDIR", "underlay UNDERLAY", "unsquash UNSQUASH",
      "userns USERNS UNSHARE_USERNS", "uts UTS UNSHARE_UTS", "workdir WORKDIR", "writable WRITABLE",
      "writable-tmpfs WRITABLE_TMPFS",
    ], prefixes: ["APPTAINER_", "SINGULARITY_"])

  /// Adds the options that variables stand for to a command line that starts a program, unless it has them already.
  ///
  /// - Parameter variables: the variables by their names; nil for those of this process.
  /// - Throws: ``CommandLineGrammar/UsageError`` for a flag's variable that is neither true nor false.
  package func add(
    to line: inout CommandLineGrammar.Line, of table: OptionTable,
    variables: [String: String]? = nil
  ) throws(CommandLineGrammar.UsageError) {
    guard let command = table.command(at: line.command), line.parsersOwn == nil,
      command.startsProgram || Self.transfers.contains(line.command)
    else { return }
    let variables = variables ?? ArgumentBytes.variables(beginningWith: prefixes)
    guard !variables.isEmpty else { return }
    var added: [CommandLineGrammar.Line.Option] = []
    for text in lines {
      let words = text.split(separator: " ")
      let isList = words[0].hasSuffix(",")
      guard let option = command.option(named: String(isList ? words[0].dropLast() : words[0])),
        !line.given.contains(option.name),
        let (name, text) = firstSet(of: words.dropFirst(), variables)
      else { continue }
      switch option.value {
      case .none:
        guard let isOn = TruthValue.read(text) else {
          throw CommandLineGrammar.UsageError(
            sentence: "the variable \(name) is true or false, not \"\(text)\"", command: line.command,
            wantsJSON: line.wantsJSON)
        }
        guard isOn else { continue }
        added.append(.flag(option.name))
      case .one: added.append(CommandLineGrammar.option(option, text))
      case .list:
        let values = isList ? text.split(separator: ",").map(Self.trimmed) : [text]
        for value in values where !value.isEmpty { added.append(CommandLineGrammar.option(option, value)) }
      }
      line.variables[option.name] = name
    }
    line.options = added + line.options
  }

  private func firstSet(
    of ends: ArraySlice<Substring>, _ variables: [String: String]
  ) -> (name: String, value: String)? {
    for prefix in prefixes {
      for end in ends {
        // One that is empty is as good as not set.
        if let text = variables[prefix + end], !text.isEmpty { return (prefix + end, text) }
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0 == " " }
    return String(String(start.reversed().drop { $0 == " " }).reversed())
  }
}

extension CommandLineGrammar.Line {
  /// The end of a sentence about options: the variables that some of them come from.
  package func origin(of sentence: String) -> String {
    let names = variables.filter { sentence.contains("--\($0.key)") }.map {
      "--\($0.key) is from \($0.value)"
    }
    return names.isEmpty ? "" : " (\(names.sorted().joined(separator: ", ")))"
  }
}
