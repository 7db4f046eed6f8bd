import Tensors

@testable import TestSupport

extension OperatorCalls {
  static let everyday: [String: OperatorCall] = [
    "variance": {
      $1[0].variance($0.axes, correction: $0.exponent ?? 1, keepingAxes: $0.keepDimensions ?? false)
    },
    "standardDeviation": {
      $1[0].standardDeviation($0.axes, correction: $0.exponent ?? 1, keepingAxes: $0.keepDimensions ?? false)
    },
    "normOfOrder": { $1[0].norm(order: $0.exponent ?? 2, $0.axes) },
    "sort": { $1[0].sorted($0.axis ?? -1, descending: $0.reverse ?? false).values },
    "argsort": { $1[0].argsort($0.axis ?? -1, descending: $0.reverse ?? false) },
    "topk": { $1[0].topk($0.count ?? 0, axis: $0.axis ?? -1, largest: !($0.reverse ?? false)).values },
    "cumprod": { $1[0].cumulativeProduct($0.axis ?? -1) },
    "erf": { $1[0].erf() },
    "softplus": { $1[0].softplus() },
    "remainder": { $1[0] % $1[1] },
    "floorDivide": { $1[0].floorDivided(by: $1[1]) },
    "floor": { $1[0].floor() },
    "ceil": { $1[0].ceil() },
    "round": { $1[0].round() },
    "trunc": { $1[0].trunc() },
    "outer": { $1[0].outer($1[1]) },
    "diagonal": { $1[0].diagonal($0.axes?[0] ?? 0, $0.axes?[1] ?? 1) },
    "any": { ($0.axes ?? []).isEmpty ? $1[0].any() : $1[0].any($0.axes) },
    "all": { ($0.axes ?? []).isEmpty ? $1[0].all() : $1[0].all($0.axes) },
    "and": { $1[0] & $1[1] },
    "or": { $1[0] | $1[1] },
    "xor": { $1[0] ^ $1[1] },
    "not": { ~$1[0] },
  ]

  static let arranging: [String: OperatorCall] = [
    "masked": { $1[0][$1[1]] },
    "maskedFill": { $1[0].maskedFill($1[1], $0.minimum ?? .nan) },
    "nonzero": { $1[0].nonzero() },
    "scatter": { $1[0].scattered($1[1], $1[2], axis: $0.axis ?? 0) },
    "scatterAdd": { $1[0].scatterAdded($1[1], $1[2], axis: $0.axis ?? 0) },
    "flip": { $1[0].flipped($0.axes ?? []) },
    "roll": { $1[0].rolled($0.count ?? 0, axis: $0.axis) },
    "tile": { $1[0].tiled($0.shape ?? []) },
    "repeatInterleave": { $1[0].repeatInterleave($0.count ?? 0, axis: $0.axis) },
    "repeatInterleaveCounts": { $1[0].repeatInterleave($0.shape ?? [], axis: $0.axis ?? 0) },
    "tril": { $1[0].tril($0.count ?? 0) },
    "triu": { $1[0].triu($0.count ?? 0) },
    "pad": { arguments, inputs in
      let mode: PaddingMode =
        switch arguments.mode {
        case "reflect": .reflect
        case "replicate": .replicate
        case "circular": .circular
        default: .constant(arguments.minimum ?? 0)
        }
      return inputs[0].padded(arguments.shape ?? [], mode)
    },
    "chunk": { $1[0].chunk($0.count ?? 0, axis: $0.axis ?? 0)[$0.start ?? 0] * 2 },
    "split": { $1[0].split($0.count ?? 0, axis: $0.axis ?? 0)[$0.start ?? 0] * 2 },
    "einsum": { arguments, inputs in
      let equation = arguments.equation ?? ""
      switch inputs.count {
      case 1: return .einsum(equation, inputs[0])
      case 2: return .einsum(equation, inputs[0], inputs[1])
      default: return .einsum(equation, inputs[0], inputs[1], inputs[2])
      }
    },
  ]

  static let windows: [String: OperatorCall] = [
    "adaptiveMaxPool2d": { $1[0].adaptiveMaxPooled($0.shape ?? []) },
    "adaptiveMaxPool1d": { $1[0].adaptiveMaxPooled1D($0.count ?? 0) },
    "adaptiveAvgPool1d": { $1[0].adaptivelyAveraged1D($0.count ?? 0) },
    "maxPool1d": {
      $1[0].maxPooled1D(
        $0.kernel?[0] ?? 0, stride: $0.stride?[0], padding: $0.padding?[0] ?? 0, ceilMode: $0.ceilMode ?? false)
    },
    "avgPool1d": {
      $1[0].averagePooled1D(
        $0.kernel?[0] ?? 0, stride: $0.stride?[0], padding: $0.padding?[0] ?? 0, ceilMode: $0.ceilMode ?? false)
    },
    "conv1d": {
      $1[0].convolved1D(
        $1[1], bias: $1.count > 2 ? $1[2] : nil, stride: $0.stride?[0] ?? 0, padding: $0.padding?[0] ?? 0,
        dilation: $0.dilation?[0] ?? 0, groups: $0.groups ?? 1)
    },
    "convTranspose2d": {
      $1[0].transposeConvolved(
        $1[1], bias: $1.count > 2 ? $1[2] : nil, stride: $0.stride ?? [], padding: $0.padding ?? [],
        outputPadding: $0.shape ?? [], groups: $0.groups ?? 1, dilation: $0.dilation ?? [])
    },
  ]
}
