import Networks
import Tensors

/// Recurrent layers, whose gates come in another order in ONNX and whose weights have an axis more, for directions.
extension ONNXWriter {
  /// Inputs, or integers for one-hot ones, to all hidden states: `[steps, batch, inputs]` to `[steps, batch, hidden]`.
  mutating func recurrent(_ step: ONNXStep) throws -> String {
    let (inputs, name) = (step.one.inputs, step.operation.name)
    guard inputs.count >= 5 else { throw ExportError("\(name) needs an input and four weights") }
    let hidden = inputs[2].shape[1]
    var x = try value(inputs[0], step.two.inputs[0])
    if !inputs[0].dtype.isFloat {
      let flags = try graph.constant("offAndOn", Tensor([Float(0), 1]))
      x = graph.add("OneHot", [x, try graph.integers([inputs[1].shape[1]]), flags])
    }
    let weights = try [inputs[1], inputs[2]].map { weight in
      try graph.constant("\(graph.layer).\(name).weight", arranged(weight, name).unsqueezed(0))
    }
    let biases = Tensor.concatenate([arranged(inputs[3], name), arranged(inputs[4], name)])
    let bias = try graph.constant("\(graph.layer).\(name).bias", biases.unsqueezed(0))
    var states: [String] = []
    for (tensor, other) in zip(inputs.dropFirst(5), step.two.inputs.dropFirst(5)) {
      states.append(graph.add("Unsqueeze", [try value(tensor, other), try graph.integers([0])]))
    }
    var attributes: [String: TracedOperation.Setting] = ["hidden_size": .int(hidden)]
    attributes["direction"] = step.operation.settings["direction"]
    // The reset gate weighs the product of the hidden state, its bias included, as PyTorch has it.
    if name == "GRU" { attributes["linear_before_reset"] = 1 }
    let outputs = graph.add(
      name, [x] + weights + [bias] + (states.isEmpty ? [] : [""] + states), attributes, outputs: name == "LSTM" ? 3 : 1)
    if name == "LSTM" { cells[ObjectIdentifier(step.result)] = outputs[2] }
    return graph.add("Squeeze", [outputs[0], try graph.integers([1])])
  }

  /// An LSTM's cell state after the last step: `[batch, hidden]`.
  mutating func lastCell(_ step: ONNXStep) throws -> String {
    guard let cell = cells[ObjectIdentifier(step.one.inputs[0])] else {
      throw ExportError("a cell state that no LSTM has left")
    }
    return graph.add("Squeeze", [cell, try graph.integers([0])])
  }

  /// A weight or bias with its gates in ONNX's order: of an LSTM input, output, forget, cell; of a GRU update, reset, hidden.
  private func arranged(_ weight: Tensor, _ name: String) -> Tensor {
    let order = name == "LSTM" ? [0, 3, 1, 2] : name == "GRU" ? [1, 0, 2] : [0]
    let rest = Array(weight.shape.extents.dropFirst())
    return weight.detached().reshaped(Shape([order.count, weight.shape[0] / order.count] + rest)).selected(order)
      .reshaped(weight.shape)
  }
}
