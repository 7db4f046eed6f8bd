import HDF5Files
import Tensors

/// The samples of a file of arrays, read when they are needed. Inputs are float32 `[batch, …]`; targets int64 `[batch]` for
/// classes, float32 `[batch, numbers]` for numbers to predict, NaN where nobody knows them.
///
/// In memory numbers are what they are in the file, classes int32, weights float32.
struct StreamedArrays: StreamingDataset {
  let layout: ChunkLayout
  /// Of one sample as the model takes it.
  private let shape: [Int]
  private let outputs: ArrayFile.Outputs
  private let names: ArrayFile.Layout
  private let inputs: ArrayRows
  /// Classes, or numbers to predict; nil where nobody knows them.
  private let targets: ArrayRows?
  private let weights: SampleWeights?
  private let digests: SplitDigests

  init(
    _ file: HDF5File, _ split: String, _ names: ArrayFile.Layout, shape: [Int], _ outputs: ArrayFile.Outputs
  ) throws {
    (self.shape, self.outputs, self.names) = (shape, outputs, names)
    inputs = try ArrayRows(file, "/\(split)/\(names.inputs)")
    let object = "/\(split)/\(names.targets)"
    targets = try file.isDataset(object) ? ArrayRows(file, object) : nil
    weights = names == .arrays ? try SampleWeights(file, "/\(split)/weights", count: inputs.count) : nil
    let targetBytes =
      switch outputs {
      case .classes: MemoryLayout<Int32>.stride
      case .numbers: targets?.rowBytes ?? 0
      case .unknown: 0
      }
    layout = ChunkLayout(
      of: inputs.rows,
      columns: [inputs.rowBytes, targetBytes, weights == nil ? 0 : MemoryLayout<Float>.stride])
    digests = try SplitDigests(file, split, [names.inputs, names.targets, "weights"], layout)
  }

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    try inputs.read(samples, into: chunk.column(0))
    switch outputs {
    case .classes(let count):
      let labels = chunk.column(1, as: Int32.self)
      if let targets { try targets.readClasses(samples, count, into: labels) } else { labels.update(repeating: 0) }
    case .numbers: try targets?.read(samples, into: chunk.column(1))
    case .unknown: break
    }
    try weights?.read(samples, into: chunk.column(2, as: Float.self))
  }

  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch {
    var batch = Batch(
      inputs: try tensor(inputs, loaded, column: 0, shape), targets: try targets(of: loaded), samples: loaded.samples)
    if weights != nil { batch.weights = loaded.tensor(column: 2, shape: [], as: Float.self) }
    return batch
  }

  private func targets(of loaded: LoadedSamples) throws -> Tensor {
    switch outputs {
    case .classes:
      return Tensor((0..<loaded.count).map { Int64(loaded.row($0, column: 1).load(as: Int32.self)) })
    case .numbers(let width):
      if let targets { return try tensor(targets, loaded, column: 1, [width]) }
      return Tensor.full([loaded.count, width], .nan)
    case .unknown: return Tensor.full([loaded.count, 1], .nan)
    }
  }

  private func tensor(_ rows: ArrayRows, _ loaded: LoadedSamples, column: Int, _ shape: [Int]) throws -> Tensor {
    let (result, width) = (Tensor(uninitializedFloats: Shape([loaded.count] + shape)), rows.width)
    try result.withFloats { numbers in
      guard let target = numbers.baseAddress else { return }
      for index in 0..<loaded.count {
        rows.element.decode(loaded.row(index, column: column), width, into: target + index * width)
      }
    }
    return result
  }

  /// Of rows with a number to predict as that of a `TableDataset` of the same rows.
  func digest(ofColumns checksums: [UInt]) -> String {
    guard names == .regression else { return Self.digest(layout, checksums) }
    return TableDataset.digest(
      count: layout.count, width: inputs.width, features: checksums[0], targets: targets == nil ? nil : checksums[1])
  }
  var knownDigest: String? { digests.wholes.map(digest(ofColumns:)) }
  func checksum(ofChunk chunk: Int, column: Int) -> UInt32? { digests.checksum(ofChunk: chunk, column: column) }
}
