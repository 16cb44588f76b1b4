/// Options of the runtimes that have no counterpart here, each with the reason, so that the message about an unknown option
/// says more than that (spec/runtime-flags.md).
package enum RefusedOptions {
  /// The reason why commands that start programs do not have an option.
  package static func reason(ofProgram option: String) -> String? {
    for line in ofPrograms where line.names.contains(Substring(option)) { return line.reason }
    return nil
  }

  /// The reason why the tool does not have an option before the command.
  static func reason(ofTool option: String) -> String? {
    for line in ofTool where line.names.contains(Substring(option)) { return line.reason }
    return nil
  }

  private static var ofPrograms: [(names: [Substring], reason: String)] {
    let daemon = "no daemon of Docker is asked"
    let password = "everybody can see the words of a command: set DOCKER_PASSWORD, or give --docker-login"
    let checkpoints = "checkpoints are not made"
    let mode = "it belongs to the OCI mode, and images are always run natively"
    return [
      (names("--docker-host"), daemon),
      (names("--docker-password"), password),
      (names("--dmtcp-launch --dmtcp-restart"), checkpoints),
      (names("--oci --keep-layers"), mode),
      (names("--data"), "\(mode); --bind with image-src=/ shows the files of another image"),
      (names("--compat32"), "drivers' libraries for 32-bit programs are not looked for"),
      (names("--intel-hpu"), "--device takes a CDI description of these devices"),
      (names("--proot"), "a user namespace does its work"),
    ]
  }

  private static var ofTool: [(names: [Substring], reason: String)] {
    [
      (names("-d --debug -v --verbose"), "a failure says at once what failed and where"),
      (names("-q --quiet -s --silent"), "commands that print notes have --quiet after their name"),
      (names("--nocolor"), "nothing is coloured"),
      (names("-c --config --build-config"), "the site's settings are in /etc/singularity and /etc/apptainer"),
    ]
  }

  private static func names(_ text: String) -> [Substring] { text.split(separator: " ") }
}
