// swift-tools-version: 6.2
import PackageDescription

/// AES-XTS over sectors in this project's own code, for the section "encryption".
let package = Package(
  name: "xts",
  dependencies: [.package(name: "swift-sif", path: "../..")],
  targets: [
    .executableTarget(
      name: "xts",
      dependencies: [.product(name: "Gcrypt", package: "swift-sif")],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")])
  ]
)
