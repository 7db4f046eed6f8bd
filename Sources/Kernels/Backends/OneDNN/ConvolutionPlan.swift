import CDNNL
import Synchronization

/// One pass of a convolution, compiled, with the reorders between the caller's layouts and the kernel's.
///
/// Every descriptor of the caller's is spelled with full channels-last strides. oneDNN 2.6 confuses cached primitives whose
/// one-channel descriptors differ only in the strides of extents of 1, and then writes past the weights' gradient.
final class ConvolutionPlan: @unchecked Sendable {
  enum Pass: Sendable {
    case forward, forwardThenReLU, inputGradient, weightsGradient

    var isForward: Bool { self == .forward || self == .forwardThenReLU }

    var kind: lockstep_pass {
      switch self {
      case .forward, .forwardThenReLU: lockstep_forward
      case .inputGradient: lockstep_backward_input
      case .weightsGradient: lockstep_backward_weights
      }
    }
  }

  /// The kernel and the layout of activations that measure fastest for a shape.
  enum Choice: Sendable {
    case direct
    /// Channels in blocks of 16, with reorders around.
    case blocked
    case winograd

    /// What measures fastest; figures are of ResNet-18 at 96×96 and AlexNet on a Zen 5 core.
    init(_ shape: ConvolutionShape, _ pass: Pass, _ options: KernelOptions) {
      // What lies in blocks stays so. And oneDNN 3.7 (AVX-512) goes wrong channels-last where one channel comes in and one
      // column goes out in a wide stride, and crashes where a window sees nothing but padding.
      let isBlocked = shape.inLayout == .blocked || shape.outLayout == .blocked
      let isMiscomputed = shape.inChannels == 1 && shape.outWidth == 1 && shape.stride[1] > 1 || shape.seesOnlyPadding
      self = isBlocked || pass.isForward && isMiscomputed && lockstep_dnnl_major() > 2 ? .blocked : .direct
      guard lockstep_vector_lanes() == 16, shape.groups == 1, shape.outChannels % 16 == 0 else { return }
      let isGradient = pass == .weightsGradient
      // A first layer's weights' gradient takes 17.7 ms channels-last, 6.3 in blocks, 5 of reorders beside.
      if isGradient && shape.inChannels < 4 && shape.kernelHeight > 5 { self = .blocked }
      guard shape.inChannels % 16 == 0, shape.kernelHeight * shape.kernelWidth > 1 else { return }
      let isPlain = shape.stride == [1, 1] && shape.dilation == [1, 1]
      let is3x3 = shape.kernelHeight == 3 && shape.kernelWidth == 3
      let pixels = shape.outHeight * shape.outWidth
      if options.precision == .float32 && options.convolution == .automatic && OneDNN.hasWinograd && isPlain
        && is3x3 && pixels >= (isGradient ? 9 : 25)
      {
        self = .winograd
      } else if pixels <= 9 {
        // Few pixels in many channels: forward takes twice as long channels-last.
        self = .blocked
      }
    }
  }

  struct Key: Hashable, Sendable {
    let shape: ConvolutionShape
    let pass: Pass
    let hasBias: Bool
    var choice: Choice
    let precision: Precision
    /// A compiled kernel has its work shared out among so many already.
    let threads: Int?
  }

  private let primitive: Primitive
  /// Of input, weights, output and bias, in this order.
  private let operands: [Operand]
  private let byteCount: Int

  /// The chosen plan, or the direct one for what oneDNN has no such kernel.
  static func make(_ key: Key) throws -> ConvolutionPlan {
    if key.choice != .direct, let plan = try? ConvolutionPlan(key) { return plan }
    var direct = key
    direct.choice = .direct
    return try ConvolutionPlan(direct)
  }

  private init(_ key: Key) throws {
    let (primitive, layouts) = try Self.describe(key)
    self.primitive = primitive
    var operands: [Operand] = []
    var offset = 0
    for (place, layout) in layouts.enumerated() {
      let operand = try Operand(Place.allCases[place], layout, of: primitive, key.pass, offset: offset)
      offset += operand.byteCount
      operands.append(operand)
    }
    (self.operands, byteCount) = (operands, offset)
  }

  /// Runs the pass on input, weights, output and bias in the caller's layouts; what it computes is overwritten.
  func run(_ buffers: [UnsafeMutableRawPointer?]) throws {
    try ScratchMemory.with(max(byteCount, 64)) { scratch in
      let own = zip(operands, buffers).map { $0.isReordered ? scratch + $0.offset : $1 }
      for (operand, buffer) in zip(operands, buffers) where !operand.isResult {
        try operand.reordering { try $0.run(buffer, scratch + operand.offset) }
      }
      try primitive.run(own)
      for (operand, buffer) in zip(operands, buffers) where operand.isResult {
        try operand.reordering { try $0.run(scratch + operand.offset, buffer) }
      }
    }
  }
}

/// The arguments of a convolution and their names in each pass.
private enum Place: CaseIterable {
  case input, weights, output, bias

  func isResult(_ pass: ConvolutionPlan.Pass) -> Bool {
    switch pass {
    case .forward, .forwardThenReLU: self == .output
    case .inputGradient: self == .input
    case .weightsGradient: self == .weights || self == .bias
    }
  }

  /// oneDNN's name of the argument, and of the question for its layout.
  func argument(_ pass: ConvolutionPlan.Pass) -> (kind: Int32, query: dnnl_query_t, index: Int32) {
    switch (self, pass) {
    case (.input, .inputGradient): (DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0)
    case (.input, _): (DNNL_ARG_SRC, dnnl_query_src_md, 0)
    case (.weights, .weightsGradient): (DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, 0)
    case (.weights, _): (DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0)
    case (.output, .forward), (.output, .forwardThenReLU): (DNNL_ARG_DST, dnnl_query_dst_md, 0)
    case (.output, _): (DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0)
    case (.bias, .forward), (.bias, .forwardThenReLU): (DNNL_ARG_BIAS, dnnl_query_weights_md, 1)
    case (.bias, _): (DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, 1)
    }
  }
}

extension ConvolutionPlan {
  /// One argument with the reorder that it needs, and where its reordered copy lies in the scratch memory.
  fileprivate struct Operand {
    let isResult, isWeights: Bool
    let reorder: Primitive?
    let byteCount: Int
    let offset: Int

    var isReordered: Bool { reorder != nil }

    func reordering(_ body: (Primitive) throws -> Void) rethrows {
      guard let reorder else { return }
      try KernelMeters.within(isWeights ? .packing : .reorder) { try body(reorder) }
    }

    init(_ place: Place, _ caller: MemoryDescriptor, of primitive: Primitive, _ pass: Pass, offset: Int) throws {
      let (kind, query, index) = place.argument(pass)
      try primitive.argument(kind, query, index)
      (isResult, isWeights, self.offset) = (place.isResult(pass), place == .weights, offset)
      if place == .bias || lockstep_layout_is(primitive.descriptor, query, &caller.desc) != 0 {
        (reorder, byteCount) = (nil, 0)
        return
      }
      let engine = try Engine.shared.get()
      let pair = lockstep_reorder(&caller.desc, primitive.descriptor, query, isResult ? 0 : 1, engine.handle)
      let reorder = try Primitive(pair, "reorder of a convolution's \(place)")
      try reorder.argument(DNNL_ARG_FROM, dnnl_query_src_md)
      try reorder.argument(DNNL_ARG_TO, dnnl_query_dst_md)
      self.reorder = reorder
      byteCount = (primitive.byteCount(query) + 63) / 64 * 64
    }
  }

  /// The primitive, and the caller's layouts of input, weights, output and bias.
  private static func describe(_ key: Key) throws -> (Primitive, [MemoryDescriptor]) {
    let (shape, engine) = (key.shape, try Engine.shared.get().handle)
    let caller = try [
      MemoryDescriptor(shape.input, shape.inLayout), MemoryDescriptor(rowMajor: shape.weightExtents),
      MemoryDescriptor(shape.output, shape.outLayout), MemoryDescriptor([shape.outChannels], strides: [1]),
    ]
    func layout(_ place: Place, _ pass: Pass) throws -> MemoryDescriptor {
      // Half precision is for what goes in; what comes out was summed in float32 and stays so.
      let type = key.precision == .bf16 && !place.isResult(pass) ? dnnl_bf16 : dnnl_f32
      if place == .weights { return try MemoryDescriptor(shape.weightExtents, strides: nil, type) }
      let images = place == .input ? shape.input : shape.output
      return try key.choice == .direct
        ? MemoryDescriptor(images, .channelsLast, type)
        : MemoryDescriptor([images.batch, images.channels, images.height, images.width], strides: nil, type)
    }
    func make(_ pass: Pass, hint: dnnl_primitive_desc_t?) throws -> dnnl_primitive_desc_t? {
      let (input, weights, output) = (
        try layout(.input, pass), try layout(.weights, pass), try layout(.output, pass)
      )
      func make(_ bias: UnsafePointer<lockstep_memory_desc>?) -> dnnl_primitive_desc_t? {
        lockstep_convolution(
          pass.kind, key.choice == .winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, &input.desc,
          &weights.desc, bias, &output.desc, shape.stride.map(Int64.init), shape.dilation.map { Int64($0 - 1) },
          shape.padding.map(Int64.init), pass == .forwardThenReLU ? 1 : 0, hint, engine)
      }
      return key.hasBias ? make(&caller[3].desc) : make(nil)
    }
    let hint = key.pass.isForward ? nil : try make(.forward, hint: nil)
    defer { if let hint { dnnl_primitive_desc_destroy(hint) } }
    let primitive = try Primitive(make(key.pass, hint: hint), "convolution \(shape)")
    return (primitive, Array(caller.prefix(key.hasBias ? 4 : 3)))
  }
}

extension ConvolutionShape {
  /// Whether windows at an edge may lie wholly in the padding.
  fileprivate var seesOnlyPadding: Bool {
    padding[0] > (kernelHeight - 1) * dilation[0] || padding[1] > (kernelWidth - 1) * dilation[1]
  }
}
