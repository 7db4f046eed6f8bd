import ArgumentParser

/// What a shell offers for the value of an option, beside the names that settings may have (`SettingOptions`).
extension CompletionKind {
  /// Datasets and checkpoints.
  static var hdf5: CompletionKind { .file(extensions: ["h5", "hdf5"]) }
  static var csv: CompletionKind { .file(extensions: ["csv"]) }
  static var picture: CompletionKind { .file(extensions: ["svg", "png"]) }

  static func models<Tool: LockstepTool>(of tool: Tool.Type) -> CompletionKind {
    .list((Tool.models + Tool.others).map(\.name))
  }
}
