// swift-tools-version: 6.2
import PackageDescription

/// The fuzz targets: a package of their own, because every module has to be built with the fuzzer's and the
/// address sanitizer's instrumentation. run.sh builds and runs them.
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
