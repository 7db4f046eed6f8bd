import CDNNL
import Failures

/// Whose kernels compute.
public enum BackendName: String, Codable, Sendable, CaseIterable {
  /// Our own, which define their bits: the same on any processor and any number of threads.
  case native
  /// Intel's oneDNN, whose bits are those of its version and of the processor.
  case onednn
  /// The naive loops in double precision, the yardstick of both: slow.
  case reference
  /// Ours, or oneDNN's where those measure faster on this machine: other bits on another one.
  case tuned
}

/// How convolutions are computed where there is a choice. All ranks must agree, as the choices differ in their rounding.
public enum ConvolutionMethod: String, Codable, Sendable, CaseIterable {
  /// Winograd where it is less work, F(4×4, 3×3) and F(2×2, 5×5): a quarter of the multiplications of a 3×3 kernel, some third
  /// of a 5×5 one's, rounding errors of 1e-3 on deep networks. oneDNN 2 has the first for AVX-512, oneDNN 3 neither.
  case automatic
  /// A sum of products, as convolution is defined.
  case direct
}

/// In which numbers convolutions and products of matrices multiply, and networks of images store what goes from layer to layer.
/// Weights, gradients of weights, sums, statistics, softmax and losses are float32 either way.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// As everything else.
  case float32
  /// Eight bits of mantissa, half the memory, twice the products a second on a processor with AVX-512 BF16. The native kernels
  /// give the same bits on one without, and are no faster there.
  case bf16
}

/// How kernels compute: a value that whoever runs a step hands in, never a state of the process. Two trainings with
/// different options can take turns in one process, and each gives what it gives alone.
///
/// Operators find the options of the scope that they are called in; their derivatives are computed with the same ones,
/// wherever `backward()` is called.
public struct KernelOptions: Sendable, Equatable {
  /// Whose kernels compute.
  public var backend: BackendName
  /// In which numbers convolutions and dense layers multiply.
  public var precision: Precision
  /// How convolutions are computed.
  public var convolution: ConvolutionMethod
  /// Threads that a kernel may use; nil for as many as the machine or `OMP_NUM_THREADS` says.
  public var threads: Int?
  /// What a job with `tuned` kernels has decided; without, these are the native ones.
  public var plans: KernelPlans?

  /// By default native kernels. `validate` says whether this machine can compute so.
  public init(
    backend: BackendName? = nil, precision: Precision = .float32, convolution: ConvolutionMethod = .automatic,
    threads: Int? = nil
  ) {
    self.backend = backend ?? .native
    (self.precision, self.convolution, self.threads) = (precision, convolution, threads)
  }

  /// Those of the innermost scope, or the standard ones outside of any.
  @TaskLocal public static var current = KernelOptions()

  /// How many threads kernels may use here.
  public static var threadsInUse: Int { KernelThreads.most }

  /// Runs `body` with these options.
  public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let threads else { return try Self.$current.withValue(self, operation: body) }
    return try KernelThreads.limited(to: threads) { try Self.$current.withValue(self, operation: body) }
  }

  /// What computes so; with the meter of the scope, where there is one.
  public var kernels: any Backend {
    guard let meter = KernelMeters.current else { return plainKernels }
    return MeteredKernels(base: plainKernels, meter: meter)
  }

  private var plainKernels: any Backend {
    switch backend {
    case .onednn: OneDNN(self)
    case .native: Native(self)
    case .reference: Reference()
    case .tuned: Tuned(self)
    }
  }

  /// Throws unless this processor and backend can compute so.
  public func validate() throws {
    _ = try InstructionSet.chosen.get()
    guard precision == .float32 || (backend != .reference && backend != .tuned) else {
      throw KernelOptionsError("kernels is \(backend.rawValue), which has float32 alone, not \(precision.rawValue)")
    }
    guard precision == .float32 || backend != .onednn || OneDNN.hasHalf else {
      throw KernelOptionsError(
        "kernels is onednn, whose bf16 needs a processor with AVX-512 BF16; this one has none. The native kernels need none"
      )
    }
    guard (1...4096).contains(threads ?? 1) else {
      throw KernelOptionsError("threads is \(threads ?? 0), but must be in 1…4096")
    }
  }
}

/// Options that can't be, alone or together.
public struct KernelOptionsError: Failure {
  /// The whole message, one line.
  public let what: String
  init(_ what: String) { self.what = what }
  public var kind: FailureKind { .usage }
  public var description: String { what }
}
