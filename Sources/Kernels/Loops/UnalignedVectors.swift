/// Vectors that begin at any element in memory.
extension SIMD {
  /// Reads from memory that may begin anywhere.
  @inlinable @inline(__always)
  public init(at place: UnsafePointer<Scalar>) { self = UnsafeRawPointer(place).loadUnaligned(as: Self.self) }

  /// Writes to memory that may begin anywhere.
  @inlinable @inline(__always)
  public func store(at place: UnsafeMutablePointer<Scalar>) {
    UnsafeMutableRawPointer(place).storeBytes(of: self, as: Self.self)
  }
}
