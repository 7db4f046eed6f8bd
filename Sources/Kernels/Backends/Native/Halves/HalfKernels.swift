import CVectors

/// bf16 in memory that a kernel writes to.
public typealias Halves = UnsafeMutablePointer<UInt16>
/// bf16 in memory that a kernel reads.
public typealias ConstantHalves = UnsafePointer<UInt16>

/// Kernels of images that lie in memory as bf16, channels-last: what a network stores between its layers in half precision.
///
/// Chains multiply pairs of bf16 and add in float32, in an order that every processor keeps (`CVectors/Native/numbers.h`), so
/// bits are those of the definition here, too. What has no kernel of bf16 goes through float32 a few images at a time.
public struct HalfKernels: Sendable {
  let native: Native

  init(_ native: Native) { self.native = native }

  /// The standard ones.
  public init() { native = Native(KernelOptions(precision: .bf16)) }

  var kernels: native_half_kernels { native.instructions.halfKernels.pointee }

  /// To the nearest bf16, of two the even one.
  public func narrow(_ source: ConstantFloats, into target: Halves, count: Int) {
    let kernels = kernels
    share(count) { kernels.narrow(source + $0.lowerBound, target + $0.lowerBound, $0.count) }
  }

  /// The same numbers as float32.
  public func widen(_ source: ConstantHalves, into target: Floats, count: Int) {
    let kernels = kernels
    share(count) { kernels.widen(source + $0.lowerBound, target + $0.lowerBound, $0.count) }
  }

  /// `result[i] = left[i] + right[i]`; it may be one of both.
  public func add(_ left: ConstantHalves, _ right: ConstantHalves, into result: Halves, count: Int) {
    let kernels = kernels
    share(count) {
      kernels.add(left + $0.lowerBound, right + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }

  /// `max(0, ·)` of each; NaN stays NaN.
  public func cut(_ input: ConstantHalves, into result: Halves, count: Int) {
    let kernels = kernels
    share(count) { kernels.cut(input + $0.lowerBound, result + $0.lowerBound, $0.count) }
  }

  /// The gradient where a ReLU's output is above zero, else 0.
  public func cutGradient(
    output: ConstantHalves, _ gradient: ConstantHalves, into result: Halves, count: Int
  ) {
    let kernels = kernels
    share(count) {
      kernels.cut_back(output + $0.lowerBound, gradient + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }

  /// Elements that are computed each by itself, on threads.
  private func share(_ count: Int, _ body: (Range<Int>) -> Void) {
    KernelThreads.share(count, inParts: KernelThreads.parts(ofWork: count), multiplesOf: 1024, body)
  }

  /// Calls `body` with float32 that it may read and write, of images as bf16.
  func inFloats(_ images: ConstantHalves, count: Int, _ body: (Floats) -> Void) {
    ScratchMemory.floats(count) {
      widen(images, into: $0, count: count)
      body($0)
    }
  }

  /// Calls `body` with memory for float32, and narrows what it leaves there.
  func narrowing(into images: Halves, count: Int, _ body: (Floats) -> Void) {
    ScratchMemory.floats(count) {
      body($0)
      narrow($0, into: images, count: count)
    }
  }

  /// Ranges of a few images each: of so many elements that their float32 stay in a cache.
  func groups(of images: Int, elements: Int, most: Int = 262_144) -> [Range<Int>] {
    let step = max(most / max(elements, 1), 1)
    return stride(from: 0, to: images, by: step).map { $0..<min($0 + step, images) }
  }
}

extension InstructionSet {
  private nonisolated(unsafe) static let halfTables = available.reduce(
    into: [InstructionSet: UnsafePointer<native_half_kernels>]()
  ) { $0[$1] = native_half_kernels_named($1.rawValue) }

  /// Its kernels of bf16; the plain ones where the processor has none of that name.
  var halfKernels: UnsafePointer<native_half_kernels> { Self.halfTables[self] ?? native_plain_half_kernels() }
}
