import Glibc
import LinuxSystem
public import SystemPackage

/// NVIDIA's program `nvidia-container-cli`, which puts the parts of the host's driver into a container's root.
public struct DriverProgram: Sendable, Equatable {
  private let program: FilePath
  private let arguments: [String]
  private let loader: FilePath?

  /// What the driver can be asked to do.
  private static let capabilities = ["compute", "compat32", "graphics", "utility", "video", "display"]
  /// The most bytes of the program's messages.
  private static let longest = 1 << 20

  /// Finds the program, and what the caller's variables ask of it.
  ///
  /// - Parameters:
  ///   - variables: the caller's variables.
  ///   - isContained: whether the container has a /dev of its own. Otherwise it has every GPU anyway.
  /// - Throws: ``AcceleratorError`` if the host lacks the program, or a variable asks for something unknown.
  public init(
    _ variables: [(name: String, value: [UInt8])], isContained: Bool, onNote: (String) -> Void
  ) throws(AcceleratorError) {
    guard let program = HostPrograms.find("nvidia-container-cli", besides: ["/usr/bin", "/usr/local/bin"])
    else {
      throw AcceleratorError(
        .missingProgram,
        "--nvccli needs NVIDIA's program nvidia-container-cli, which the host does not have: --nv does without"
      )
    }
    self.program = program
    loader = HostPrograms.find("ldconfig", besides: ["/sbin", "/usr/sbin"])
    func value(_ name: String) -> String? {
      variables.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }
    var devices = value("NVIDIA_VISIBLE_DEVICES")
    if !isContained, devices != "all" {
      if devices != nil {
        onNote(
          "NVIDIA_VISIBLE_DEVICES has an effect only with --contain: the container has every device of the host"
        )
      }
      devices = "all"
    }
    var arguments = ["configure", "--no-cgroups"]
    for (option, list) in [
      ("device", devices), ("mig-config", value("NVIDIA_MIG_CONFIG_DEVICES")),
      ("mig-monitor", value("NVIDIA_MIG_MONITOR_DEVICES")),
    ] {
      if let list, !list.isEmpty { arguments.append("--\(option)=\(list)") }
    }
    let wanted = (value("NVIDIA_DRIVER_CAPABILITIES") ?? "").split(separator: ",").map(String.init)
    for word in wanted where word != "all" && !Self.capabilities.contains(word) {
      throw AcceleratorError(
        .invalidName,
        "NVIDIA_DRIVER_CAPABILITIES has \"\(word)\", which is none of "
          + "\(Self.capabilities.joined(separator: ", ")) and all")
    }
    let chosen = wanted.isEmpty ? ["compute", "utility"] : wanted
    arguments += Self.capabilities.filter { chosen.contains("all") || chosen.contains($0) }.map { "--\($0)" }
    if (value("NVIDIA_DISABLE_REQUIRE") ?? "").isEmpty {
      arguments += variables.filter { $0.name.hasPrefix("NVIDIA_REQUIRE_") }.map {
        "--require=\(String(decoding: $0.value, as: UTF8.self))"
      }
    }
    self.arguments = arguments
  }

  /// Sets up the driver.
  ///
  /// - Parameter root: the container's root, before it is this process's root.
  public func run(_ root: FilePath, inUserNamespace: Bool) throws(AcceleratorError) {
    let all =
      (inUserNamespace ? ["--user"] : []) + arguments + (loader.map { ["--ldconfig=@\($0.string)"] } ?? [])
      + [root.string]
    let outcome: ChildProcess.Outcome
    do {
      outcome = try ChildProcess(running: program.string, all).communicate([], limit: Self.longest)
    } catch { throw AcceleratorError(.system, "nvidia-container-cli cannot be run: \(error)") }
    guard outcome.status == 0 else {
      let reason = String(decoding: outcome.errors.split(separator: 0x0A).last ?? [], as: UTF8.self)
      throw AcceleratorError(
        .system,
        "nvidia-container-cli cannot set up the driver: "
          + (reason.isEmpty ? "it ended with status \(outcome.status)" : reason))
    }
  }
}
