import ArgumentParser
import Lockstep

struct SummaryCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "summary", abstract: "Shows each layer's output shape and parameters.")
  }

  @Argument(help: "A model; `lockstep models` lists them.", completion: .models(of: Tool.self)) var model: String
  @Option(help: "Batch, channels, height, width, such as 1,1,28,28.") var inputShape: String?
  @OptionGroup(title: "Model") var sizing: SizeOptions

  func run() throws {
    let entry = try Tool.registry().find(model)
    let sizes = try sizing.applied(to: entry.sizes, of: entry, Tool.registry())
    let shape = try inputShape.map(parse) ?? [1] + entry.inputShape(sizes)
    let network = entry.make(sizes).evaluate()
    var rows = [Table.row("layer", "output", "parameters"), Table.row("input", "\(Shape(shape))", "0")]
    try withoutGradient {
      for (name, layer, output) in try outputs(of: network, entry.task, shape) {
        let shape = output.map { "\($0)" } ?? "not called"
        rows.append(Table.row("\(name) \(type(of: layer))", shape, "\(layer.parameterCount)"))
      }
    }
    rows.append(Table.row("total", "", "\(network.parameterCount)"))
    print(rows.joined(separator: "\n"))
  }

  /// Each part with the shape of what it makes of zeros.
  private func outputs(
    of network: Module, _ task: any LearningTask, _ shape: [Int]
  ) throws -> [(name: String, module: Module, output: Shape?)] {
    do {
      return try network.outputShapes { try task.trial(of: network, inputShape: shape) }
    } catch {
      throw ConfigurationError("input \(shape) does not fit \(model): \(error)")
    }
  }

  private func parse(_ text: String) throws -> [Int] {
    let extents = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard extents.count > 1, extents.allSatisfy({ $0 > 0 && $0 <= 1 << 16 }),
      extents.reduce(1.0, { $0 * Double($1) }) <= 1e9
    else { throw ValidationError("--input-shape is '\(text)', but must be extents such as 1,1,28,28") }
    return extents
  }
}
