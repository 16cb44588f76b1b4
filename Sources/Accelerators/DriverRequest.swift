import Glibc
import LinuxSystem
public import SystemPackage

/// The accelerators that a program wants, in the words of its user.
public struct DriverRequest: Sendable {
  /// Vendors whose whole driver is wanted.
  public var vendors: Set<DriverVendor> = []
  /// Devices by their specifications.
  public var devices: [DeviceName] = []
  /// The directories of device specifications.
  public var directories = DeviceRegistry.directories
  /// Paths of more libraries of the host.
  public var libraries: [FilePath] = []
  /// The directories that may hold administrators' lists of a driver's files; the first list counts.
  public var lists: [FilePath] = ["/etc/apptainer", "/etc/singularity"]

  /// Makes a request for nothing.
  public init() {}

  /// Finds the files on this host.
  ///
  /// - Parameter onNote: receives a sentence for each thing that is not there, such as a vendor's driver.
  /// - Throws: ``AcceleratorError`` if a device or library that was named cannot be had.
  public func resolve(onNote: (String) -> Void = { _ in }) throws(AcceleratorError) -> DriverFiles {
    var files = DriverFiles()
    if !vendors.isEmpty {
      let search = DriverSearch(Self.cache(onNote))
      for vendor in DriverVendor.allCases where vendors.contains(vendor) {
        let found = search.find(list(of: vendor, onNote), of: vendor)
        if found.isEmpty {
          onNote("no \(vendor.name) driver was found on this host")
        } else if found.libraries.isEmpty {
          onNote("no libraries of the \(vendor.name) driver were found on this host")
        } else if found.devices.isEmpty {
          onNote("no \(vendor.name) device was found on this host")
        }
        files.add(found)
      }
    }
    if !devices.isEmpty {
      files.add(try DeviceRegistry(reading: directories).files(for: devices, onNote: onNote))
    }
    for path in libraries {
      guard let name = path.lastComponent?.string, let status = try? OwnedDescriptor.naming(path).status(),
        status.st_mode & S_IFMT == S_IFREG
      else { throw AcceleratorError(.unknownDevice, "\(path.string) is not a file of the host") }
      files.add(DriverFiles.Library(name, at: path))
    }
    return files
  }

  private static func cache(_ onNote: (String) -> Void) -> LibraryCache {
    do { return try LibraryCache() } catch {
      onNote("the host's list of libraries cannot be read: \(error.description)")
      return LibraryCache(parsing: [])
    }
  }

  /// The administrators' list, or the built-in one.
  private func list(of vendor: DriverVendor, _ onNote: (String) -> Void) -> DriverList {
    for directory in lists {
      let path = directory.appending(vendor.listName)
      do throws(SystemError) {
        let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == 0, status.st_mode & 0o022 == 0 else {
          onNote("\(path.string) is passed over: it is not a file that only root can write")
          continue
        }
        return DriverList(parsing: try file.readToEnd(limit: 1 << 20))
      } catch {
        if error.errno != .noSuchFileOrDirectory {
          onNote("\(path.string) cannot be read: \(error.errno.description)")
        }
      }
    }
    return vendor.list
  }
}
