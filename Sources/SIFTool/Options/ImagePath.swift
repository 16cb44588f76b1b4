import Bytes
import CommandKit
import Partitions
import SIF
import Squash

/// Paths of images.
extension PathArgument {
  /// Refuses the name of an image that a runtime would fetch from somewhere.
  func requireFile() throws {
    let text = path.string
    let schemes = [
      "docker", "docker-daemon", "docker-archive", "oci", "oci-archive", "library", "shub", "oras",
    ]
    guard let end = text.firstRange(of: "://")?.lowerBound ?? text.firstRange(of: ":/")?.lowerBound,
      schemes.contains(String(text[..<end])) || text[..<end].hasPrefix("http")
    else { return }
    throw ToolFailure.usage(
      "\(text) is no file: images are files here, and none is ever fetched or built for that")
  }

  /// Runs a body whose failures are about this file, and has them name it.
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
