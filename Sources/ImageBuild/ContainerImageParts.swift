import Bytes
public import OCI
public import SIF
public import Squash
import StrictJSON

extension RuntimeParts {
  /// What a SIF has besides the layers of an image of OCI or Docker, so that runtimes start its program as Docker would
  /// (spec/oci.md "A SIF of an image").
  ///
  /// - Parameters:
  ///   - scheme: how the image was named, such as `docker` or `oci-archive`.
  ///   - name: what stands after the scheme.
  ///   - clock: the time of the label of the build's date; an image without a time has no such label.
  public init(of image: OCIImage, scheme: String, name: String, clock: EditClock) throws(ImageBuildError) {
    self.init()
    let config = image.config
    let words = config.entrypoint + config.command + config.environment
    guard !words.contains(where: { $0.utf8.contains(0) }) else {
      throw ImageBuildError(
        .invalidArgument, "the image's configuration has a NUL in a word of a command or in a variable")
    }
    let definition = Array("bootstrap: \(scheme)\nfrom: \(name)\n\n".utf8)
    let runscript = ContainerScripts.runscript(entrypoint: config.entrypoint, command: config.command)
    let variables = ContainerScripts.variables(config.environment)
    self.definition = definition
    self.runscript = runscript
    scripts = ContainerScripts.fixed + [("10-docker2singularity.sh", variables)]
    for (key, value) in config.labels.sorted(by: { $0.key < $1.key }) { setLabel(key, value) }
    setLabel("org.label-schema.schema-version", "1.0")
    if let platform = config.platform { setLabel("org.label-schema.build-arch", platform.architecture) }
    if let date = Self.buildDate(clock) { setLabel("org.label-schema.build-date", date) }
    setLabel("org.label-schema.usage.singularity.deffile.bootstrap", scheme)
    setLabel("org.label-schema.usage.singularity.deffile.from", name)
    let labels = labelMembers.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let texts: [(String, JSONValue?)] = [
      (
        "environment",
        InspectText.value(variables).map {
          .object([JSONMember("/.singularity.d/env/10-docker2singularity.sh", $0)])
        }
      ),
      ("labels", .object(labels)), ("runscript", InspectText.value(runscript)),
      ("deffile", InspectText.value(definition)),
    ]
    let attributes = texts.compactMap { name, value in value.map { JSONMember(name, $0) } }
    addDocument("inspect-metadata.json", InspectText.document(attributes))
    if let settings = Self.settings(of: config) { addDocument("oci-config.json", settings) }
  }

  /// The date as the label spells it, in UTC; nil for an image without a time.
  static func buildDate(_ clock: EditClock) -> String? {
    let seconds: Int64
    switch clock {
    case .automatic: seconds = Timestamp.now.seconds
    case .fixed(.none): return nil
    case .fixed(let time): seconds = time.seconds
    }
    let time = CivilTime(seconds: seconds)
    let days = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"]
    let months = [
      "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
      "November", "December",
    ]
    let day = Int(((seconds - Int64(time.secondOfDay)) / 86_400 % 7 + 7) % 7)
    let clock = "\(time.secondOfDay / 3600):\(time.secondOfDay / 60 % 60):\(time.secondOfDay % 60)"
    return "\(days[day])_\(time.day)_\(months[time.month - 1])_\(time.year)_\(clock)_UTC"
  }
}

extension Packer {
  /// A packer for the layers of an image of OCI or Docker: `pack(.layers(image), to: path)` makes the SIF.
  ///
  /// - Parameters:
  ///   - scheme: how the image was named, such as `docker`.
  ///   - name: what stands after the scheme, such as `alpine:3.18`.
  public init(
    of image: OCIImage, scheme: String, name: String, _ options: WriterOptions = WriterOptions(),
    clock: EditClock = .automatic
  ) throws(ImageBuildError) {
    self.init(
      try RuntimeParts(of: image, scheme: scheme, name: name, clock: clock), options, clock: clock)
    architecture = image.config.platform.flatMap { Architecture(name: $0.architecture) }
  }
}

/// The scripts by which an image of Docker runs in a container of Singularity.
enum ContainerScripts {
  /// Scripts that every such image has. The runtimes set what the user asks for after `99-base.sh`.
  static let fixed: [(name: String, text: [UInt8])] = [
    ("01-base.sh", Array("#!/bin/sh\n".utf8)),
    (
      "99-base.sh",
      Array(
        """
        #!/bin/sh
        # Libraries that the runtime binds come last.
        LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/.singularity.d/libs"
        export LD_LIBRARY_PATH

        """.utf8)
    ),
    (
      "99-runtimevars.sh",
      Array(
        """
        #!/bin/sh
        # What the user asked for PATH: parts before it, parts behind it, another one.
        if [ -n "${SING_USER_DEFINED_PREPEND_PATH:-}" ]; then
          PATH="$SING_USER_DEFINED_PREPEND_PATH:$PATH"
        fi
        if [ -n "${SING_USER_DEFINED_APPEND_PATH:-}" ]; then
          PATH="$PATH:$SING_USER_DEFINED_APPEND_PATH"
        fi
        if [ -n "${SING_USER_DEFINED_PATH:-}" ]; then
          PATH="$SING_USER_DEFINED_PATH"
        fi
        unset SING_USER_DEFINED_PREPEND_PATH SING_USER_DEFINED_APPEND_PATH SING_USER_DEFINED_PATH
        export PATH

        """.utf8)
    ),
  ]

  /// The characters that a shell does not take as they are between double quotes get a backslash.
  private static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
    text.flatMap { byte -> [UInt8] in
      [0x5C, 0x22, 0x60, 0x24].contains(byte) ? [0x5C, byte] : [byte]
    }
  }

  private static func doubleQuoted(_ text: String) -> [UInt8] { [0x22] + escaped(text.utf8) + [0x22] }

  /// The script that sets an image's variables: PATH outright, others unless they are set.
  static func variables(_ environment: [String]) -> [UInt8] {
    var script = Array("#!/bin/sh\n".utf8)
    for entry in environment {
      let bytes = Array(entry.utf8)
      let equals = bytes.firstIndex(of: 0x3D)
      let name = String(decoding: bytes[..<(equals ?? bytes.endIndex)], as: UTF8.self)
      guard isName(name) else { continue }
      let value = equals.map { escaped(bytes[($0 + 1)...]) }
      script += Array("export \(name)=\"".utf8)
      if name == "PATH", let value {
        script += value
      } else if let value {
        script += Array("${\(name):-\"".utf8) + value + Array("\"}".utf8)
      } else {
        script += Array("${\(name):-}".utf8)
      }
      script += Array("\"\n".utf8)
    }
    return script
  }

  private static func isName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.enumerated().allSatisfy { index, byte in
        byte == 0x5F || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || index > 0 && (0x30...0x39).contains(byte)
      }
  }

  /// The script that starts an image's program. Arguments take the place of the command, and follow the entry point.
  ///
  /// Runtimes know such a script by its first assignments and by the line with `eval`, and start the program themselves if
  /// the image has no shell.
  static func runscript(entrypoint: [String], command: [String]) -> [UInt8] {
    func assignment(_ name: String, _ words: [String]) -> [UInt8] {
      let text = Array(words.map(doubleQuoted).joined(separator: [0x20]))
      return Array("\(name)='".utf8) + singleQuotedBody(text) + Array("'\n".utf8)
    }
    func words(_ words: [String]) -> [UInt8] {
      words.flatMap { [0x27] + singleQuotedBody(Array($0.utf8)) + [0x27, 0x20] }
    }
    var script = Array("#!/bin/sh\n".utf8)
    script += assignment("OCI_ENTRYPOINT", entrypoint)
    script += assignment("OCI_CMD", command)
    script += Array("# Words as they are, if the user wants no evaluation.\n".utf8)
    script += Array("if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then\n".utf8)
    if !command.isEmpty {
      script +=
        Array("  if [ $# -eq 0 ]; then\n    set -- ".utf8) + words(command) + Array("\"$@\"\n  fi\n".utf8)
    }
    if !entrypoint.isEmpty { script += Array("  set -- ".utf8) + words(entrypoint) + Array("\"$@\"\n".utf8) }
    script += Array(
      #"""
        exec "$@"
      fi
      # Otherwise variables and quotes in the arguments are evaluated.
      SINGULARITY_OCI_RUN="$OCI_ENTRYPOINT"
      if [ $# -gt 0 ]; then
        for argument in "$@"; do
          SINGULARITY_OCI_RUN="$SINGULARITY_OCI_RUN \"$argument\""
        done
      else
        SINGULARITY_OCI_RUN="$SINGULARITY_OCI_RUN $OCI_CMD"
      fi
      [ "$SINGULARITY_OCI_RUN" = " " ] && exit 0
      eval "set ${SINGULARITY_OCI_RUN}"
      exec "$@"

      """#.utf8)
    return script
  }

  /// Text between single quotes, where only the quote itself is special.
  private static func singleQuotedBody(_ text: [UInt8]) -> [UInt8] {
    text.flatMap { $0 == 0x27 ? Array("'\"'\"'".utf8) : [$0] }
  }
}
