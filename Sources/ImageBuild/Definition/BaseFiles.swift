import Glibc
import LinuxSystem

/// The files that every image has, so that the runtimes can start it (spec/build.md "What a build writes").
enum BaseFiles {
  private static let directories = [
    ".singularity.d/libs", ".singularity.d/actions", ".singularity.d/env", "dev", "proc", "root", "var/tmp",
    "tmp", "etc", "sys", "home",
  ]

  /// Adds them.
  ///
  /// - Parameter overwrites: whether files that are there are replaced. Those of an image that was built before stay.
  static func add(to files: TreeFiles, overwrites: Bool) throws(SystemError) {
    let permissions = try files.root.status().st_mode & 0o7777
    if permissions & S_IWUSR == 0 { try files.root.setPermissions(permissions | S_IWUSR) }
    for path in directories { try files.makeDirectory(path) }
    for path in ["etc/hosts", "etc/resolv.conf"] {
      let isThere = try files.has(path)
      if isThere, !overwrites { continue }
      if try files.isDirectory(path) { continue }
      try files.write(path, [], mode: 0o644)
    }
    for (path, text) in scripts {
      let isThere = try files.has(".singularity.d/\(path)")
      if isThere, !overwrites { continue }
      try files.write(".singularity.d/\(path)", Array(text.utf8), mode: 0o755)
    }
    for (name, target) in links { try files.link(name, to: target) }
  }

  /// The links in the root directory.
  static let links =
    [
      ("singularity", ".singularity.d/runscript"),
      ("environment", ".singularity.d/env/90-environment.sh"),
    ] + ["run", "exec", "test", "shell"].map { (".\($0)", ".singularity.d/actions/\($0)") }

  /// The scripts in `/.singularity.d`, all of mode 0755.
  static let scripts: [(path: String, text: String)] =
    actions.map { ("actions/\($0.name)", prologue + $0.body) } + [
      ("env/01-base.sh", "#!/bin/sh\n# The first of the scripts that make the variables of the container.\n"),
      ("env/90-environment.sh", "#!/bin/sh\n# What %environment of the definition file says.\n"),
      ("env/94-appsbase.sh", ""),
      ("env/95-apps.sh", appVariables),
      ("env/99-base.sh", text(of: "99-base.sh")),
      ("env/99-runtimevars.sh", text(of: "99-runtimevars.sh")),
      ("runscript", "#!/bin/sh\necho \"There is no runscript defined for this container\\n\";\n"),
      ("startscript", "#!/bin/sh\n"),
    ]

  private static func text(of name: String) -> String {
    String(
      decoding: ContainerScripts.fixed.first { $0.name == name }?.text ?? [], as: UTF8.self)
  }

  private static let prologue = """
    #!/bin/sh
    for script in /.singularity.d/env/*.sh; do
      if [ -f "$script" ]; then
        . "$script"
      fi
    done

    """

  /// What starts a program where no runtime does, such as after chroot.
  static let actions: [(name: String, body: String)] = [
    ("exec", "exec \"$@\"\n"),
    (
      "run",
      """
      if [ -n "${SINGULARITY_APPNAME:-}" ]; then
        if [ -x "/scif/apps/$SINGULARITY_APPNAME/scif/runscript" ]; then
          exec "/scif/apps/$SINGULARITY_APPNAME/scif/runscript" "$@"
        fi
        echo "no runscript for the app $SINGULARITY_APPNAME" >&2
        exit 1
      fi
      if [ -x /.singularity.d/runscript ]; then
        exec /.singularity.d/runscript "$@"
      fi
      echo "no runscript: starting /bin/sh" >&2
      exec /bin/sh "$@"

      """
    ),
    (
      "shell",
      """
      if [ -n "${SINGULARITY_SHELL:-}" ] && [ -x "$SINGULARITY_SHELL" ]; then
        exec "$SINGULARITY_SHELL" "$@"
      fi
      if [ -x /bin/bash ]; then
        SHELL=/bin/bash
        export SHELL
        exec /bin/bash --norc "$@"
      fi
      exec /bin/sh "$@"

      """
    ),
    (
      "start",
      """
      kill -CONT 1
      if [ -x /.singularity.d/startscript ]; then
        exec /.singularity.d/startscript "$@"
      fi

      """
    ),
    (
      "test",
      """
      if [ -n "${SINGULARITY_APPNAME:-}" ]; then
        if [ -x "/scif/apps/$SINGULARITY_APPNAME/scif/test" ]; then
          exec "/scif/apps/$SINGULARITY_APPNAME/scif/test" "$@"
        fi
        echo "no test for the app $SINGULARITY_APPNAME" >&2
        exit 1
      fi
      if [ -x /.singularity.d/test ]; then
        exec /.singularity.d/test "$@"
      fi

      """
    ),
  ]

  /// The variables of the app that the user chose.
  private static let appVariables = """
    #!/bin/sh
    # The variables of the app that --app names.
    if [ -n "${SINGULARITY_APPNAME:-}" ]; then
      export SINGULARITY_APPNAME
      if [ ! -d "/scif/apps/$SINGULARITY_APPNAME" ]; then
        echo "there is no app $SINGULARITY_APPNAME in this image" >&2
        exit 1
      fi
      SCIF_APPS=/scif/apps
      SCIF_APPROOT="/scif/apps/$SINGULARITY_APPNAME"
      export SCIF_APPS SCIF_APPROOT
      PATH="$SCIF_APPROOT:$PATH"
      if [ -d "$SCIF_APPROOT/bin" ]; then
        PATH="$SCIF_APPROOT/bin:$PATH"
      fi
      if [ -d "$SCIF_APPROOT/lib" ]; then
        LD_LIBRARY_PATH="$SCIF_APPROOT/lib:${LD_LIBRARY_PATH:-}"
        export LD_LIBRARY_PATH
      fi
      export PATH
      if [ -f "/scif/apps/$SINGULARITY_APPNAME/scif/env/01-base.sh" ]; then
        . "/scif/apps/$SINGULARITY_APPNAME/scif/env/01-base.sh"
      fi
      if [ -f "/scif/apps/$SINGULARITY_APPNAME/scif/env/90-environment.sh" ]; then
        . "/scif/apps/$SINGULARITY_APPNAME/scif/env/90-environment.sh"
      fi
    fi

    """
}

extension TreeFiles {
  /// Whether a path is a directory; a link at its end is not followed.
  func isDirectory(_ path: String) throws(SystemError) -> Bool {
    let names = Self.names(of: Array(path.utf8))
    guard let last = names.last, try has(path) else { return names.isEmpty }
    return try parent(Array(names.dropLast())).status(of: last).map { $0.st_mode & S_IFMT == S_IFDIR }
      ?? false
  }
}
