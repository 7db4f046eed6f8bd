import CDNNL
import Failures

/// A kernel that oneDNN refused, with what was asked of it.
public struct KernelError: Failure {
  public let operation: String
  public let detail: String
  public var description: String { "\(operation): \(detail)" }
}

/// oneDNN's CPU engine and stream, made at first use and kept for the life of the process.
final class Engine: @unchecked Sendable {
  static let shared = Result { try Engine() }

  let handle: dnnl_engine_t
  let stream: dnnl_stream_t

  private init() throws {
    var engine: dnnl_engine_t?
    var stream: dnnl_stream_t?
    guard dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success, let engine,
      dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)) == dnnl_success, let stream
    else { throw KernelError(operation: "oneDNN", detail: "can't create a CPU engine") }
    self.handle = engine
    self.stream = stream
  }
}

/// The version of oneDNN in use.
public var kernelLibraryVersion: String {
  "oneDNN \(lockstep_dnnl_major()).\(lockstep_dnnl_minor()).\(lockstep_dnnl_patch())"
}

/// A memory layout: extents and strides, or extents alone where the primitive chooses.
final class Layout {
  var desc = lockstep_memory_desc()

  init(_ extents: [Int], strides: [Int]?, _ type: dnnl_data_type_t = dnnl_f32) throws {
    let dims = extents.map(Int64.init)
    let steps = strides?.map(Int64.init)
    guard lockstep_desc_init(&desc, Int32(dims.count), dims, steps, type) == dnnl_success else {
      throw KernelError(
        operation: "memory layout", detail: "extents \(extents) with strides \(String(describing: strides))")
    }
  }

  deinit { lockstep_desc_destroy(&desc) }
}

extension Layout {
  /// Of `[batch, channels, height, width]`.
  static func channelsLast(_ extents: [Int], _ type: dnnl_data_type_t = dnnl_f32) throws -> Layout {
    let (channels, height, width) = (extents[1], extents[2], extents[3])
    return try Layout(extents, strides: [height * width * channels, 1, width * channels, channels], type)
  }

  static func rowMajorStrides(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * max(extents[axis + 1], 1) }
    return strides
  }
}
