import Kernels

/// How a tensor's elements lie in its memory. A tensor has shape and strides; blocks of channels, which no strides can say,
/// are a property of its storage.
///
/// In half precision what goes from layer to layer lies as bf16 (`Halves.swift`), which is a property of the storage, too: the
/// tensor is float32, and lies by its strides.
///
/// Operators state what they take: those of images `images()` or blocks; element by element functions blocks where all their
/// operands lie so. To everything else, `pointer()` gives memory by strides: blocks are brought to channels-last first, bf16 to
/// float32, in
/// `Storage.memory` and nowhere else.
public enum Layout: String, Sendable, CaseIterable {
  /// The last axis innermost, without gaps.
  case rowMajor
  /// `[batch, channels, height, width]` with the channels innermost, without gaps.
  case channelsLast
  /// `[batch, channels, height, width]` of float32 in planes of 16 channels, oneDNN's nChw16c.
  case blocked
  /// Any other strides: a view.
  case strided
}

extension Tensor {
  /// How the elements lie; where both fit, as with one channel, row-major rather than channels-last.
  public final var layout: Layout {
    if isBlocked { return .blocked }
    return isContiguous ? .rowMajor : isChannelsLast ? .channelsLast : .strided
  }

  /// This tensor with its elements laid another way, in memory of its own unless they lie so; recorded.
  public final func arranged(_ layout: Layout) -> Tensor { attempt { try laid(in: layout) } }

  private final func laid(in layout: Layout) throws -> Tensor {
    if layout == self.layout { return self }
    let isOfImages = layout == .channelsLast || layout == .blocked
    guard layout != .strided, !isOfImages || rank == 4, layout != .blocked || dtype == .float32 else {
      throw TensorError("arranged", "\(dtype) \(shape) can't lie \(layout.rawValue)")
    }
    let source = detached()
    let result =
      switch layout {
      case .blocked: try source.images(in: .blocked)
      case .channelsLast: source.copied(strides: shape.channelsLastStrides)
      default: source.copy()
      }
    return result.detached().recorded([self], function: "arranged", as: TracedOperation("Identity")) { [$0] }
  }
}

/// For operators of images.
extension Tensor {
  /// What `[batch, channels, height, width]` is to kernels.
  private final var imageExtents: ImageExtents {
    ImageExtents(batch: shape[0], channels: shape[1], height: shape[2], width: shape[3])
  }

  /// Whether the elements are all of a storage's images in blocks.
  final var isBlocked: Bool {
    guard let blocks = storage.blocks, rank == 4, offset == 0, dtype == .float32 else { return false }
    return blocks == imageExtents && strides == shape.channelsLastStrides
  }

  /// Images of undefined content, with zeros where blocks are filled up.
  convenience init(images shape: Shape, _ layout: ImageLayout) throws {
    guard layout == .blocked else {
      try self.init(uninitialized: shape, .float32, strides: shape.channelsLastStrides)
      return
    }
    let padded: Shape = [shape[0], layout.padded(shape[1]), shape[2], shape[3]]
    guard padded.checkedElementCount(of: .float32) != nil else {
      throw TensorError("tensor", "can't make one of shape \(shape) in blocks")
    }
    let extents = ImageExtents(batch: shape[0], channels: shape[1], height: shape[2], width: shape[3])
    let storage = try Storage(blocks: extents)
    self.init(storage: storage, shape: shape, strides: shape.channelsLastStrides, offset: 0, dtype: .float32)
    clearPadding()
  }

  /// Float32 images as kernels take them: in blocks where they lie so, else channels-last; a copy where needed. Not recorded.
  final func images() -> Tensor { isBlocked ? self : channelsLast() }

  /// The same in the given layout. Not recorded.
  final func images(in layout: ImageLayout) throws -> Tensor {
    guard layout == .blocked, !isBlocked else { return layout == .blocked ? self : channelsLast() }
    let plain = channelsLast()
    let result = try Tensor(images: shape, .blocked)
    if let target = result.storage.blockedMemory {
      try KernelMeters.within(.reorder) { try imageExtents.block(plain.pointer(Float.self), into: target) }
    }
    return result
  }

  /// Layout and memory of what `images()` gave, at this moment: the next use of the same storage by strides changes both.
  final func imageMemory() throws -> (layout: ImageLayout, pointer: UnsafeMutablePointer<Float>) {
    if isBlocked, let pointer = storage.blockedMemory { return (.blocked, pointer) }
    return (.channelsLast, try pointer())
  }

  /// How many floats lie in the blocks, those that fill up the last included.
  final var blockedCount: Int { imageExtents.elementCount(.blocked) }

  /// Sets what fills up the last block of channels to zero again, after a function has been over it.
  final func clearPadding() {
    if let memory = storage.blockedMemory { imageExtents.clearPadding(memory) }
  }
}

extension Tensor {
  /// A tensor of elements in row-major order in memory of somebody else's, a mapped file say.
  ///
  /// - Parameters:
  ///   - memory: the first element.
  ///   - type: of the elements.
  ///   - shape: how many there are, and their axes.
  ///   - owner: is kept until the last tensor on that memory is gone, and gives it back in its `deinit`.
  ///   - isReadOnly: an in-place change is an error then.
  /// - Throws: `TensorError` where the memory does not begin at a multiple of the element's size, or the shape is no shape.
  public convenience init<T: Element>(
    adopting memory: UnsafeRawPointer, _ type: T.Type, shape: Shape, owner: AnyObject, isReadOnly: Bool = true
  ) throws {
    guard shape.checkedElementCount(of: T.dtype) != nil else {
      throw TensorError("adopt", "can't make a tensor of shape \(shape) and type \(T.dtype)")
    }
    guard UInt(bitPattern: memory) % UInt(MemoryLayout<T>.alignment) == 0 else {
      throw TensorError("adopt", "memory for \(T.dtype) \(shape) begins between two elements")
    }
    let storage = Storage(adopting: UnsafeMutableRawPointer(mutating: memory), owner: owner, isReadOnly: isReadOnly)
    self.init(storage: storage, shape: shape, strides: shape.rowMajorStrides, offset: 0, dtype: T.dtype)
  }

  /// Throws where the elements are not to be changed where they lie.
  final func requireWritable(_ operation: String) throws {
    if !storage.isWritable {
      throw TensorError(operation, "the memory of this tensor of shape \(shape) is read-only; change a copy()")
    }
  }
}

extension Tensor {
  /// The weights of a kernel, which may keep what it makes of a parameter's.
  final func weights() throws -> Weights { Weights(try pointer(), packed: storage.packed) }
}
