import Networks
import Testing

@testable import TestSupport

@Suite("Printing modules")
struct ModulePrintingTests {
  private final class Perceptron: Module {
    let hidden = Linear(784, 256), output = Linear(256, 10)
  }

  @Test("Layers are shown with shapes, settings and parameters")
  func layers() {
    #expect(
      "\(Perceptron())" == """
        Perceptron(
          (hidden): Linear(weight: [256, 784], bias: [256]), 200960 parameters
          (output): Linear(weight: [10, 256], bias: [10]), 2570 parameters
        ), 203530 parameters
        """)
    #expect(
      "\(Sequential(Sequential(Dropout(0.5), BatchNorm1D(1)), Linear(1, 1, bias: false)))" == """
        Sequential(
          (0): Sequential(
            (0): Dropout(probability: 0.5)
            (1): BatchNorm1D(weight: [1], bias: [1], running_mean: [1], running_var: [1], num_batches_tracked: [], \
        epsilon: 1e-05, momentum: 0.1), 2 parameters
          ), 2 parameters
          (1): Linear(weight: [1, 1]), 1 parameter
        ), 3 parameters
        """)
    #expect(
      "\(MaxPool2D(3, stride: 2))"
        == "MaxPool2D(kernel: [3, 3], stride: [2, 2], padding: [0, 0], ceilMode: false)")
  }
}
