import ArgumentParser
import Lockstep

struct ModelsCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "models", abstract: "Lists every model: name, parameters and the book's recipe.")
  }

  func run() throws {
    print(Table.row("model", "parameters", "input", "epochs", "batch", "learning rate"))
    for model in try Tool.registry().models {
      let recipe = model.recipe
      print(
        Table.row(
          model.name, "\(model.make(model.sizes).parameterCount)",
          model.inputShape.map(String.init).joined(separator: "×"), "\(recipe.epochs)", "\(recipe.batchSize)",
          "\(recipe.learningRate)"))
    }
  }
}

/// Columns of text.
enum Table {
  static func row(_ cells: String...) -> String { row(cells) }

  static func row(_ cells: [String]) -> String {
    cells.enumerated().map { index, cell in
      let width = index == 0 ? 22 : 14
      return index == cells.count - 1 ? cell : cell + String(repeating: " ", count: max(1, width - cell.count))
    }.joined()
  }
}
