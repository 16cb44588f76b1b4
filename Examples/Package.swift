// swift-tools-version: 6.2
import PackageDescription

/// A program for each thing that the library is used for. Every first program of the documentation is one of them.
let programs: [(name: String, modules: [String])] = [
  ("inspect", ["ImageTrust", "Partitions", "SIF"]),
  ("verify-in-ci", ["ImageTrust"]),
  ("extract-file", ["Partitions", "SIF"]),
  ("pack-and-sign", ["ImageBuild", "ImageTrust", "SIF"]),
  ("list-files", ["Squash"]),
  ("certificates", ["OpenPGP"]),
  ("volume-facts", ["LUKS", "SIF"]),
  ("account", ["Forensics", "SIF"]),
  ("run", ["Partitions", "SIF", "SIFRuntime"]),
  ("read-output", ["Partitions", "SIF", "SIFRuntime"]),
]

let package = Package(
  name: "examples",
  dependencies: [.package(name: "swift-sif", path: "..")],
  targets: programs.map { name, modules in
    .executableTarget(name: name, dependencies: modules.map { .product(name: $0, package: "swift-sif") })
  }
)
