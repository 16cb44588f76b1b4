import ArgumentParser
import Bytes
import CommandKit
import ExecutionControl
import Glibc
import Instances
import LinuxSystem
import SIFRuntime
import SystemPackage

/// What the options of a command that starts a program ask for.
///
/// A group of options is absent if none of them is given: reading ten groups from the command line takes longer than starting
/// a container.
struct ContainerRequest {
  /// The partition; the image's primary one if no option chooses another.
  var volume = VolumeRequest()
  var files: FileOptions?
  var places: PlaceOptions?
  var variables: VariableOptions?
  var devices: DeviceOptions?
  var isolation: IsolationOptions?
  var network: NetworkOptions?
  var sharing: SharingOption?
  var privileges: PrivilegeOptions?
  var limits: LimitOptions?
  var compatibility: CompatibilityOptions?
  var app: AppOption?
  var fetching: ImageFetchOptions?

  /// Why the options of several groups cannot be meant together; nil if they can.
  var fault: String? {
    guard files?.unsquash ?? false, compatibility?.noTmpSandbox ?? false else { return nil }
    return "--unsquash and --no-tmp-sandbox exclude each other"
  }

  // MARK: Starting

  /// Starts a program of an image, which takes the place of this one: it returns only by an error.
  ///
  /// In place of an image, `instance://NAME` means a container that runs already, and an address such as `docker://alpine`
  /// an image that is fetched first.
  ///
  /// - Parameter shell: the shell to start in place of the image's.
  func start(_ image: PathArgument, _ action: ContainerOptions.Action, shell: FilePath? = nil) throws {
    if let name = InstanceStore.name(inAddress: image.path) { return try join(name, action, shell) }
    let fetched = try fetch(image)
    let image = fetched.image
    defer { fetched.remove() }
    if sharing?.sharens ?? false { return try share(image, action, shell) }
    // Before anything is opened: these are the caller's.
    let descriptors = Forking.openDescriptors()
    let root = try openRoot(image)
    fetched.remove()
    var options = try options(action, descriptors)
    options.shell = shell
    let container = Container(root, image: try ImageMounts.absolute(image.path), options)
    try container.run()
  }

  /// Starts a program in an instance. Of the options, those for the program count.
  private func join(_ name: String, _ action: ContainerOptions.Action, _ shell: FilePath?) throws {
    var options = try options(action, Forking.openDescriptors())
    options.shell = shell
    options.instanceName = name
    let instance = try InstanceStore().find(name)
    try ContainerGuest(in: instance.container, options).run(try instance.open())
  }

  /// The file of an image, which is fetched first if it is an address.
  private func fetch(_ image: PathArgument) throws -> ImageFetchRequest.Fetched {
    // The usual case.
    guard image.address != nil else { return ImageFetchRequest.Fetched(image: image) }
    return try (fetching?.request ?? ImageFetchRequest()).fetch(
      image, usesCache: !(compatibility?.disableCache ?? false))
  }

  private func openRoot(_ image: PathArgument) throws -> ContainerRoot {
    let binds = try binds
    return try volume.openRoot(image) { request in
      try set(&request)
      request.binds = binds
    }
  }

  /// Adds what lies over the image, except binds.
  func set(_ request: inout RootRequest) throws {
    try files?.set(&request)
    devices?.set(&request)
    compatibility?.change(&request)
    if files?.underlay ?? false { request.writesElseToMemory = false }
  }

  /// Starts a program in the container that the children of this process's parent share; the first of them starts it.
  private func share(
    _ image: PathArgument, _ action: ContainerOptions.Action, _ shell: FilePath?
  ) throws {
    let descriptors = Forking.openDescriptors()
    let reporter = Reporter()
    let path = try ImageMounts.absolute(image.path)
    let shared = try SharedContainer(in: InstanceStore())
    let instance = try shared.join(image: path, callers: descriptors ?? []) {
      (try openRoot(image), try self.options(.hold, []))
    } onLog: { log in
      Self.show(log, reporter)
    }
    var options = try options(action, descriptors)
    options.shell = shell
    try ContainerGuest(in: instance.container, options).run(try instance.open())
  }

  /// Starts an instance, and returns when its program runs.
  func startInstance(
    _ name: String, of image: PathArgument, _ action: ContainerOptions.Action, _ service: ServiceOptions
  ) throws {
    guard sharing?.sharens != true else {
      throw ToolFailure.usage("--sharens is for exec, run, shell and test: an instance is shared by its name")
    }
    let boots = service.boot
    if boots {
      guard geteuid() == 0, isolation?.userns != true, privileges?.fakeroot != true else {
        throw ToolFailure.usage(
          "--boot starts the init of an image, which only root can, without a user namespace")
      }
    }
    let fetched = try fetch(image)
    let image = fetched.image
    defer { fetched.remove() }
    let store = try InstanceStore()
    let starter = try InstanceStarter(name, in: store)
    let reporter = Reporter()
    let instance: InstanceRecord
    do {
      let root = try openRoot(image)
      var options = try options(action, [])
      if boots { options.bootsAs(name) }
      instance = try starter.start(
        root, image: try ImageMounts.absolute(image.path), options
      ) { log in
        Self.show(log, reporter)
      }
    } catch {
      starter.giveUp()
      throw error
    }
    if let file = service.pidFile { write(instance.container.process, to: file, reporter) }
    reporter.note(.instanceStarted(name: name, process: instance.container.process))
  }

  /// Shows what a start in the background has written. Lines of this tool begin with its name already.
  private static func show(_ log: [UInt8], _ reporter: Reporter) {
    let prefix = FrontEnd.current.prefix(.note)
    for line in log.split(separator: 0x0A) {
      let text = String(decoding: line, as: UTF8.self)
      reporter.note(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
    }
  }

  /// Writes the number of an instance's first process. The instance runs, so a failure is only said.
  private func write(_ process: Int32, to file: OutputArgument, _ reporter: Reporter) {
    do {
      let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK
      let descriptor = try OwnedDescriptor(opening: file.path, flags: flags, mode: 0o644)
      try SystemError.writeAll(Array("\(process)\n".utf8).span.bytes, to: descriptor.rawValue)
    } catch {
      reporter.warn("the file for the process number cannot be written: \(error)")
    }
  }

  /// The binds: those of variables first, so that options win.
  private var binds: [Bind] {
    get throws {
      let asked = try ToolFailure.reading("--bind") {
        try files?.bind.flatMap { try Bind.parse($0.bytes) } ?? []
      }
      return try Bind.ofProcess() + asked + (places?.binds ?? [])
    }
  }

  /// The options of the container.
  func options(
    _ action: ContainerOptions.Action, _ descriptors: [Int32]?
  ) throws -> ContainerOptions {
    var options = ContainerOptions(action)
    options.descriptors = descriptors
    let reporter = Reporter()
    options.app = app?.app
    options.site = try SiteSettings.configured()
    files?.set(&options)
    options.binds = try binds
    try places?.set(&options)
    try variables?.set(&options)
    isolation?.set(&options)
    try privileges?.set(&options)
    compatibility?.change(&options)
    options.limits = try limits?.resources()
    options.report = {
      let failure = ToolFailure($0)
      return (
        Console.bytes(ofMessage: failure.message, .failure),
        FrontEnd.current.code(failure.status)
      )
    }
    options.onNote = { reporter.note($0) }
    try network?.set(&options, isSeparate: isolation?.net ?? false)
    if devices == nil, options.site.alwaysUsesNVIDIA || options.site.alwaysUsesAMD {
      try DeviceOptions.parse([]).set(&options)
    } else {
      try devices?.set(&options)
    }
    return options
  }
}
