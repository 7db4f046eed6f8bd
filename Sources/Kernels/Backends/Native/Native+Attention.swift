import CVectors

/// Attention in blocks: memory for the weights of 24 queries to 96 keys, whatever their number.
extension Native {
  public func attend(_ shape: Attention, _ inputs: Attention.Inputs, into outputs: Attention.Outputs) {
    let kernels = kernels
    withShape(shape, inputs, outputs) { native in
      inParts(of: shape, most: shape.batch * shape.heads * shape.queries) { part, parts in
        ScratchMemory.floats(kernels.attend_scratch_count(native)) { kernels.attend(native, $0, part, parts) }
      }
    }
  }

  public func attentionGradient(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs, outputGradient: Attention.Heads,
    into derivatives: Attention.Derivatives
  ) {
    let kernels = kernels
    ScratchMemory.floats(shape.statisticsCount / 2) { products in
      withShape(shape, inputs, outputs) { shared in
        var native = shared.pointee
        native.products = products
        native.output_gradient = outputGradient.native
        native.queries_gradient = derivatives.queries.native
        native.keys_gradient = derivatives.keys.native
        native.values_gradient = derivatives.values.native
        withUnsafePointer(to: native) { native in
          inParts(of: shape, most: shape.batch * shape.heads) { part, parts in
            ScratchMemory.floats(kernels.attend_back_scratch_count(native)) {
              kernels.attend_back(native, $0, part, parts)
            }
          }
        }
      }
    }
  }

  private func inParts(of shape: Attention, most: Int, _ body: (_ part: Int, _ parts: Int) -> Void) {
    let wanted = KernelThreads.parts(
      ofWork: shape.batch, shape.heads, shape.queries, shape.keys, shape.width + shape.valueWidth + 20)
    let parts = min(wanted, max(most, 1))
    KernelThreads.run(parts) { body($0, parts) }
  }

  private func withShape(
    _ shape: Attention, _ inputs: Attention.Inputs, _ outputs: Attention.Outputs,
    _ body: (UnsafePointer<native_attention>) -> Void
  ) {
    var native = native_attention(
      batch: shape.batch, head_count: shape.heads, query_count: shape.queries, key_count: shape.keys,
      extent: shape.width, value_extent: shape.valueWidth, scale: shape.scale, queries: inputs.queries.native,
      keys: inputs.keys.native, values: inputs.values.native, output: outputs.output.native, limits: inputs.limits,
      mask: inputs.mask?.native ?? native_heads(), draws: nil, largest: outputs.statistics,
      sums: outputs.statistics + shape.statisticsCount / 2, products: nil, output_gradient: native_heads(),
      queries_gradient: native_heads(), keys_gradient: native_heads(), values_gradient: native_heads())
    inputs.draws.map(\.native).withUnsafeBufferPointer { draws in
      native.draws = draws.isEmpty ? nil : draws.baseAddress
      withUnsafePointer(to: native, body)
    }
  }
}

extension Attention.Heads {
  fileprivate var native: native_heads {
    native_heads(data: data, sequence_step: sequenceStep, head_step: headStep, row_step: rowStep)
  }
}

extension Attention.Draws {
  fileprivate var native: native_draws {
    native_draws(
      seed: seed, sample: sample, time: time, purpose: purpose, dropped: threshold, kept: Float(scale))
  }

  /// Random numbers of 24 bits below it leave a weight out.
  var threshold: UInt32 { UInt32((Float(probability) * 0x1p24).rounded(.up)) }
  var scale: Double { probability < 1 ? 1 / (1 - probability) : 0 }
}
