/// How gradients are written in fewer bytes, at a loss.
///
/// A number that is infinite or NaN must come out as one that is not finite either: no code may hide it.
public protocol GradientCode: Sendable {
  /// Elements that are written together: pieces that go to different ranks begin at multiples of it.
  var block: Int { get }
  /// Bytes that so many elements take.
  func byteCount(of count: Int) -> Int
  /// Writes values, and what each loses: `value - decoded value`.
  func encode(
    _ values: UnsafeBufferPointer<Float>, into code: UnsafeMutableRawPointer, losing loss: UnsafeMutablePointer<Float>)
  /// Reads `values.count` values, and puts them in their place or adds them to what is there.
  func decode(_ code: UnsafeRawPointer, into values: UnsafeMutableBufferPointer<Float>, adding: Bool)
}
