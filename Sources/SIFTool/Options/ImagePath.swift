import Bytes
import CommandKit
import Partitions
import SIF
import Squash

/// Paths of images.
extension PathArgument {
  /// Refuses a URI, from which a runtime would fetch or build an image.
  func requireFile() throws {
    // A path has lost one of the slashes.
    let text = path.string.replacing(":/", with: "://", maxReplacements: 1)
    let schemes = [
      "docker", "docker-daemon", "docker-archive", "oci", "oci-archive", "library", "shub", "oras",
    ]
    guard let end = text.firstRange(of: "://")?.lowerBound,
      schemes.contains(String(text[..<end])) || text[..<end].hasPrefix("http")
    else { return }
    throw ToolFailure.usage(
      "\(ArgumentBytes.printable(text)) is a URI; fetch the image with `siftool pull` first")
  }

  /// Runs a body, and adds this file's name to its failures.
  func named<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SIFError {
      throw error.naming(path)
    } catch let error as StorageFault {
      throw SIFError(error).naming(path)
    } catch let error as SquashError {
      throw ToolFailure(error).naming(path)
    } catch let error as PartitionError {
      throw ToolFailure(error).naming(path)
    } catch let error as ToolFailure {
      throw error.naming(path)
    }
  }
}
