import ArgumentParser
import Lockstep

/// NumPy arrays.
extension ConvertCommand {
  struct NPY: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "npy", abstract: "NumPy arrays in files of their own: samples, and what is to be learnt of them.",
      discussion: "Integers for targets are classes 0…k-1, floats are numbers to predict. Types stay as they are.")

    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(help: "Samples, [n, …], of any type.", completion: .file(extensions: ["npy"])) var inputs: String
    @Option(help: "Integers [n] for classes, or floats [n, …] to predict.", completion: .file(extensions: ["npy"]))
    var targets: String?
    @Option(help: "How much each sample counts, [n].", completion: .file(extensions: ["npy"])) var weights: String?
    @Option(help: "Samples to test with.", completion: .file(extensions: ["npy"])) var testInputs: String?
    @Option(help: "The targets of the samples to test with.", completion: .file(extensions: ["npy"])) var testTargets:
      String?
    @Option(help: "Names of the classes, separated by commas.") var classNames: String?
    @OptionGroup var storage: StorageOptions

    func validate() throws {
      if testTargets != nil && testInputs == nil { throw ValidationError("--test-targets needs --test-inputs") }
    }

    func run() throws {
      var converter = NPYConverter(
        train: .init(inputs: inputs, targets: targets, weights: weights),
        test: testInputs.map { .init(inputs: $0, targets: testTargets) })
      converter.classNames = ConvertCommand.names(classNames)
      try convert(converter, storage, output)
    }
  }

  struct NPZ: SoloCommand {
    static let configuration = CommandConfiguration(
      commandName: "npz", abstract: "NumPy arrays in one file, as numpy.savez and Keras write them.",
      discussion: "Without options it takes x_train, y_train, x_test and y_test; or inputs and targets; or X and y.")

    @Argument(help: "The .npz file.", completion: .file(extensions: ["npz"])) var file: String
    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(help: "The name of the array of samples.") var inputs: String?
    @Option(help: "The name of the array of targets: what is to be learnt.") var targets: String?
    @Option(help: "The name of the array of weights.") var weights: String?
    @Option(help: "The name of the array of samples to test with.") var testInputs: String?
    @Option(help: "The name of the array of their targets.") var testTargets: String?
    @Option(help: "Names of the classes, separated by commas.") var classNames: String?
    @OptionGroup var storage: StorageOptions

    func validate() throws {
      if inputs == nil && (targets != nil || weights != nil || testInputs != nil) {
        throw ValidationError("--targets, --weights and --test-inputs need --inputs")
      }
      if testTargets != nil && testInputs == nil { throw ValidationError("--test-targets needs --test-inputs") }
    }

    func run() throws {
      var converter = try NPYConverter(
        archive: file, train: inputs.map { .init(inputs: $0, targets: targets, weights: weights) },
        test: testInputs.map { .init(inputs: $0, targets: testTargets) })
      converter.classNames = ConvertCommand.names(classNames)
      try convert(converter, storage, output)
    }
  }
}

private func convert(_ converter: NPYConverter, _ storage: StorageOptions, _ output: String) throws {
  var converter = converter
  converter.storage = storage.storage
  let summary = try ConvertCommand.withLine("arrays") {
    converter.progress = $0
    return try converter.convert(to: output)
  }
  let test = summary.testCount > 0 ? " + \(summary.testCount)" : ""
  let goal =
    switch summary.outputs {
    case .classes(let count): ", \(count) classes"
    case .numbers(let count): ", \(count) numbers to predict"
    case .unknown: " without targets"
    }
  print("\(output): \(summary.trainCount)\(test) samples of \(summary.inputShape)\(goal), \(summary.byteCount) bytes")
}
