import Tensors
import Testing

@testable import TestSupport

@Suite("Every mistake is an error of one line that names what is at fault")
struct ErrorTests {
  static let shapes: [Mistake] = [
    .init("sum of other shapes", "sum", "[2, 3]", "[4]") { ones(2, 3) + ones(4) },
    .init("difference", "[2, 3]", "[3, 2]") { ones(2, 3) - ones(3, 2) },
    .init("product", "[2, 3]", "[2]") { ones(2, 3) * ones(2) },
    .init("quotient", "[2, 3]", "[2]") { ones(2, 3) / ones(2) },
    .init("comparison", "compare", "[2]", "[3]") { ones(2) < ones(3) },
    .init("where", "where", "[2]", "[3]") { ones(2).chosen(where: ones(2), else: ones(3)) },
    .init("where's condition", "where", "[2]", "[3]") { ones(2).chosen(where: ones(3), else: ones(2)) },
    .init("maximum", "[2]", "[3]") { ones(2).maximum(ones(3)) },
    .init("power", "pow", "[2]", "[3]") { ones(2).pow(ones(3)) },
    .init("matrices", "matmul", "[2, 3]", "[2, 3]") { ones(2, 3).matmul(ones(2, 3)) },
    .init("batches of matrices", "matmul", "[2]", "[3]") { ones(2, 2, 2).matmul(ones(3, 2, 2)) },
    .init("scalar product", "matmul", "scalar") { ones().matmul(ones(2)) },
    .init("dot", "dot", "[2]", "[3]") { ones(2).dot(ones(3)) },
    .init("linear", "linear", "[2, 3]", "[5, 4]") { ones(2, 3).linear(ones(5, 4), nil) },
    .init("linear's bias", "linear", "[4]", "[5, 3]") { ones(2, 3).linear(ones(5, 3), ones(4)) },
    .init("linear of a scalar", "linear", "[]") { ones().linear(ones(5, 3), nil) },
    .init("reshape", "reshape", "[2, 3]", "[4]") { ones(2, 3).reshaped([4]) },
    .init("reshape to negative", "reshape", "[-2, -3]") { ones(2, 3).reshaped([-2, -3]) },
    .init("reshape with two unknowns", "reshape", "[-1, -1]") { ones(2, 3).reshaped([-1, -1]) },
    .init("reshape of nothing", "reshape", "[0, -1]") { ones(0, 3).reshaped([0, -1]) },
    .init("reshape that overflows", "reshape") { ones(2, 3).reshaped([.max, .max, 6]) },
    .init("expand", "expand", "[2, 3]", "[2, 4]") { ones(2, 3).expanded(to: [2, 4]) },
    .init("expand to fewer axes", "expand", "[2, 3]", "[3]") { ones(2, 3).expanded(to: [3]) },
    .init("squeeze", "squeeze", "axis 0", "[2, 3]") { ones(2, 3).squeezed(0) },
    .init("concatenate", "concatenate", "[2, 3]", "[2, 4]") { Tensor.concatenate([ones(2, 3), ones(2, 4)]) },
    .init("concatenate nothing", "concatenate", "nothing") { Tensor.concatenate([]) },
    .init("stack", "stack", "[2]", "[3]") { Tensor.stack([ones(2), ones(3)]) },
    .init("stack nothing", "stack", "nothing") { Tensor.stack([]) },
    .init("assign", "expand", "[3]", "[2]") {
      let target = ones(2)
      target.assign(ones(3))
      return target
    },
    .init("item", "item", "[2]", "2 elements") { try ones(2).item() },
    .init("elements that don't fill", "5 elements", "[2, 3]") {
      Tensor([Float](repeating: 0, count: 5), shape: [2, 3])
    },
    .init("ragged rows", "row 1", "1 elements") { Tensor([[Float(1), 2], [3]]) },
    .init("gather", "gather", "[3, 2]", "[2, 3]") { ones(2, 3).gathered(Tensor.zeros([3, 2], .int64), axis: 1) },
    .init("gradient of another shape", "backward", "[3]", "[2]") {
      try ones(2).requiringGradient().sum(0, keepingAxes: true).expanded(to: [2]).backward(gradient: ones(3))
    },
  ]

  static let axes: [Mistake] = [
    .init("sum", "sum", "axis 2", "[2, 3]") { ones(2, 3).sum(2) },
    .init("mean", "mean", "axis -3", "[2, 3]") { ones(2, 3).mean(-3) },
    .init("smallest number", "sum", "[2, 3]") { ones(2, 3).sum(.min) },
    .init("largest number", "max", "[2, 3]") { ones(2, 3).max(.max) },
    .init("max", "axis 1", "[2]") { ones(2).max(1) },
    .init("max of several", "axis 1", "[2]") { ones(2).max([0, 1]) },
    .init("argmax", "argmax", "axis 1", "[2]") { ones(2).argmax(1) },
    .init("norm", "norm", "axis 1", "[2]") { ones(2).norm([1]) },
    .init("cumulative sum", "cumulativeSum", "axis 0", "[]") { ones().cumulativeSum(0) },
    .init("softmax of a scalar", "softmax", "axis -1", "[]") { ones().softmax() },
    .init("log softmax", "axis 2", "[2, 3]") { ones(2, 3).logSoftmax(2) },
    .init("transpose of a vector", "transpose", "axis -2", "[2]") { ones(2).transposed() },
    .init("permute twice the same", "permute", "[0, 0]", "[2, 3]") { ones(2, 3).permuted([0, 0]) },
    .init("permute too few", "permute", "[0]", "[2, 3]") { ones(2, 3).permuted([0]) },
    .init("unsqueeze", "unsqueeze", "3", "[2]") { ones(2).unsqueezed(3) },
    .init("unsqueeze far away", "unsqueeze", "[2]") { ones(2).unsqueezed(.min) },
    .init("concatenate", "concatenate", "axis 1", "[2]") { Tensor.concatenate([ones(2)], axis: 1) },
    .init("stack", "[2]") { Tensor.stack([ones(2)], axis: 5) },
    .init("select", "select", "axis 1", "[2]") { ones(2).selected([0], axis: 1) },
    .init("gather", "gather", "axis 1", "[2]") { ones(2).gathered(Tensor.zeros([2], .int64), axis: 1) },
    .init("index", "index 2", "axis 0", "[2, 3]") { ones(2, 3)[2] },
    .init("negative index", "index -3", "axis 0", "[2, 3]") { ones(2, 3)[-3] },
    .init("index of an empty axis", "index 0", "[0, 3]") { ones(0, 3)[0] },
    .init("too many indices", "3 indices", "[2, 3]") { ones(2, 3)[0, 0, 0] },
    .init("range", "axis 1", "[2, 3]") { ones(2, 3)[.all, 1..<4] },
    .init("closed range to the end of all numbers", "[2]") { ones(2)[0...Int.max] },
    .init("range from the end of all numbers", "[2]") { ones(2)[Int.max...] },
    .init("range from the start of all numbers", "[2]") { ones(2)[Int.min..<1] },
    .init("step of nothing", "[2]") { ones(2)[.every(0)] },
    .init("step backwards", "[2]") { ones(2)[.every(-1)] },
    .init("selected index", "index 3", "[3]") { ones(3).selected([0, 3]) },
    .init("gathered index", "index -1", "[3]") { ones(3).gathered(Tensor([Int64(-1)]), axis: 0) },
  ]

  static let types: [Mistake] = [
    .init("convolution", "convolution", "float64") {
      ones(1, 1, 3, 3, type: .float64).convolved(ones(1, 1, 3, 3, type: .float64))
    },
    .init("convolution's bias", "convolution") {
      ones(1, 1, 3, 3).convolved(ones(1, 1, 3, 3), bias: ones(1, type: .float64))
    },
    .init("pooling", "pooling", "int64") { ones(1, 1, 3, 3, type: .int64).maxPooled([2, 2]) },
    .init("linear", "linear", "float64", "float32") { ones(2, 3, type: .float64).linear(ones(4, 3), nil) },
    .init("linear of integers", "linear", "int64") {
      ones(2, 3, type: .int64).linear(ones(4, 3, type: .int64), nil)
    },
    .init("labels", "cross-entropy", "float32", "[2]") { ones(2, 3).crossEntropy(ones(2)) },
    .init("logits", "cross-entropy", "[2, 3]") { ones(2, 3, type: .int64).crossEntropy(Tensor([Int64(0), 0])) },
    .init("gather", "gather", "float32") { ones(3).gathered(ones(3), axis: 0) },
    .init("floats in place", "withFloats", "float64") { try ones(3, type: .float64).withFloats { $0.count } },
  ]

  static let layers: [Mistake] = [
    .init("convolution of a matrix", "convolution", "[2, 3]") { ones(2, 3).convolved(ones(1, 1, 3, 3)) },
    .init("convolution's channels", "2 channels", "[1, 3, 3, 3]") { ones(1, 2, 5, 5).convolved(ones(1, 3, 3, 3)) },
    .init("convolution's groups", "groups") { ones(1, 4, 5, 5).convolved(ones(3, 2, 3, 3), groups: 2) },
    .init("no groups", "convolution") { ones(1, 4, 5, 5).convolved(ones(3, 2, 3, 3), groups: 0) },
    .init("absurd groups", "convolution") { ones(1, 4, 5, 5).convolved(ones(3, 2, 3, 3), groups: .max) },
    .init("kernel too large", "larger", "[1, 1, 5, 5]") { ones(1, 1, 5, 5).convolved(ones(1, 1, 6, 6)) },
    .init("kernel of nothing", "convolution", "[1, 1, 0, 3]") { ones(1, 1, 5, 5).convolved(ones(1, 1, 0, 3)) },
    .init("no channels", "convolution", "[1, 0, 5, 5]") { ones(1, 0, 5, 5).convolved(ones(2, 0, 3, 3)) },
    .init("no output channels", "convolution") { ones(1, 1, 5, 5).convolved(ones(0, 1, 3, 3)) },
    .init("stride 0", "stride [0, 1]") { ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), stride: [0, 1]) },
    .init("stride of one number", "stride [1]") { ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), stride: [1]) },
    .init("negative padding", "padding [-1, 0]") {
      ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), padding: [-1, 0])
    },
    .init("absurd padding", "padding") { ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), padding: [.max, 0]) },
    .init("huge padding", "[1, 1,") { ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), padding: [1 << 30, 1 << 30]) },
    .init("absurd dilation", "convolution") { ones(1, 1, 5, 5).convolved(ones(1, 1, 3, 3), dilation: [.max, 1]) },
    .init("bias", "bias", "[3]") { ones(1, 1, 5, 5).convolved(ones(2, 1, 3, 3), bias: ones(3)) },
    .init("pooling of a matrix", "pooling", "[2, 3]") { ones(2, 3).averagePooled([2, 2]) },
    .init("window too large", "pooling", "[6, 6]", "[1, 1, 5, 5]") { ones(1, 1, 5, 5).maxPooled([6, 6]) },
    .init("absurd window", "pooling") { ones(1, 1, 5, 5).maxPooled([.max, .max], padding: [1 << 61, 1 << 61]) },
    .init("padding past half a window", "pooling", "[2, 2]") {
      ones(1, 1, 5, 5).maxPooled([2, 2], padding: [2, 2])
    },
    .init("window of nothing", "pooling", "[0, 2]") { ones(1, 1, 5, 5).averagePooled([0, 2]) },
    .init("window of one number", "pooling", "[2]") { ones(1, 1, 5, 5).averagePooled([2]) },
    .init("pooling no channels", "pooling", "[1, 0, 5, 5]") { ones(1, 0, 5, 5).averagePooled([2, 2]) },
    .init("label past the classes", "label 3", "row 1", "3 classes") {
      ones(2, 3).crossEntropy(Tensor([Int64(0), 3]))
    },
    .init("negative label", "label -1", "row 0") { ones(2, 3).crossEntropy(Tensor([Int64(-1), 0])) },
    .init("too few labels", "[2, 3]", "[1]") { ones(2, 3).crossEntropy(Tensor([Int64(0)])) },
    .init("no classes", "cross-entropy") { ones(2, 0).crossEntropy(Tensor([Int64(0), 0])) },
    .init("dropout", "dropout", "1.5") { ones(2).droppedOut(1.5) },
    .init("dropout of NaN", "dropout", "nan") { ones(2).droppedOut(.nan) },
  ]

  static let sizes: [Mistake] = [
    .init("absurd extents", "9223372036854775807") { Tensor.zeros([.max, 2]) },
    .init("absurd product", "tensor") { Tensor.zeros([1 << 32, 1 << 32]) },
    .init("absurd extents with a zero", "tensor") { Tensor.zeros([0, .max, .max]) },
    .init("absurd extents before a zero", "tensor") { Tensor.zeros([.max, .max, 0]) },
    .init("negative extents", "[-1, 2]") { Tensor.ones([-1, 2]) },
    .init("two negative extents", "[-1, -2]") { Tensor.zeros([-1, -2]) },
    .init("smallest number", "tensor") { Tensor.zeros([.min]) },
    .init("more than memory", "1152921504606846976") { Tensor.zeros([1 << 60], .uint8) },
    .init("absurd expansion", "expand") { ones().expanded(to: [.max, .max]) },
    .init("absurd identity", "tensor") { Tensor.identity(.max) },
    .init("negative identity", "tensor") { Tensor.identity(-1) },
    .init("absurd range", "tensor") { Tensor.arange(.max) },
    .init("range without a step", "arange") { Tensor.arange(0, 1, by: 0) },
    .init("range to infinity", "arange") { Tensor.arange(0, .infinity) },
    .init("range of NaN", "arange") { Tensor.arange(.nan, 1) },
    .init("absurd random numbers", "tensor") { Tensor.normal([.max, .max], key: RandomKey(seed: 0)) },
    .init("absurd permutation", "permutation") { Tensor.permutation(.max, key: RandomKey(seed: 0)) },
    .init("negative permutation", "permutation", "-1") { Tensor.permutation(-1, key: RandomKey(seed: 0)) },
    .init("probability", "bernoulli", "2") { Tensor.bernoulli([2], probability: 2, key: RandomKey(seed: 0)) },
    .init("probabilities of nothing", "multinomial") {
      Tensor.multinomial(draws: 1, probabilities: [], key: RandomKey(seed: 0))
    },
    .init("negative probabilities", "multinomial", "-1") {
      Tensor.multinomial(draws: 1, probabilities: [2, -1], key: RandomKey(seed: 0))
    },
    .init("absurd join", "tensor") {
      Tensor.concatenate([Tensor](repeating: Tensor.zeros([0, 1 << 56]), count: 200), axis: 1)
    },
  ]

  static let everyday: [Mistake] = [
    .init("variance", "variance", "axis 2", "[2, 3]") { ones(2, 3).variance(2) },
    .init("sort", "sort", "axis 1", "[2]") { ones(2).sorted(1).values },
    .init("topk of more than there are", "topk", "3 elements", "[2]") { ones(2).topk(3).values },
    .init("topk of fewer than none", "topk", "-1") { ones(2).topk(-1).indices },
    .init("remainder by 0", "remainder", "by 0") { Tensor([1, 2]) % 0 },
    .init("division by 0", "floor division", "by 0") { Tensor([1, 2]).floorDivided(by: 0) },
    .init("remainder of truth values", "remainder", "bool") { Tensor([true]) % Tensor([true]) },
    .init("and of floats", "and", "float32") { ones(2) & ones(2) },
    .init("not of floats", "xor", "float32") { ~ones(2) },
    .init("or of other shapes", "or", "[2]", "[3]") { ones(2, type: .bool) | ones(3, type: .bool) },
    .init("a mask of another shape", "mask", "[3]", "[2, 3]") { ones(2, 3)[ones(3, type: .bool)] },
    .init("a float for a mask", "subscript", "float32") { ones(2)[ones(2)] },
    .init("a position past the rows", "index 2", "[2, 3]") { ones(2, 3)[Tensor([0, 2])] },
    .init("filling by a float", "maskedFill", "float32") { ones(2).maskedFill(ones(2), 0) },
    .init("scatter past the axis", "scatter", "index 3", "[3]") { ones(3).scattered(Tensor([3]), 1, axis: 0) },
    .init("scatter of another shape", "scatterAdd", "[2]", "[1]") {
      ones(3).scatterAdded(Tensor([0]), ones(2), axis: 0)
    },
    .init("flip twice", "flip", "[0, -1]") { ones(2).flipped([0, -1]) },
    .init("roll", "roll", "axis 1") { ones(2).rolled(1, axis: 1) },
    .init("tile a negative number of times", "tile", "-1") { ones(2).tiled([-1]) },
    .init("tile past memory", "expand") { ones(2).tiled([.max, .max]) },
    .init("repeat past memory", "expand") { ones(2).repeatInterleave(.max) },
    .init("repeat a negative number of times", "repeatInterleave", "-1") { ones(2).repeatInterleave(-1) },
    .init("repeat by too few counts", "repeatInterleave", "[2]") { ones(2).repeatInterleave([1], axis: 0) },
    .init("repeat by absurd counts", "repeatInterleave") { ones(2).repeatInterleave([.max, .max], axis: 0) },
    .init("triangle of a vector", "tril", "[2]") { ones(2).tril() },
    .init("pad by an odd number", "pad", "[1]") { ones(2).padded([1]) },
    .init("pad more axes than there are", "pad", "[1, 1, 1, 1]") { ones(2).padded([1, 1, 1, 1]) },
    .init("pad past memory", "pad") { ones(2).padded([.max, .max]) },
    .init("cut more than there is", "pad", "[-2, -1]") { ones(2).padded([-2, -1]) },
    .init("reflect more than there is", "pad", "reflect", "2") { ones(2).padded([2, 0], .reflect) },
    .init("replicate nothing", "pad", "replicate") { ones(0).padded([1, 0], .replicate) },
    .init("split by 0", "split", "parts of 0") { ones(2).split(0)[0] },
    .init("split by sizes that miss some", "split", "[1, 2]") { ones(2).split([1, 2])[1] },
    .init("split past all numbers", "split") { ones(2).split([.max, .max])[0] },
    .init("chunks", "chunk", "-1 parts") { ones(2).chunk(-1)[0] },
    .init("outer", "outer", "[2, 2]") { ones(2, 2).outer(ones(2)) },
    .init("einsum of other extents", "einsum", "ij,jk", "3", "4") { Tensor.einsum("ij,jk", ones(2, 3), ones(4, 2)) },
    .init("einsum of too few", "einsum", "2 operands") { Tensor.einsum("ij,jk", ones(2, 3)) },
    .init("einsum of too many axes", "einsum", "ijk names 3") { Tensor.einsum("ijk", ones(2, 3)) },
    .init("einsum of digits", "einsum", "no letter") { Tensor.einsum("i1", ones(2, 3)) },
    .init("einsum to another axis", "einsum", "result") { Tensor.einsum("ij->k", ones(2, 3)) },
    .init("einsum of a broken arrow", "einsum", ">") { Tensor.einsum("ij>i", ones(2, 3)) },
    .init("einsum of two dots", "einsum", "..") { Tensor.einsum("..i", ones(2, 3)) },
    .init("diagonal of a rectangle", "einsum", "[2, 3]") { Tensor.einsum("ii", ones(2, 3)) },
    .init("probabilities", "binary cross-entropy", "[2]", "[3]") { ones(2).binaryCrossEntropy(ones(3)) },
    .init("transposed kernel of other channels", "transposed convolution", "[1, 2, 3, 3]", "[3, 1, 2, 2]") {
      ones(1, 2, 3, 3).transposeConvolved(ones(3, 1, 2, 2))
    },
    .init("transposed groups", "transposed convolution") {
      ones(1, 2, 3, 3).transposeConvolved(ones(2, 1, 2, 2), groups: .min)
    },
    .init("output padding past the stride", "output padding [1, 0]") {
      ones(1, 1, 3, 3).transposeConvolved(ones(1, 1, 2, 2), outputPadding: [1, 0])
    },
    .init("transposed to nothing", "transposed convolution", "-") {
      ones(1, 1, 1, 1).transposeConvolved(ones(1, 1, 2, 2), padding: [2, 2])
    },
    .init("transposed past memory", "transposed convolution") {
      ones(1, 1, 3, 3).transposeConvolved(ones(1, 1, 2, 2), stride: [1 << 30, 1 << 30])
    },
    .init("a sequence's kernel", "convolution", "3 axes") { ones(1, 1, 3).convolved1D(ones(1, 1, 1, 3)) },
    .init("a sequence of images", "pooling", "[1, 1, 3, 3]") { ones(1, 1, 3, 3).maxPooled1D(2) },
    .init("window rounded up and too large", "pooling", "larger") {
      ones(1, 1, 2, 2).maxPooled([6, 6], stride: [2, 2], ceilMode: true)
    },
    .init("adaptive maxima of nothing", "adaptive pooling", "[0, 1]") { ones(1, 1, 3, 3).adaptiveMaxPooled([0, 1]) },
  ]

  static let empties: [Mistake] = [
    .init("max of nothing", "max", "[0]") { Tensor.zeros([0]).max() },
    .init("max of an empty axis", "max", "axis 1", "[3, 0]") { Tensor.zeros([3, 0]).max(1) },
    .init("max over several", "max") { Tensor.zeros([3, 0]).max([0, 1]) },
    .init("min of nothing", "min", "[0]") { Tensor.zeros([0]).min() },
    .init("argmax of nothing", "max", "[0]") { Tensor.zeros([0]).argmax() },
    .init("argmin of an empty axis", "min", "axis 0", "[0, 3]") { Tensor.zeros([0, 3]).argmin(0) },
    .init("softmax of nothing", "max", "[2, 0]") { Tensor.zeros([2, 0]).softmax() },
    .init("log sum exp of nothing", "max", "[2, 0]") { Tensor.zeros([2, 0]).logSumExp() },
  ]

  @Test("Shapes", arguments: ErrorTests.shapes) func shapesMistakes(_ mistake: Mistake) { mistake.check() }
  @Test("Axes and indices", arguments: ErrorTests.axes) func axesMistakes(_ mistake: Mistake) { mistake.check() }
  @Test("Types", arguments: ErrorTests.types) func typesMistakes(_ mistake: Mistake) { mistake.check() }
  @Test("Layers and losses", arguments: ErrorTests.layers) func layersMistakes(_ mistake: Mistake) { mistake.check() }
  @Test("Sizes", arguments: ErrorTests.sizes) func sizesMistakes(_ mistake: Mistake) { mistake.check() }
  @Test("Everyday operators", arguments: ErrorTests.everyday) func everydayMistakes(_ mistake: Mistake) {
    mistake.check()
  }
  @Test("Extrema of nothing", arguments: ErrorTests.empties) func emptiesMistakes(_ mistake: Mistake) {
    mistake.check()
  }
}

@Suite("Empty batches go through everything")
struct EmptyTests {
  @Test("Sums and means of nothing")
  func reductions() throws {
    let nothing = Tensor.zeros([0, 3])
    #expect(try nothing.sum().item() == 0 && nothing.mean().item().isNaN && nothing.norm().item() == 0)
    #expect(try nothing.sum(0).floats() == [0, 0, 0] && nothing.sum(1).shape == [0])
    #expect(
      nothing.max(1).shape == [0] && nothing.argmax(1).shape == [0] && nothing.cumulativeSum(1).shape == [0, 3])
    #expect(
      Tensor.arange(3)[1..<1].shape == [0] && Tensor.arange(0).shape == [0] && Tensor.identity(0).shape == [0, 0])
  }
}
