import ExecutionControl

/// The runtimes' main configuration file. Every limit comes from the text of the file.
@Sendable func fuzzContainerLimits(_ bytes: [UInt8]) {
  guard let limits = try? ContainerLimits(reading: bytes) else { return }
  let names = limits.owners + limits.groups
  if names.contains(where: { $0.isEmpty || $0.utf8.count > bytes.count }) { fatalError("a name of nobody") }
  if limits.paths.contains(where: { !$0.isAbsolute }) { fatalError("a path from nowhere") }
}

/// An execution control list. Every directory has at most one group, and every fingerprint is complete.
@Sendable func fuzzExecutionControlList(_ bytes: [UInt8]) {
  guard let list = try? ExecutionControlList(reading: bytes) else { return }
  for group in list.groups {
    guard let directory = group.directory else { continue }
    if list.group(of: directory) != group { fatalError("two groups for one directory") }
  }
  if list.groups.filter({ $0.directory == nil }).count > 1 { fatalError("two groups for all others") }
  let keys = list.groups.flatMap(\.fingerprints)
  if keys.contains(where: { $0.utf8.count != 40 || $0 != $0.uppercased() }) {
    fatalError("half a fingerprint")
  }
}
