import LockstepCommand
import Zoo

/// The `lockstep` command: the tool of the book's models alone.
@main enum Tool: LockstepTool {
  static let models = Zoo.models
  static let others: [ModelEntry] = []
}
