// swift-tools-version: 6.0
import PackageDescription

// The public face: what another package imports (`Lockstep`, and `Zoo` for the book's models), and the command.
let products: [Product] = [
  .library(name: "Lockstep", targets: ["Lockstep", "Zoo"]),
  .library(name: "LockstepCommand", targets: ["LockstepCommand"]),
  .executable(name: "lockstep", targets: ["Tool"]),
]

// C libraries of the system: module maps with short shims, nothing compiled.
let libraries: [Target] = [
  .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
  .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
  .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
  .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
  .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
  .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
]

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

// A target imports only targets above it (README, architecture).
let implementation: [Target] = [
  .target(name: "CSignals"),
  .target(name: "CVectors"),
  .target(name: "Failures"),
  .target(name: "Kernels", dependencies: ["CDNNL", "CVectors", "Failures"]),
  .target(name: "Tensors", dependencies: ["Kernels", "Failures"]),
  .target(name: "Networks", dependencies: ["Tensors"]),
  .target(name: "Optimizers", dependencies: ["Kernels", "Tensors"]),
  .target(name: "MessagePassing", dependencies: ["CMPI", "CVectors", "Failures"]),
  .target(name: "HDF5Files", dependencies: ["CHDF5", "CZlib", "Failures"]),
  .target(
    name: "DataParallel",
    dependencies: ["Failures", "Kernels", "Tensors", "Networks", "Optimizers", "MessagePassing"]),
  .target(
    name: "Datasets",
    dependencies: ["Failures", "Kernels", "Tensors", "MessagePassing", "HDF5Files", "CZlib", "CPNG", "CJPEG"]),
  .target(name: "Checkpoints", dependencies: ["Failures", "Networks", "Optimizers", "HDF5Files"]),
  .target(
    name: "Training",
    dependencies: [
      "CSignals", "Failures", "Kernels", "Networks", "Optimizers", "MessagePassing", "DataParallel", "Datasets",
      "Checkpoints",
    ]),
  .target(name: "Zoo", dependencies: ["Networks", "Datasets", "Training"]),
  .target(
    name: "Lockstep",
    dependencies: [
      "Failures", "Tensors", "Networks", "Optimizers", "MessagePassing", "DataParallel", "Datasets", "Checkpoints",
      "Training",
    ]),
  .target(name: "Book", dependencies: ["Lockstep", "Zoo"]),
  .target(
    name: "LockstepCommand",
    dependencies: [
      "Lockstep", "Zoo", "Book", "Failures", "Kernels", "HDF5Files", arguments, .product(name: "Yams", package: "Yams"),
    ]),
  .executableTarget(name: "Tool", dependencies: ["LockstepCommand"]),
]

// Tests mirror the sources. Their support sees all of the library, so that what several targets need is there once.
let support: Target = .target(
  name: "TestSupport", dependencies: ["Lockstep", "Zoo", "HDF5Files"], path: "Tests/Support",
  exclude: ["fixture_format.py"])

// Many thousand damaged files in one process, for launch/torture; built when it asks for it.
let torture: Target = .executableTarget(
  name: "Torture", dependencies: ["Lockstep", "HDF5Files"], path: "Tests/Torture")

let tests: [Target] = [
  support, torture,
  .testTarget(name: "KernelsTests", dependencies: ["CVectors", "Kernels", "TestSupport"]),
  .testTarget(
    name: "TensorsTests", dependencies: ["Kernels", "Tensors", "Optimizers", "TestSupport"],
    resources: [.copy("Fixtures")]),
  .testTarget(name: "NetworksTests", dependencies: ["Networks", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(
    name: "OptimizersTests", dependencies: ["Kernels", "Optimizers", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(name: "MessagePassingTests", dependencies: ["MessagePassing", "TestSupport"]),
  .testTarget(name: "HDF5FilesTests", dependencies: ["HDF5Files", "TestSupport"]),
  .testTarget(name: "DataParallelTests", dependencies: ["DataParallel", "TestSupport"]),
  .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(
    name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(
    name: "TrainingTests", dependencies: ["Training", "Kernels", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(
    name: "ZooTests", dependencies: ["Training", "Kernels", "Zoo", "TestSupport"], resources: [.copy("Fixtures")]),
  .testTarget(name: "LockstepTests", dependencies: ["Lockstep", "TestSupport"]),
  .testTarget(name: "LockstepCommandTests", dependencies: ["LockstepCommand", "Kernels", "Tool", "TestSupport"]),
]

// Only `launch/docs` asks for the plugin that builds documentation.
let documentation: [Package.Dependency] =
  Context.environment["LOCKSTEP_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]

let package = Package(
  name: "Lockstep",
  products: products,
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ] + documentation,
  targets: libraries + implementation + tests,
  swiftLanguageModes: [.v6]
)
