import CVectors

/// Even random numbers: Philox 4×32 with 10 rounds (`Tensors/Random/Philox.swift`).
public enum UniformNumbers {
  /// Writes numbers in `0..<1` of 24 random bits: number `4 i + w` is word w of counter i, which stands before three words more.
  /// They begin with number `first`, a multiple of 4.
  public static func fill(
    _ target: Floats, count: Int, from first: Int, seed: UInt64, sample: UInt32, time: UInt32, purpose: UInt32
  ) {
    var key = native_draws(seed: seed, sample: sample, time: time, purpose: purpose, dropped: 0, kept: 1)
    InstructionSet.inUse.kernels.pointee.draw_uniform(&key, first, count, target)
  }
}

/// Bytes of images as numbers.
public enum PixelValues {
  /// `target[i] = bytes[i] / 255`.
  public static func fill(_ target: Floats, of bytes: UnsafePointer<UInt8>, count: Int) {
    InstructionSet.inUse.kernels.pointee.pixel_values(bytes, target, count)
  }

  /// Asks for bytes that come next. Shuffled images are in no cache, and no processor guesses where the next one is.
  public static func fetch(_ bytes: UnsafePointer<UInt8>, count: Int) { vectors_fetch(bytes, count) }
}
