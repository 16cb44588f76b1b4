import Accelerators
import ArgumentParser
import CommandKit
import SIFRuntime
import SystemPackage

/// The accelerators that the program can use.
struct DeviceOptions: SeparateGroup {
  @Flag(help: "Use NVIDIA GPUs: show the host's driver libraries, programs and devices.") var nv = false
  @Flag(help: "Use AMD GPUs: show the host's driver libraries, programs and devices.") var rocm = false
  @Flag(help: "Have the host's nvidia-container-cli set up NVIDIA's driver; implies --writable-tmpfs.")
  var nvccli =
    false
  @Flag(help: "Use no NVIDIA GPUs, although the site's configuration says so.") var noNv = false
  @Flag(help: "Use no AMD GPUs, although the site's configuration says so.") var noRocm = false
  @Option(
    help: ArgumentHelp(
      "Use a device that a Container Device Interface (CDI) file describes, for example nvidia.com/gpu=all (repeatable).",
      valueName: "vendor/class=name"))
  var device: [String] = []
  @Option(
    help: ArgumentHelp(
      "The directories of CDI files, separated by commas. Default: /etc/cdi,/var/run/cdi.", valueName: "dirs")
  )
  var cdiDirs: BytesArgument?
  @Option(
    help: ArgumentHelp(
      "Show more libraries of the host with those of the driver, separated by commas (repeatable).",
      valueName: "files"))
  var containlibs: [BytesArgument] = []

  @Option(
    help: ArgumentHelp(
      "Not supported: mount the file system on the host, and bind the directory.", valueName: "spec"))
  var fusemount: [String] = []

  func validate() throws {
    guard fusemount.isEmpty else {
      throw ValidationError(
        "--fusemount is not supported: start the FUSE program on the host, and bind the directory that it mounts on"
      )
    }
  }

  func set(_ options: inout ContainerOptions) throws {
    var request = DriverRequest()
    if nvccli {
      options.driverProgram = try DriverProgram(
        ProgramVariables.ofProcess(), isContained: options.isContained, onNote: options.onNote)
    } else if nv || options.site.alwaysUsesNVIDIA && !noNv {
      request.vendors.insert(.nvidia)
    }
    if rocm || options.site.alwaysUsesAMD && !noRocm { request.vendors.insert(.rocm) }
    request.devices = try device.flatMap { try $0.split(separator: ",").map { try DeviceName(String($0)) } }
    if let cdiDirs { request.directories = Self.paths(cdiDirs) }
    request.libraries = containlibs.flatMap(Self.paths)
    options.drivers = try request.resolve(onNote: options.onNote)
    // The caller's own variables come after these, and win.
    options.environment =
      options.drivers.variables.map { ($0.name, Array($0.value.utf8)) } + options.environment
  }

  /// The program writes to the container.
  func set(_ request: inout RootRequest) {
    if nvccli, !request.isWritable, request.overlays.isEmpty { request.writesToMemory = true }
  }

  private static func paths(_ list: BytesArgument) -> [FilePath] {
    list.bytes.split(separator: 0x2C).map { FilePath(bytes: Array($0)) }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}
