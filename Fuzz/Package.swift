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
      dependencies: [
        .product(name: "SIF", package: "swift-sif"), .product(name: "LUKS", package: "swift-sif"),
        .product(name: "StrictJSON", package: "swift-sif"), .product(name: "Gcrypt", package: "swift-sif"),
        .product(name: "OpenPGP", package: "swift-sif"), .product(name: "PEMKeys", package: "swift-sif"),
        .product(name: "DSSE", package: "swift-sif"),
      ],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")])
  ]
)
