/// `target = sourceᵀ`, of so many rows and columns of the source.
func turn(
  _ rows: Int, _ columns: Int, _ source: ConstantFloats, stride: Int, into target: Floats, stride targetStride: Int
) {
  for row in 0..<rows {
    for column in 0..<columns { target[column * targetStride + row] = source[row * stride + column] }
  }
}
