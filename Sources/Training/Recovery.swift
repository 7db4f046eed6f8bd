import Checkpoints
import HDF5Files
import MessagePassing

extension Communicator {
  /// The newest good checkpoint that any rank finds in the folder, which is one of its own on each host; nil where none has
  /// one. Collective: ranks that find none, an older one, or another of the same step, are given the file by one that has it.
  ///
  /// - Parameter folder: nil on a rank that has no such folder.
  public func newestCheckpoint(of folder: CheckpointFolder?) throws -> (path: String, checkpoint: Checkpoint)? {
    let own = Swift.Result { try folder.flatMap { try $0.files().isEmpty ? nil : CheckpointFolder.load($0.path) } }
    let found = try? own.get()
    let steps = try tellAll(found?.checkpoint.position.step ?? -1)
    let newest = steps.max() ?? -1
    guard let giver = steps.firstIndex(of: newest), newest >= 0 else {
      // None at all, or none that is good.
      return try agreeing("recover", at: .starting) { try own.get() }
    }
    let digests = try tellAll((try? found?.checkpoint.modelDigest()) ?? "")
    let lacks = steps.indices.filter { steps[$0] != newest || digests[$0] != digests[giver] }
    if lacks.isEmpty { return found }
    let file = try agreeing("recover", at: .starting) {
      try rank == giver ? found.map { try InputFile.bytes(of: $0.path) } ?? [] : []
    }
    let bytes = try broadcast(file, from: giver)
    return try agreeing("recover", at: .starting) {
      guard lacks.contains(rank) else { return found }
      let path = "the state of rank \(giver)'s host"
      return (path, try CheckpointFile.decode(bytes, path))
    }
  }
}
