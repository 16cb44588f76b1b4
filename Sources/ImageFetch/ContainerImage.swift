import OCI
import Registry
import SystemPackage

extension ImageFetcher {
  /// The manifest of an image of OCI, and where it is.
  func container(_ reference: OCIReference) throws -> (RegistryRepository, OCIDescriptor) {
    let (repository, descriptor) = try resolve(reference)
    let chosen = try OCIImage.manifest(descriptor, from: repository, platform: settings.platform)
    return (repository, chosen.descriptor)
  }

  func pullContainer(
    _ reference: OCIReference, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    throw FetchError(.unsupported, "docker:// images cannot be made into SIF images yet")
  }

  func convert(_ repository: RegistryRepository, _ chosen: OCIDescriptor, _ path: FilePath) throws {
    throw FetchError(.unsupported, "docker:// images cannot be made into SIF images yet")
  }
}
