import Lockstep

/// Cross-correlation as the chapter writes it, from scratch: `[height, width]` with a kernel `[h, w]`.
func crossCorrelation(_ input: Tensor, _ kernel: Tensor) throws -> Tensor {
  let (height, width) = (kernel.shape[0], kernel.shape[1])
  let rows = try (0...input.shape[0] - height).map { row in
    try Tensor.stack(
      (0...input.shape[1] - width).map { column in
        try (input[row..<row + height, column..<column + width] * kernel).sum()
      })
  }
  return try Tensor.stack(rows)
}

func convolutionChapter(_ page: Page) throws {
  let input = try Tensor([0, 1, 2, 3, 4, 5, 6, 7, 8] as [Float], shape: [3, 3])
  let kernel = try Tensor([0, 1, 2, 3] as [Float], shape: [2, 2])
  try page.compare("cross-correlation from scratch", crossCorrelation(input, kernel), notes: [19, 25, 37, 43])
  let concise = try input.reshaped([1, 1, 3, 3]).convolved(kernel.reshaped([1, 1, 2, 2]))
  try page.compare("the library's convolution", concise, notes: [19, 25, 37, 43])
}
