// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors where .ci/run builds, and only there: a fresh checkout builds with the compilers of later years,
/// which warn of more.
let warnings: [SwiftSetting] =
  Context.environment["SWIFT_SIF_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// Every target: Swift 6 mode (the tools version's default), `any` is spelled out, and `~Escapable` cursors over spans
/// may state their lifetimes.
let settings: [SwiftSetting] =
  warnings + [
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
  ]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "swift-sif",
  products: [
    .library(name: "Bytes", targets: ["Bytes"]),
    .library(name: "LinuxSystem", targets: ["LinuxSystem"]),
    .library(name: "StrictJSON", targets: ["StrictJSON"]),
    .library(name: "Gcrypt", targets: ["Gcrypt"]),
    .library(name: "SIF", targets: ["SIF"]),
    .library(name: "Squash", targets: ["Squash"]),
    .library(name: "LUKS", targets: ["LUKS"]),
    .library(name: "Gocryptfs", targets: ["Gocryptfs"]),
    .library(name: "OpenPGP", targets: ["OpenPGP"]),
    .library(name: "PEMKeys", targets: ["PEMKeys"]),
    .library(name: "DSSE", targets: ["DSSE"]),
    .library(name: "ShellScript", targets: ["ShellScript"]),
    .library(name: "Definition", targets: ["Definition"]),
    .library(name: "ExecutionControl", targets: ["ExecutionControl"]),
    .library(name: "OCI", targets: ["OCI"]),
    .library(name: "ImageTrust", targets: ["ImageTrust"]),
    .library(name: "Partitions", targets: ["Partitions"]),
    .library(name: "Forensics", targets: ["Forensics"]),
    .library(name: "ImageBuild", targets: ["ImageBuild"]),
    .library(name: "Accelerators", targets: ["Accelerators"]),
    .library(name: "SIFRuntime", targets: ["SIFRuntime"]),
    .library(name: "Instances", targets: ["Instances"]),
    .library(name: "Transport", targets: ["Transport"]),
    .library(name: "Registry", targets: ["Registry"]),
    .library(name: "Library", targets: ["Library"]),
    .library(name: "Keyserver", targets: ["Keyserver"]),
    .library(name: "Remotes", targets: ["Remotes"]),
    .library(name: "ImageFetch", targets: ["ImageFetch"]),
    .executable(name: "siftool", targets: ["SIFTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // Floor 0, C: module maps with shims, and C of our own.
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CGcrypt", providers: [.apt(["libgcrypt20-dev"])]),
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
    // Headers alone: the library is loaded when it is first needed, so nothing is linked.
    .systemLibrary(name: "CCryptsetup", providers: [.apt(["libcryptsetup-dev"])]),
    .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
    .systemLibrary(name: "CSquashfs", providers: [.apt(["libsquashfs-dev"])]),
    .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CYaml", providers: [.apt(["libyaml-dev"])]),
    // Headers alone, as for CCryptsetup.
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    // toml++ is a header of C++; the shim that compiles it speaks C, so no other module is one of C++.
    .target(name: "CToml", linkerSettings: [.linkedLibrary("stdc++")]),
    // Linked for its start-up code alone: nobody imports it.
    .target(name: "CStart"),
    .target(name: "CLauncher"),

    // Floor 1, ground: what every format and every container stands on.
    module("Bytes", []),
    module("StrictJSON", ["Bytes"]),
    module("TOML", ["Bytes", "CToml", "StrictJSON"]),
    module("YAML", ["Bytes", "CYaml", "StrictJSON"]),
    module("LinuxSystem", ["Bytes", "CLinux", systemPackage]),
    module("Gcrypt", ["Bytes", "CGcrypt", "CSodium", "LinuxSystem", systemPackage]),

    // Floor 2, formats: one each, read and written; no process, no network, no question to a person.
    module("SIF", ["Bytes", "Gcrypt", "LinuxSystem", "StrictJSON", systemPackage]),
    module(
      "Squash",
      [
        "CDeflate", "CLinux", "CSquashfs", "CZlib", "CZstd", "Bytes", "Gcrypt", "LinuxSystem",
        systemPackage,
      ]),
    module(
      "LUKS", ["CCryptsetup", "CLinux", "Bytes", "Gcrypt", "LinuxSystem", "StrictJSON", systemPackage]),
    module("Gocryptfs", ["Bytes", "Gcrypt", "LinuxSystem", "StrictJSON"]),
    module("OpenPGP", ["Bytes", "Gcrypt", "LinuxSystem", systemPackage]),
    module("PEMKeys", ["Bytes", "Gcrypt"]),
    module("DSSE", ["Bytes", "Gcrypt", "PEMKeys", "StrictJSON"]),
    module("ShellScript", []),
    module("Definition", ["Bytes"]),
    module("OCI", ["Bytes", "Gcrypt", "LinuxSystem", "Squash", "StrictJSON", systemPackage]),
    module("ExecutionControl", ["CLinux", "Bytes", "LinuxSystem", "StrictJSON", "TOML", systemPackage]),

    // Floor 3, images: what joins formats.
    module(
      "ImageTrust",
      [
        "Bytes", "DSSE", "ExecutionControl", "Gcrypt", "LinuxSystem", "OpenPGP", "PEMKeys", "SIF",
        "StrictJSON", systemPackage,
      ]),
    module(
      "Partitions",
      [
        "Bytes", "Gcrypt", "Gocryptfs", "ImageTrust", "LUKS", "LinuxSystem", "PEMKeys", "SIF", "Squash",
        systemPackage,
      ]),
    module(
      "Forensics",
      [
        "Bytes", "Gcrypt", "ImageTrust", "LUKS", "LinuxSystem", "Partitions", "SIF", "Squash", "StrictJSON",
        systemPackage,
      ]),

    // Floor 4, containers.
    module(
      "ImageBuild",
      [
        "Bytes", "CLinux", "Definition", "Gcrypt", "ImageTrust", "LUKS", "LinuxSystem", "OCI", "Partitions",
        "SIF",
        "Squash", "StrictJSON", systemPackage,
      ]),
    module("Accelerators", ["Bytes", "LinuxSystem", "StrictJSON", "YAML", systemPackage]),
    module(
      "SIFRuntime",
      [
        "Accelerators", "CLauncher", "CLinux", "CSeccomp", "Bytes", "ExecutionControl", "ImageBuild",
        "ImageTrust", "LUKS",
        "LinuxSystem", "Partitions", "SIF",
        "ShellScript", "Squash",
        "StrictJSON",
        "TOML",
        systemPackage,
      ]),

    module("Instances", ["Bytes", "CLinux", "LinuxSystem", "SIFRuntime", "StrictJSON", systemPackage]),

    // Floor 5, network: only the tools may import it.
    module("Transport", ["CCurl", "Bytes", "Gcrypt", "LinuxSystem", systemPackage]),
    module(
      "Registry", ["Bytes", "Gcrypt", "LinuxSystem", "OCI", "StrictJSON", "Transport", systemPackage]),
    module("Library", ["Bytes", "Gcrypt", "LinuxSystem", "StrictJSON", "Transport", systemPackage]),
    module("Keyserver", ["Bytes", "OpenPGP", "StrictJSON", "Transport"]),
    module("Remotes", ["Bytes", "LinuxSystem", "StrictJSON", "Transport", "YAML", systemPackage]),
    module(
      "ImageFetch",
      [
        "Bytes", "Gcrypt", "ImageBuild", "Library", "LinuxSystem", "OCI", "Registry", "SIF", "Squash",
        "Transport", systemPackage,
      ]),

    // Floor 6, tools.
    module(
      "CommandKit",
      [
        "CLinux", "Bytes", "Gcrypt", "LinuxSystem", "SIF", "Squash", "StrictJSON", systemPackage,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    module(
      "Singularity",
      [
        "Bytes", "CommandKit", "Gcrypt", "ImageBuild", "ImageFetch", "ImageTrust", "Instances", "LinuxSystem",
        "SIF",
        "OpenPGP", "SIFRuntime", "StrictJSON", systemPackage,
      ]),
    .executableTarget(
      name: "SIFTool",
      dependencies: [
        "Accelerators", "CLinux", "CStart", "CommandKit", "Bytes", "Definition", "ExecutionControl",
        "Forensics", "Gcrypt",
        "Gocryptfs", "ImageBuild", "ImageFetch", "ImageTrust", "Instances", "Keyserver", "LUKS", "Library",
        "LinuxSystem",
        "OCI", "OpenPGP",
        "PEMKeys", "Partitions", "Registry", "Remotes", "SIF", "SIFRuntime", "Singularity", "Squash",
        "StrictJSON",
        "Transport",
        systemPackage,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    // Beside the floors: fuzzing and tests.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Bytes", "DSSE", "Definition", "ExecutionControl", "Forensics", "Gcrypt", "Gocryptfs", "ImageTrust",
        "Keyserver", "LUKS", "Library", "OCI", "OpenPGP", "PEMKeys", "Remotes",
        "SIF", "SIFRuntime", "ShellScript", "Squash", "StrictJSON",
      ],
      path: "Fuzz/Targets",
      swiftSettings: settings),
    tests("FuzzTests", ["FuzzTargets", "TestSupport"]),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    tests("SIFTests", ["Bytes", "SIF", "Gcrypt", "TestSupport"]),
    tests("CommandKitTests", ["CommandKit"]),
    tests("SIFToolTests", ["ImageTrust", "SIF", "SIFTool", "StrictJSON", "TestSupport"]),
    tests("LinuxSystemTests", ["LinuxSystem", "TestSupport", systemPackage]),
    tests("LUKSTests", ["Bytes", "LUKS", "Gcrypt", "LinuxSystem", "StrictJSON", "TestSupport"]),
    tests("GocryptfsTests", ["Bytes", "Gcrypt", "Gocryptfs", "StrictJSON", "TestSupport"]),
    tests("StrictJSONTests", ["StrictJSON"]),
    tests("TOMLTests", ["StrictJSON", "TOML"]),
    tests("YAMLTests", ["StrictJSON", "YAML"]),
    tests("KeyserverTests", ["Keyserver", "OpenPGP", "TestSupport"]),
    tests("RemotesTests", ["Remotes", "StrictJSON", "TestSupport", "YAML"]),
    tests("LibraryTests", ["Library", "StrictJSON", "TestSupport"]),
    tests("AcceleratorsTests", ["Accelerators", "LinuxSystem", "TestSupport", systemPackage]),
    tests("BytesTests", ["Bytes", "LUKS", "LinuxSystem", "SIF", "Squash", "TestSupport", systemPackage]),
    tests("GcryptTests", ["Gcrypt", "StrictJSON", "TestSupport"]),
    tests("OpenPGPTests", ["Bytes", "Gcrypt", "ImageTrust", "OpenPGP", "SIF", "TestSupport"]),
    tests("DSSETests", ["DSSE", "Gcrypt", "PEMKeys", "TestSupport"]),
    tests(
      "ImageTrustTests",
      [
        "Bytes", "DSSE", "Gcrypt", "ImageTrust", "OpenPGP", "PEMKeys", "SIF", "StrictJSON", "TestSupport",
        systemPackage,
      ]),
    tests("PartitionsTests", ["Bytes", "ImageBuild", "LUKS", "Partitions", "SIF", "Squash", "TestSupport"]),
    tests("ShellScriptTests", ["ShellScript", "TestSupport"]),
    tests("DefinitionTests", ["Definition"]),
    tests("InstancesTests", ["Instances"]),
    tests("TransportTests", ["Bytes", "OCI", "Registry", "TestSupport", "Transport"]),
    tests(
      "SIFRuntimeTests",
      ["ImageBuild", "SIFRuntime", "Squash", "LinuxSystem", "StrictJSON", "TestSupport", systemPackage]),
    tests("OCITests", ["Bytes", "OCI", "StrictJSON"]),
    tests("SquashTests", ["Bytes", "Squash", "LinuxSystem", "TestSupport", systemPackage]),
    tests("ExecutionControlTests", ["ExecutionControl", "LinuxSystem", "TestSupport", systemPackage]),
    tests("ForensicsTests", ["Bytes", "Forensics", "Gcrypt", "SIF", "TestSupport", "Squash", systemPackage]),
  ],
  cxxLanguageStandard: .cxx17
)

// The fuzzer needs its own instrumentation in every module, and its own main: Fuzz/run.sh builds it, and nobody else sees it.
if Context.environment["SWIFT_SIF_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Program", swiftSettings: settings))
}
