import Lockstep
import Zoo

/// The chapter's layer, from scratch: parameters, moving statistics, and the two ways through.
private final class BatchNormFromScratch: Module {
  private let gamma, beta, movingMean, movingVariance: Tensor
  private let axes: [Int]

  init(_ features: Int, axes dimensions: Int) {
    let shape: Shape = dimensions == 2 ? [1, features] : [1, features, 1, 1]
    (gamma, beta) = (.parameter(shape), .parameter(shape))
    (movingMean, movingVariance) = (.buffer(shape, 0), .buffer(shape, 1))
    axes = dimensions == 2 ? [0] : [0, 2, 3]
    super.init()
    gamma.fill(1)
  }

  override func forward(_ input: Tensor) -> Tensor {
    let mean = isTraining ? input.mean(axes, keepingAxes: true) : movingMean
    let centred = input - mean
    let variance = isTraining ? centred.pow(2).mean(axes, keepingAxes: true) : movingVariance
    if isTraining {
      withoutGradient {
        movingMean.assign(movingMean * 0.9 + mean * 0.1)
        movingVariance.assign(movingVariance * 0.9 + variance * 0.1)
      }
    }
    return gamma * centred / (variance + 1e-5).sqrt() + beta
  }
}

/// Batch normalisation from scratch next to the library's, and LeNet with it.
func batchNormalizationChapter(_ page: Page) {
  let key = RandomKey(seed: 3, .synthesis)
  for shape in [[8, 5], [4, 3, 6, 6]] as [[Int]] {
    let input = Tensor.normal(Shape(shape), key: key) * 3 + 2
    let scratch = BatchNormFromScratch(shape[1], axes: shape.count)
    let concise: Module = shape.count == 2 ? BatchNorm1D(shape[1]) : BatchNorm2D(shape[1])
    let output = scratch(input)
    page.expect("\(shape): from scratch and the library agree", page.number(distance(concise(input), output)) < 1e-4)
    let axes = shape.count == 2 ? [0] : [0, 2, 3]
    page.expect("\(shape): means are 0", page.number(output.mean(axes).abs().max()) < 1e-5)
    page.expect("\(shape): variances are 1", page.number((output.pow(2).mean(axes) - 1).abs().max()) < 1e-3)
  }
  let shapes = shapes(of: leNetWithBatchNorm(), [1, 1, 28, 28])
  page.expect("LeNet with it ends in 256 features", shapes.contains([1, 256]), "\(shapes.last ?? [])")
}

/// The shape after each layer.
func shapes(of network: Sequential, _ input: Shape) -> [[Int]] {
  network.evaluate()
  return withoutGradient {
    var value = Tensor.zeros(input)
    return network.layers.map { layer in
      value = layer(value)
      return value.shape.extents
    }
  }
}
