import CVectors
import Testing

@testable import Kernels
@testable import TestSupport

/// The kernels of an instruction set, in parts from the last to the first, with guards around all memory.
struct NativeConvolution {
  let definition: ConvolutionDefinition
  let kernels: UnsafePointer<native_kernels>
  let parts: Int
  private let shape: native_convolution

  init(_ definition: ConvolutionDefinition, _ instructions: InstructionSet, parts: Int) {
    (self.definition, kernels, self.parts) = (definition, instructions.kernels, parts)
    shape = definition.shape.native
  }

  private func pack(isGradient: Bool, _ numbers: inout SeededNumbers) -> GuardedBuffer {
    let flag: Int32 = isGradient ? 1 : 0
    return withUnsafePointer(to: shape) { shape in
      let panels = numbers.space(native_packed_convolution_count(kernels, shape, flag))
      kernels.pointee.pack_convolution(shape, flag, definition.weights.pointer, panels.pointer)
      return panels
    }
  }

  func forward(hasBias: Bool, cuts: Bool, _ numbers: inout SeededNumbers) -> GuardedBuffer {
    let (panels, output) = (pack(isGradient: false, &numbers), numbers.space(definition.gradient.count))
    withUnsafePointer(to: shape) { shape in
      for part in (0..<parts).reversed() {
        kernels.pointee.convolve(
          shape, definition.input.pointer, panels.pointer, hasBias ? UnsafePointer(definition.bias.pointer) : nil,
          cuts ? 1 : 0, output.pointer, part, parts)
      }
    }
    #expect(panels.guardsAreIntact, "\(definition.shape)")
    return output
  }

  func inputGradient(_ numbers: inout SeededNumbers) -> GuardedBuffer {
    let (panels, result) = (pack(isGradient: true, &numbers), numbers.space(definition.input.count))
    withUnsafePointer(to: shape) { shape in
      for part in (0..<parts).reversed() {
        kernels.pointee.convolve_back(
          shape, definition.gradient.pointer, panels.pointer, result.pointer, part, parts)
      }
    }
    #expect(panels.guardsAreIntact, "\(definition.shape)")
    return result
  }

  func weightsGradient(_ numbers: inout SeededNumbers) -> GuardedBuffer {
    withUnsafePointer(to: shape) { shape in
      let counts = (0..<parts).map { kernels.pointee.convolve_weights_scratch_count(shape, $0, parts) }
      let (scratch, result) = (numbers.space(counts.max() ?? 0), numbers.space(definition.weights.count))
      for part in (0..<parts).reversed() {
        kernels.pointee.convolve_weights(
          shape, definition.input.pointer, definition.gradient.pointer, result.pointer, scratch.pointer, part, parts)
      }
      #expect(scratch.guardsAreIntact, "\(definition.shape)")
      return result
    }
  }

  /// By Winograd's algorithm; the input's gradient is a pass, too.
  func transformedPass(
    isGradient: Bool, hasBias: Bool, cuts: Bool, _ numbers: inout SeededNumbers
  ) -> GuardedBuffer {
    let (flag, cut): (Int32, Int32) = (isGradient ? 1 : 0, cuts ? 1 : 0)
    let (images, count) =
      isGradient ? (definition.gradient, definition.input.count) : (definition.input, definition.gradient.count)
    return withUnsafePointer(to: shape) { shape in
      let packed = numbers.space(native_winograd_count(kernels, shape, flag))
      let scratch = numbers.space(kernels.pointee.winograd_scratch_count(shape, flag))
      let output = numbers.space(count)
      for part in (0..<parts).reversed() {
        kernels.pointee.winograd_pack(shape, flag, definition.weights.pointer, packed.pointer, part, parts)
      }
      for part in (0..<parts).reversed() {
        kernels.pointee.winograd_convolve(
          shape, flag, images.pointer, packed.pointer, hasBias ? UnsafePointer(definition.bias.pointer) : nil, cut,
          output.pointer, scratch.pointer, part, parts)
      }
      #expect(packed.guardsAreIntact && scratch.guardsAreIntact, "\(definition.shape)")
      return output
    }
  }

  func transformedWeightsGradient(_ numbers: inout SeededNumbers) -> GuardedBuffer {
    withUnsafePointer(to: shape) { shape in
      let scratch = numbers.space(kernels.pointee.winograd_gradient_scratch_count(shape, parts))
      let result = numbers.space(definition.weights.count)
      for part in (0..<parts).reversed() {
        kernels.pointee.winograd_weights_gradient(
          shape, definition.input.pointer, definition.gradient.pointer, result.pointer, scratch.pointer, part, parts)
      }
      #expect(scratch.guardsAreIntact, "\(definition.shape)")
      return result
    }
  }
}
