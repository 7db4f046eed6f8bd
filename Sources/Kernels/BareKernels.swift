import Failures

/// How fast the sums of products of a training can be: each shape by itself, again and again in the same memory, by the
/// fastest kernels at hand. These are ours and oneDNN's, of the options' precision, with every method and layout that they have.
///
/// Not counted is what a network of such kernels alone would not do: bringing activations to a layout. Weights are in their
/// form before, as in training; a factor that training packs in each call is packed here, too.
public struct BareKernels {
  private let candidates: [KernelOptions]
  private let threads: Int
  private var known: [KernelCall: Double] = [:]

  /// Whose precision and threads count.
  public init(_ options: KernelOptions) {
    let methods: [ConvolutionMethod] = options.convolution == .direct ? [.direct] : [.automatic, .direct]
    candidates = [BackendName.native, .onednn].flatMap { backend in
      methods.map {
        KernelOptions(backend: backend, precision: options.precision, convolution: $0, threads: options.threads)
      }
    }.filter { (try? $0.validate()) != nil }
    threads = options.run { KernelThreads.parts(ofWork: .max) }
  }

  /// The least seconds that such a call takes.
  public mutating func seconds(of call: KernelCall) throws -> Double {
    if let seconds = known[call] { return seconds }
    let seconds =
      switch call {
      case .product(let product): try self.seconds(of: product)
      case .convolution(let shape, let pass): try self.seconds(of: shape, pass)
      case .attention(let products): try self.seconds(of: products)
      }
    known[call] = seconds
    return seconds
  }

  private func seconds(of product: MatrixProduct) throws -> Double {
    // They have one method.
    let one = candidates.filter { $0.convolution == candidates.first?.convolution }
    return try fastest(of: one.map { ($0, { BareProduct(product, by: $0) }) })
  }

  private func seconds(of shape: ConvolutionShape, _ pass: ConvolutionPass) throws -> Double {
    var ways: [(KernelOptions, (any Backend) -> any BareCall)] = []
    for options in candidates {
      // What has no Winograd anyway is one method.
      if options.convolution != candidates.first?.convolution && (shape.stride != [1, 1] || shape.kernelHeight < 3) {
        continue
      }
      for layout in options.backend == .onednn ? ImageLayout.allCases : [.channelsLast] {
        ways.append((options, { BareConvolution(shape, pass, layout, by: $0) }))
      }
    }
    return try fastest(of: ways)
  }

  /// Heads are shared out among threads, each with its products; what a mask hides is none of their work.
  private func seconds(of attention: AttentionProducts) throws -> Double {
    let (queries, keys, width, values) = (attention.queries, attention.keys, attention.width, attention.valueWidth)
    guard queries > 0, keys > 0, attention.heads > 0 else { return 0 }
    let products =
      attention.isGradient
      ? [
        MatrixProduct(rows: queries, columns: width, inner: keys),
        MatrixProduct(rows: keys, columns: width, inner: queries, isLeftTransposed: true),
        MatrixProduct(rows: keys, columns: values, inner: queries, isLeftTransposed: true),
        MatrixProduct(rows: queries, columns: keys, inner: values, isRightTransposed: true),
      ]
      : [
        MatrixProduct(rows: queries, columns: keys, inner: width, isRightTransposed: true),
        MatrixProduct(rows: queries, columns: values, inner: keys),
      ]
    let ofHead = try KernelThreads.limited(to: 1) { try products.reduce(0) { $0 + (try seconds(of: $1)) } }
    let seen = Double(attention.pairs) / Double(queries * keys)
    return ofHead * seen * Double(attention.heads) / Double(min(threads, attention.heads))
  }

  /// Of what can be computed so; none but oneDNN has each shape in half precision.
  private func fastest(of ways: [(options: KernelOptions, call: (any Backend) -> any BareCall)]) throws -> Double {
    var fault: (any Error)?
    var least: Double?
    for (options, call) in ways {
      do {
        let seconds = try options.run {
          let meter = SelfTimes()
          return try KernelMeters.run(meter) { try call(options.kernels).seconds(meter, unlessAbove: least) }
        }
        least = min(seconds, least ?? seconds)
      } catch {
        fault = error
      }
    }
    if let least { return least }
    throw fault ?? KernelOptionsError("no kernels can be measured")
  }
}
