import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import Partitions
import SIF
import SIFRuntime
import Squash

/// The partition to mount, its key, and the checks that come first.
struct VolumeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var volumeKey: VolumeKeyOptions
  @Flag(
    help: ArgumentHelp(
      "Verify the signatures first, on the same open file; takes the options of `verify`."))
  var verify = false
  @OptionGroup(title: "Verification") var policy: VerificationOptions

  /// The names of these options, except those that need `--verify`.
  static let names = ["id", "verify"] + VolumeKeyOptions.names

  func validate() throws {
    guard !verify, let option = policy.firstGiven else { return }
    throw ValidationError("\(option) needs --verify")
  }

  /// What they ask for.
  var request: VolumeRequest {
    VolumeRequest(object: id?.value, keys: volumeKey.source, verification: verify ? policy.verification : nil)
  }
}

/// A partition to open.
struct VolumeRequest {
  /// The id of the partition; nil for the image's primary one.
  var object: UInt32?
  /// Where its key comes from.
  var keys = VolumeKeySource()
  /// What has to be signed and by whom, before anything is mounted.
  var verification: Verification?

  /// Opens the image once, applies the machine's execution policy, verifies the signatures if that was asked for, and
  /// opens the partition's file system.
  func open(_ image: PathArgument) throws -> ImageVolume {
    try opening(image) { try request(image).openVolume(keys: keys) }
  }

  /// The same for everything that a container's root is made of.
  ///
  /// - Parameter set: adds what else is asked for.
  func openRoot(_ image: PathArgument, _ set: (inout RootRequest) throws -> Void) throws -> ContainerRoot {
    try opening(image) {
      var request = try request(image)
      try set(&request)
      return try request.open(keys: keys)
    }
  }

  private func request(_ image: PathArgument) throws -> RootRequest {
    var request = RootRequest(image.path)
    request.object = object
    if let verification {
      request.verify = { sif, objects in
        let verification = try verification.read()
        for object in objects { try verification.require(on: sif, covering: object) }
      }
    }
    let reporter = Reporter()
    request.onNote = { reporter.note($0) }
    return request
  }

  /// Runs a body, and adds the image's name to failures that are about its contents.
  private func opening<Result>(_ image: PathArgument, _ body: () throws -> Result) throws -> Result {
    // Also if nothing had to be opened with them: the program must not get them.
    defer {
      keys.closeDescriptors()
      SecretInput.forgetVolumeKeys()
    }
    try image.requireFile()
    do { return try body() } catch let fault as PartitionError where fault.code == .notImage {
      throw ToolFailure(.failure, code: fault.identifier, "\(image.path.printable) \(fault)")
    } catch let fault as PartitionError where fault.kind == .key {
      throw fault
    } catch {
      return try image.named { throw error }
    }
  }
}
