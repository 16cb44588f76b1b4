// swift-tools-version: 6.2
import PackageDescription

/// The fuzz targets. They are a separate package, because every module has to be built with the
/// instrumentation of the fuzzer and the address sanitizer. run.sh builds and runs them.
let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "swift-sif", path: "..")],
  targets: [
    .executableTarget(
      name: "fuzz",
      dependencies: [.product(name: "FuzzTargets", package: "swift-sif")],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")])
  ]
)
