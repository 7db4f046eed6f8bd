import Networks
import Tensors

extension Module {
  /// Takes the state of a checkpoint: a file, or the newest good one of a folder.
  ///
  /// - Parameters:
  ///   - path: of the file or folder.
  ///   - strict: whether every name must be there with its shape, and no other; else what fits is taken, so that a
  ///     network with another last layer can begin with the rest of a trained one.
  /// - Returns: what was left out, in one line; nil where all fits.
  /// - Throws: `CheckpointError` where the state doesn't fit, or nothing of it does.
  @discardableResult
  public final func load(from path: String, strict: Bool = true) throws -> String? {
    let (file, checkpoint) = try CheckpointFolder.load(path)
    let values = Dictionary(checkpoint.model.map { ($0.name, $0.tensor) }) { first, _ in first }
    let fits = state.contains { values[$0.name]?.shape == $0.tensor.shape }
    do {
      let misfits = try load(values, strict: strict)
      if !fits { throw CheckpointError(file, "nothing in it fits the model: \(misfits ?? "it has no state")") }
      return misfits
    } catch let error as TensorError {
      throw CheckpointError(file, error.detail)
    }
  }

  /// The same from a folder of checkpoints.
  @discardableResult
  public final func load(from folder: CheckpointFolder, strict: Bool = true) throws -> String? {
    try load(from: folder.path, strict: strict)
  }
}
