import Tensors

@testable import TestSupport

enum OperatorCalls {
  /// All of them, by the names that the fixtures give them.
  static let all: [String: OperatorCall] = [
    elementwise, reductions, matrices, shapes, layers, normalization, everyday, arranging, windows,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  private static let elementwise: [String: OperatorCall] = [
    "add": { $1[0] + $1[1] },
    "sub": { $1[0] - $1[1] },
    "mul": { $1[0] * $1[1] },
    "div": { $1[0] / $1[1] },
    "maximum": { $1[0].maximum($1[1]) },
    "minimum": { $1[0].minimum($1[1]) },
    "pow": { $1[0].pow($1[1]) },
    "powScalar": { $1[0].pow($0.exponent ?? .nan) },
    "exp": { $1[0].exp() },
    "log": { $1[0].log() },
    "sqrt": { $1[0].sqrt() },
    "abs": { $1[0].abs() },
    "neg": { -$1[0] },
    "sin": { $1[0].sin() },
    "cos": { $1[0].cos() },
    "tanh": { $1[0].tanh() },
    "sigmoid": { $1[0].sigmoid() },
    "relu": { $1[0].relu() },
    "clamp": { $1[0].clamped($0.minimum ?? -.infinity, $0.maximum ?? .infinity) },
    "where": { $1[1].chosen(where: $1[0], else: $1[2]) },
  ]

  private static let reductions: [String: OperatorCall] = [
    "sum": { $1[0].sum($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "mean": { $1[0].mean($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "logsumexp": { $1[0].logSumExp($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "max": { $1[0].max($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "min": { $1[0].min($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "norm": { $1[0].norm($0.axes ?? [], keepingAxes: $0.keepDimensions ?? false) },
    "argmax": { $1[0].argmax($0.axis, keepingAxes: $0.keepDimensions ?? false) },
    "softmax": { $1[0].softmax($0.axis ?? -1) },
    "logSoftmax": { $1[0].logSoftmax($0.axis ?? -1) },
    "cumsum": { $1[0].cumulativeSum($0.axis ?? -1) },
  ]

  private static let matrices: [String: OperatorCall] = [
    "matmul": { $1[0].matmul($1[1]) },
    "matmulTransposed": { arguments, inputs in
      let left = arguments.transposeFirst ?? false ? inputs[0].transposed() : inputs[0]
      let right = arguments.transposeSecond ?? false ? inputs[1].transposed() : inputs[1]
      return left.matmul(right)
    },
    "linear": { $1[0].linear($1[1], $1.count > 2 ? $1[2] : nil) },
  ]

  private static let shapes: [String: OperatorCall] = [
    "transpose": { $1[0].transposed($0.axes?[0] ?? 0, $0.axes?[1] ?? 0) },
    "permute": { $1[0].permuted($0.axes ?? []) },
    "reshape": { $1[0].reshaped(Shape($0.shape ?? [])) },
    "transposeReshape": { $1[0].transposed().reshaped(Shape($0.shape ?? [])) },
    "expand": { $1[0].expanded(to: Shape($0.shape ?? [])) },
    "slice": { arguments, inputs in
      let taken = TensorSelection.range(
        start: arguments.start ?? 0, end: arguments.end, step: arguments.step ?? 1)
      let isFirst = arguments.axis == 0
      return isFirst ? inputs[0][taken] : inputs[0][.all, taken]
    },
    "gather": { $1[0].gathered($1[1], axis: $0.axis ?? 0) },
    "indexSelect": { arguments, inputs in
      try inputs[0].selected(inputs[1].values(as: Int64.self).map(Int.init), axis: arguments.axis ?? 0)
    },
    "cat": { .concatenate($1, axis: $0.axis ?? 0) },
    "stack": { .stack($1, axis: $0.axis ?? 0) },
  ]

  private static let layers: [String: OperatorCall] = [
    "conv2d": {
      $1[0].convolved(
        $1[1], bias: $1.count > 2 ? $1[2] : nil, stride: $0.stride ?? [], padding: $0.padding ?? [],
        dilation: $0.dilation ?? [], groups: $0.groups ?? 1)
    },
    "avgPool2d": {
      $1[0].averagePooled(
        $0.kernel ?? [], stride: $0.stride, padding: $0.padding ?? [], ceilMode: $0.ceilMode ?? false,
        countingPadding: $0.countIncludePadding ?? true)
    },
    "maxPool2d": {
      $1[0].maxPooled(
        $0.kernel ?? [], stride: $0.stride, padding: $0.padding ?? [], ceilMode: $0.ceilMode ?? false)
    },
  ]

  private static let normalization: [String: OperatorCall] = [
    "batchNorm": {
      let output = $1[0].batchNormalized($1[1], $1[2]).output
      return $0.thenReLU ?? false ? output.relu() : output
    },
    "batchNormGiven": {
      let output = $1[0].normalized(
        mean: Tensor($0.mean ?? []), variance: Tensor($0.variance ?? []), $1[1], $1[2])
      return $0.thenReLU ?? false ? output.relu() : output
    },
    "adaptiveAvgPool2d": { $1[0].adaptivelyAveraged($0.shape ?? []) },
    "conv2dReLU": { $1[0].convolved($1[1], bias: $1[2], padding: $0.padding ?? []).relu() },
  ]
}
