import Tensors

/// Which pieces of a network compute their activations again for backward instead of keeping them.
extension Module {
  /// Keeps only what each piece of this network starts from, and computes the piece again when backward comes to it: less memory,
  /// at most one more forward pass of time, and the same bits. A `Sequential` is cut behind its poolings and before its blocks;
  /// elsewhere each module that holds others, a Transformer's block say, is a piece. What is small or lies in another piece is none.
  ///
  /// A trainer does this where its configuration says `checkpointActivations`.
  @discardableResult
  public final func checkpointActivations(_ wanted: Bool = true) -> Self {
    let modules = namedModules()
    for (name, module) in modules {
      if let net = module as? Sequential {
        net.cut = !wanted ? .none : name.isEmpty ? .allButLast : .all
      } else {
        module.isSegment = wanted && !name.isEmpty && !module.children.entries.isEmpty
      }
    }
    // A Sequential cuts what it holds itself.
    for case (_, let net as Sequential) in modules {
      for layer in net.layers { layer.isSegment = false }
    }
    return self
  }

  /// What `body` comes to, not kept for backward where this module is such a piece. A module that is called like a function needs no
  /// such line; one whose forward pass takes or gives more than a tensor has it in the method that computes it.
  public final func segment(_ body: @escaping () -> [Tensor]) -> [Tensor] {
    isSegment && !ForwardScope.isCheckpointed ? checkpointed(body) : body()
  }

  /// The same with one result.
  public final func segment(_ body: @escaping () -> Tensor) -> Tensor {
    isSegment && !ForwardScope.isCheckpointed ? checkpointed(body) : body()
  }
}

/// A layer whose output is much smaller than its input: behind it a segment ends best.
protocol Narrowing {}

extension MaxPool2D: Narrowing {}
extension AvgPool2D: Narrowing {}
extension AdaptiveAvgPool2D: Narrowing {}
extension AdaptiveMaxPool2D: Narrowing {}
extension MaxPool1D: Narrowing {}
extension AvgPool1D: Narrowing {}

extension Sequential {
  /// Which of the segments are not kept.
  enum Cut {
    case none, all
    /// Backward begins with the last one: nothing is gained by computing that again.
    case allButLast
  }

  /// The layers of this and of what it holds, one segment after the other.
  func forwardInSegments(_ input: Tensor) -> Tensor {
    let segments = self.segments
    var value = input
    for (index, layers) in segments.enumerated() {
      let compute = { [value] in layers.reduce(value) { $1($0) } }
      value = cut == .allButLast && index == segments.count - 1 ? compute() : checkpointed(compute)
    }
    return value
  }

  private static var mostWeighted: Int { 4 }

  /// A segment begins with a block, or behind a pooling; or where it would have too many layers with weights.
  private var segments: [[Module]] {
    var (result, isOpen, weighted): ([[Module]], Bool, Int) = ([], false, 0)
    for layer in flattenedLayers {
      let isFull = layer is WeightedLayer && weighted == Self.mostWeighted
      if !isOpen || isFull || !layer.children.entries.isEmpty {
        result.append([])
        weighted = 0
      }
      result[result.count - 1].append(layer)
      if layer is WeightedLayer { weighted += 1 }
      isOpen = !(layer is any Narrowing)
    }
    return result
  }

  private var flattenedLayers: [Module] {
    layers.flatMap { ($0 as? Sequential)?.flattenedLayers ?? [$0] }
  }
}
