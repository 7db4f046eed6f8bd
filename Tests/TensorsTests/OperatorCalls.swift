import Tensors

@testable import TestSupport

enum OperatorCalls {
  /// All of them, by the names that the fixtures give them.
  static let all: [String: OperatorCall] = [
    elementwise, reductions, matrices, shapes, layers, normalization,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  private static let elementwise: [String: OperatorCall] = [
    "add": { try $1[0] + $1[1] },
    "sub": { try $1[0] - $1[1] },
    "mul": { try $1[0] * $1[1] },
    "div": { try $1[0] / $1[1] },
    "maximum": { try $1[0].maximum($1[1]) },
    "minimum": { try $1[0].minimum($1[1]) },
    "pow": { try $1[0].pow($1[1]) },
    "powScalar": { try $1[0].pow($0.exponent ?? .nan) },
    "exp": { try $1[0].exp() },
    "log": { try $1[0].log() },
    "sqrt": { try $1[0].sqrt() },
    "abs": { try $1[0].abs() },
    "neg": { try -$1[0] },
    "sin": { try $1[0].sin() },
    "cos": { try $1[0].cos() },
    "tanh": { try $1[0].tanh() },
    "sigmoid": { try $1[0].sigmoid() },
    "relu": { try $1[0].relu() },
    "clamp": { try $1[0].clamped($0.minimum ?? -.infinity, $0.maximum ?? .infinity) },
    "where": { try $1[1].chosen(where: $1[0], else: $1[2]) },
  ]

  private static let reductions: [String: OperatorCall] = [
    "sum": { try $1[0].sum($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "mean": { try $1[0].mean($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "logsumexp": { try $1[0].logSumExp($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "max": { try $1[0].max($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "min": { try $1[0].min($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "norm": { try $1[0].norm($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "argmax": { try $1[0].argmax($0.axis, keepingAxes: $0.keepDimensions ?? false) },
    "softmax": { try $1[0].softmax($0.axis ?? -1) },
    "logSoftmax": { try $1[0].logSoftmax($0.axis ?? -1) },
    "cumsum": { try $1[0].cumulativeSum($0.axis ?? -1) },
  ]

  private static let matrices: [String: OperatorCall] = [
    "matmul": { try $1[0].matmul($1[1]) },
    "matmulTransposed": { arguments, inputs in
      let left = arguments.transposeFirst ?? false ? try inputs[0].transposed() : inputs[0]
      let right = arguments.transposeSecond ?? false ? try inputs[1].transposed() : inputs[1]
      return try left.matmul(right)
    },
    "linear": { try $1[0].linear($1[1], $1.count > 2 ? $1[2] : nil) },
  ]

  private static let shapes: [String: OperatorCall] = [
    "transpose": { try $1[0].transposed($0.axes?[0] ?? 0, $0.axes?[1] ?? 0) },
    "permute": { try $1[0].permuted($0.axes ?? []) },
    "reshape": { try $1[0].reshaped(Shape($0.shape ?? [])) },
    "transposeReshape": { try $1[0].transposed().reshaped(Shape($0.shape ?? [])) },
    "expand": { try $1[0].expanded(to: Shape($0.shape ?? [])) },
    "slice": { arguments, inputs in
      let taken = TensorSelection.range(
        start: arguments.start ?? 0, end: arguments.end, step: arguments.step ?? 1)
      let isFirst = arguments.axis == 0
      return isFirst ? try inputs[0][taken] : try inputs[0][.all, taken]
    },
    "gather": { try $1[0].gathered($1[1], axis: $0.axis ?? 0) },
    "indexSelect": { arguments, inputs in
      try inputs[0].selected(inputs[1].values(as: Int64.self).map(Int.init), axis: arguments.axis ?? 0)
    },
    "cat": { try .concatenate($1, axis: $0.axis ?? 0) },
    "stack": { try .stack($1, axis: $0.axis ?? 0) },
  ]

  private static let layers: [String: OperatorCall] = [
    "conv2d": {
      try $1[0].convolved(
        $1[1], bias: $1.count > 2 ? $1[2] : nil, stride: $0.stride ?? [], padding: $0.padding ?? [],
        dilation: $0.dilation ?? [], groups: $0.groups ?? 1)
    },
    "avgPool2d": {
      try $1[0].averagePooled(
        $0.kernel ?? [], stride: $0.stride, padding: $0.padding ?? [], countingPadding: $0.countIncludePadding ?? true)
    },
    "maxPool2d": { try $1[0].maxPooled($0.kernel ?? [], stride: $0.stride, padding: $0.padding ?? []) },
  ]

  private static let normalization: [String: OperatorCall] = [
    "batchNorm": { try $1[0].batchNormalized($1[1], $1[2], thenReLU: $0.thenReLU ?? false).output },
    "batchNormGiven": {
      try $1[0].normalized(
        mean: Tensor($0.mean ?? []), variance: Tensor($0.variance ?? []), $1[1], $1[2], thenReLU: $0.thenReLU ?? false)
    },
    "adaptiveAvgPool2d": { try $1[0].adaptivelyAveraged($0.shape ?? []) },
    "conv2dReLU": { try $1[0].convolved($1[1], bias: $1[2], padding: $0.padding ?? [], thenReLU: true) },
  ]
}
