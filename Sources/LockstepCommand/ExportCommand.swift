import ArgumentParser
import HDF5Files
import Lockstep

struct ExportCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "export", abstract: "Writes a checkpoint's model for other programs: safetensors, ONNX or HDF5.",
      discussion: """
        safetensors and h5 hold parameters and buffers by the names of PyTorch's state_dict(). onnx holds the forward pass in \
        evaluation, for any number of samples, with operators of version \(ONNX.operatorSet): what is done to the data when they \
        are loaded, such as resizing and normalising, comes before it.
        """)
  }

  /// A file format.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case safetensors, onnx, h5
  }

  @Argument(help: "A checkpoint file, or a folder of them.") var checkpoint: String
  @Option(help: "safetensors, onnx or h5.") var format: Format
  @Option(help: "The file to write.") var output: String
  @Option(help: "Also writes random inputs and the model's answers to this HDF5 file, to hold other programs' against.")
  var example: String?
  @OptionGroup var weights: WeightOptions

  func run() throws {
    try AtomicFile.check(output, as: format == .h5 ? .hdf5 : .other)
    if let example { try AtomicFile.check(example, from: [output]) }
    let model = try OpenedModel(checkpoint, Tool.registry(), weights)
    try AtomicFile.check(output, as: format == .h5 ? .hdf5 : .other, from: [model.path])
    let state = model.network.state
    switch format {
    case .safetensors: try SafeTensors.save(state, to: output)
    case .h5: try writeHDF5(state)
    case .onnx: try writeONNX(model)
    }
    if let example { try writeExample(model, to: example) }
    print("\(output): \(model.entry.name) of \(model.path), \(model.network.parameterCount) parameters")
  }

  private func writeHDF5(_ state: [(name: String, tensor: Tensor)]) throws {
    let file = try HDF5File.inMemory()
    for (name, tensor) in state {
      try tensor.withRowMajor(as: Float.self) { try file.write($0, shape: tensor.shape.extents, to: "/\(name)") }
    }
    try AtomicFile.write(file.image(), to: output)
  }

  private func writeONNX(_ model: OpenedModel) throws {
    do {
      try ONNX.save(model.network, named: model.entry.name, to: output) { try pass(of: model, samples: $0) }
    } catch let error as ExportError {
      throw ConfigurationError("\(model.entry.name) can't be exported to ONNX: \(error)")
    }
    if let normalization = model.configuration.images.normalization {
      print("its inputs are pixels from 0 to 1, normalised by \(normalization.text)")
    }
  }

  private func pass(of model: OpenedModel, samples: Int) throws -> ForwardPass {
    try model.entry.task.pass(of: model.network, model.entry, model.configuration.sizes, samples: samples)
  }

  /// `/inputs/<name>` and `/outputs/<name>`, of five samples.
  private func writeExample(_ model: OpenedModel, to path: String) throws {
    model.network.evaluate()
    let pass = try pass(of: model, samples: 5)
    let answer = try withoutGradient(pass.run)
    let file = try HDF5File.inMemory()
    for (name, tensor) in pass.inputs {
      let shape = tensor.shape.extents
      if tensor.dtype.isFloat {
        try file.write(tensor.values(as: Float.self), shape: shape, to: "/inputs/\(name)")
      } else {
        try file.write(tensor.values(as: Int64.self), shape: shape, to: "/inputs/\(name)")
      }
    }
    try file.write(answer.values(as: Float.self), shape: answer.shape.extents, to: "/outputs/\(pass.output)")
    try AtomicFile.write(file.image(), to: path)
  }
}
