extension Native {
  public func apply(_ activation: Activation, _ input: ConstantFloats, into result: Floats, count: Int) throws {
    activation.function.apply(input, into: result, count: count, by: instructions)
  }
}

extension Activation {
  fileprivate var function: ElementaryFunction {
    switch self {
    case .sigmoid: .sigmoid
    case .tanh: .tanh
    case .exp: .exp
    }
  }
}
