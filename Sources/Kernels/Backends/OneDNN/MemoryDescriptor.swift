import CDNNL

/// How oneDNN is told of memory: extents and strides, blocks of channels, or extents alone where the primitive chooses.
final class MemoryDescriptor {
  var desc = lockstep_memory_desc()

  init(_ extents: [Int], strides: [Int]?, _ type: dnnl_data_type_t = dnnl_f32) throws {
    let dims = extents.map(Int64.init)
    let steps = strides?.map(Int64.init)
    guard lockstep_desc_init(&desc, Int32(dims.count), dims, steps, type) == dnnl_success else {
      throw KernelError(
        operation: "memory layout", detail: "extents \(extents) with strides \(String(describing: strides))")
    }
  }

  private init(blocked extents: [Int], _ type: dnnl_data_type_t) throws {
    guard lockstep_desc_init_blocked(&desc, extents.map(Int64.init), type) == dnnl_success else {
      throw KernelError(operation: "memory layout", detail: "extents \(extents) in blocks of channels")
    }
  }

  convenience init(_ images: ImageExtents, _ layout: ImageLayout, _ type: dnnl_data_type_t = dnnl_f32) throws {
    let (channels, height, width) = (images.channels, images.height, images.width)
    let extents = [images.batch, channels, height, width]
    switch layout {
    case .channelsLast:
      try self.init(extents, strides: [height * width * channels, 1, width * channels, channels], type)
    case .blocked: try self.init(blocked: extents, type)
    }
  }

  convenience init(rowMajor extents: [Int]) throws {
    var strides = [Int](repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * max(extents[axis + 1], 1) }
    try self.init(extents, strides: strides)
  }

  deinit { lockstep_desc_destroy(&desc) }
}
