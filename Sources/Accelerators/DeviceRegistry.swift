import Glibc
import LinuxSystem
public import SystemPackage

/// The device specifications of a host, from all its directories.
public struct DeviceRegistry: Sendable {
  /// The directories that specifications are read from; a later one wins over an earlier one.
  public static let directories: [FilePath] = ["/etc/cdi", "/var/run/cdi"]

  private var specifications: [(priority: Int, specification: DeviceSpecification)] = []
  /// The files that could not be used, and why.
  public private(set) var faults: [AcceleratorError] = []

  /// Reads all files `*.json`, `*.yaml` and `*.yml` of the directories. A directory that does not exist has none.
  ///
  /// A file that cannot be used becomes one of the ``faults``: it may describe other devices than the wanted ones.
  public init(reading directories: [FilePath] = Self.directories) {
    for (priority, directory) in directories.enumerated() {
      for file in files(of: directory) {
        do throws(AcceleratorError) {
          let text = try Self.read(file)
          specifications.append((priority, try DeviceSpecification(parsing: text, file: file)))
        } catch {
          faults.append(error)
        }
      }
    }
  }

  private mutating func files(of directory: FilePath) -> [FilePath] {
    do throws(SystemError) {
      let names = try OwnedDescriptor(opening: directory, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC).names()
      return names.compactMap { String(validating: $0, as: UTF8.self) }.sorted()
        .map { directory.appending($0) }
        .filter { ["json", "yaml", "yml"].contains($0.extension) }
    } catch {
      if error.errno != .noSuchFileOrDirectory {
        faults.append(
          AcceleratorError(
            .system, "\(directory.string) cannot be read: \(error.errno.description)", system: error))
      }
      return []
    }
  }

  private static func read(_ path: FilePath) throws(AcceleratorError) -> [UInt8] {
    let limit = DeviceSpecification.maximumBytes
    let status: stat
    let bytes: [UInt8]
    do throws(SystemError) {
      // The flags keep a pipe or a terminal from blocking.
      let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
      status = try file.status()
      bytes = status.st_mode & S_IFMT == S_IFREG ? try file.readToEnd(limit: limit + 1) : []
    } catch {
      throw AcceleratorError(
        .system, "\(path.string) cannot be read: \(error.errno.description)", system: error)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw AcceleratorError(.malformed, "\(path.string) is not a regular file")
    }
    // Root's containers get devices and files that other users cannot open.
    guard geteuid() != 0 || status.st_uid == 0 && status.st_mode & 0o022 == 0 else {
      throw AcceleratorError(
        .untrusted,
        "\(path.string) belongs to user \(status.st_uid) or can be written by others: root uses only its own")
    }
    guard bytes.count <= limit else {
      throw AcceleratorError(.malformed, "\(path.string) is longer than \(limit) bytes")
    }
    return bytes
  }

  /// Returns what a container needs for devices.
  ///
  /// - Parameter onNote: receives sentences about hooks that are not run.
  /// - Throws: ``AcceleratorError`` if a device is unknown, is described by two files of one directory, or is no device.
  public func files(
    for names: [DeviceName], onNote: (String) -> Void = { _ in }
  ) throws(AcceleratorError) -> DriverFiles {
    var files = DriverFiles()
    var used: Set<FilePath> = []
    for name in names {
      let (specification, device) = try find(name)
      if used.insert(specification.file).inserted {
        try Self.add(specification.edits, of: specification, to: &files, onNote)
      }
      try Self.add(device, of: specification, to: &files, onNote)
    }
    return files
  }

  private func find(
    _ name: DeviceName
  ) throws(AcceleratorError) -> (specification: DeviceSpecification, device: DeviceSpecification.Edits) {
    let fitting = specifications.filter {
      $0.specification.kind == name.kind && $0.specification.devices[name.name] != nil
    }
    let best = fitting.filter { $0.priority == fitting.last?.priority }
    guard let first = best.first?.specification, let device = first.devices[name.name] else {
      // The file that cannot be used may be the one.
      if let fault = faults.first {
        throw AcceleratorError(
          fault.code, "the device \(name.kind)=\(name.name) is in no file that can be read: \(fault.message)",
          system: fault.system)
      }
      let known = specifications.flatMap { one in
        one.specification.devices.keys.map { "\(one.specification.kind)=\($0)" }
      }.sorted()
      throw AcceleratorError(
        .unknownDevice,
        "no device specification describes \(name.kind)=\(name.name)"
          + (known.isEmpty
            ? "; the host has none" : "; the host has \(known.prefix(20).joined(separator: ", "))"))
    }
    guard best.count == 1 else {
      throw AcceleratorError(
        .malformed,
        "both \(best[0].specification.file.string) and \(best[1].specification.file.string) describe \(name.kind)=\(name.name)"
      )
    }
    return (first, device)
  }

  private static func add(
    _ edits: DeviceSpecification.Edits, of specification: DeviceSpecification, to files: inout DriverFiles,
    _ onNote: (String) -> Void
  ) throws(AcceleratorError) {
    for variable in edits.variables { files.set(variable[0], variable[1]) }
    for node in edits.nodes {
      let status = try? OwnedDescriptor.naming(node.hostPath).status()
      let type = (status?.st_mode ?? 0) & S_IFMT
      guard type == S_IFCHR || type == S_IFBLK else {
        throw AcceleratorError(
          .malformed,
          "\(specification.file.string) names \(node.hostPath.string) as a device, which "
            + (status == nil ? "does not exist" : "is none"))
      }
      files.add(device: DriverFiles.File(node.hostPath, at: node.path))
    }
    for mount in edits.mounts {
      files.add(DriverFiles.File(mount.hostPath, at: mount.containerPath, isReadOnly: mount.isReadOnly))
      if let library = library(mount) { files.add(library) }
    }
    for link in edits.links {
      // The link leads to a library that is mounted, by its file's name or by the loader's; programs find it by the
      // link's name beside the others.
      guard let name = link.path.lastComponent?.string, name.contains(".so"),
        let target = FilePath(link.target).lastComponent?.string
      else { continue }
      let mount = edits.mounts.first { $0.containerPath.lastComponent?.string == target }
      let library = files.libraries.first { $0.name == target }
      if let source = mount?.hostPath ?? library?.source { files.add(DriverFiles.Library(name, at: source)) }
    }
    for hook in edits.hooks {
      onNote("\(specification.file.string) asks for the hook \"\(hook)\", which is not run here")
    }
  }

  /// A mounted library, by the name that the loader looks for. A hook would make the loader's list anew; here it stands
  /// in the directory of the driver's libraries.
  private static func library(_ mount: DeviceSpecification.Edits.Mount) -> DriverFiles.Library? {
    guard mount.containerPath.lastComponent?.string.contains(".so") == true,
      let status = try? OwnedDescriptor.naming(mount.hostPath).status(), status.st_mode & S_IFMT == S_IFREG,
      let file = try? OwnedDescriptor(opening: mount.hostPath, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC),
      let library = ELFFile(file), library.fitsThisProcess, let name = library.libraryName(in: file),
      !name.utf8.contains(0x2F)
    else { return nil }
    return DriverFiles.Library(name, at: mount.hostPath)
  }
}
