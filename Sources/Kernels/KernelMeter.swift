import Synchronization

/// What kernels spend their time on.
public enum KernelWork: Sendable, CaseIterable {
  /// Sums of products, by which a network's arithmetic is counted.
  case convolution, product, attention
  /// What a recurrent step makes of its products.
  case gates
  /// Weights brought to the form that kernels like.
  case packing
  /// Activations brought to another layout.
  case reorder
  /// The rest of what backends compute.
  case pooling, normalization, activation
}

/// Is told what kernels do while it is the one of the scope, on the thread that called them.
public protocol KernelMeter: AnyObject, Sendable {
  /// Work begins, perhaps inside of other work.
  func begins(_ work: KernelWork)
  /// The work that began last is done.
  func ends()
  /// Somebody asks for a sum of products, or so many of one kind.
  func isAsked(for call: KernelCall, times: Int)
}

/// Who measures kernels. Off, it costs a look at one number.
public enum KernelMeters {
  @TaskLocal private static var ofScope: (any KernelMeter)?
  private static let count = Atomic<Int>(0)

  /// The meter of the innermost scope.
  static var current: (any KernelMeter)? { count.load(ordering: .relaxed) > 0 ? ofScope : nil }

  /// Runs `body` with all kernels that are called in it being measured, and those that derivatives of its operations call.
  public static func run<Result>(_ meter: any KernelMeter, _ body: () throws -> Result) rethrows -> Result {
    count.add(1, ordering: .relaxed)
    defer { count.subtract(1, ordering: .relaxed) }
    return try $ofScope.withValue(meter, operation: body)
  }

  /// Runs `body`, which is such work.
  public static func within<Result>(_ work: KernelWork, _ body: () throws -> Result) rethrows -> Result {
    guard let meter = current else { return try body() }
    meter.begins(work)
    defer { meter.ends() }
    return try body()
  }

  /// The same of what somebody asks for past the backend, as networks in half precision do.
  static func within(_ work: KernelWork, of call: KernelCall, _ body: () throws -> Void) rethrows {
    guard let meter = current else { return try body() }
    meter.isAsked(for: call, times: 1)
    try within(work, body)
  }
}
