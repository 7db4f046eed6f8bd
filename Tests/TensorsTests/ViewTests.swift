import Tensors
import Testing

@testable import TestSupport

@Suite("Views, types and printing")
struct ViewTests {
  @Test("The book's reductions over axes")
  func reductions() throws {
    let a = Tensor.arange(6).reshaped([2, 3])
    #expect(try a.sum().item() == 15)
    #expect(try a.sum(0).values(as: Int64.self) == [3, 5, 7])
    #expect(try a.sum(1).values(as: Int64.self) == [3, 12])
    let b = Tensor.arange(20).reshaped([1, 4, 5])
    #expect(try b.sum(0).shape == [4, 5] && b.sum(0).values(as: Int64.self) == (0..<20).map { Int64($0) })
    #expect(try b.sum(1).values(as: Int64.self) == [30, 34, 38, 42, 46])
    #expect(try b.sum(2).values(as: Int64.self) == [10, 35, 60, 85])
    #expect(b.sum(1, keepingAxes: true).shape == [1, 1, 5])
    #expect(try a.mean().item() == 2.5 && a.mean().dtype == .float32)
  }

  @Test("The book's A / A.sum(axis: 1) is an error that names both shapes")
  func bookError() throws {
    let a = Tensor.arange(20).reshaped([5, 4])
    let error = #expect(throws: TensorError.self) { try (a / a.sum(1)).floats() }
    #expect(error?.description == "divide: shapes [5, 4] and [5] don't broadcast: 4 against 5")
    let quotient = try (a / Tensor([Int64(1), 2, 3, 4])).floats()
    #expect(quotient[18] == 6 && quotient[19] == 4.75)
  }

  @Test("Slices are views: writing to one writes to the whole")
  func writingThroughViews() throws {
    let x = Tensor.zeros([3, 4])
    x[1].fill(7)
    x[.all, 2...].assign(Tensor([Float(1), 2]))
    #expect(try x.floats() == [0, 0, 1, 2, 7, 7, 1, 2, 0, 0, 1, 2])
    x[0..<1, .every(3)].fill(9)
    #expect(try x[0].floats() == [9, 0, 1, 9])
  }

  @Test("Negative indices count from the end")
  func negativeIndices() throws {
    let x = Tensor.arange(6)
    #expect(try x[-1].item() == 5)
    #expect(try x[(-3)..<(-1)].values(as: Int64.self) == [3, 4])
    #expect(try x[(-3)...(-1)].values(as: Int64.self) == [3, 4, 5])
    #expect(try x[..<(-4)].values(as: Int64.self) == [0, 1])
    #expect(try x[(-2)...].values(as: Int64.self) == [4, 5])
  }

  @Test("Assignment of a tensor to an overlapping view of itself reads before it writes")
  func overlapping() throws {
    let x = Tensor.arange(9).reshaped([3, 3])
    x.assign(x.transposed())
    #expect(try x.values(as: Int64.self) == [0, 3, 6, 1, 4, 7, 2, 5, 8])
    let y = Tensor.arange(5)
    y[1...].assign(y[..<4])
    #expect(try y.values(as: Int64.self) == [0, 0, 1, 2, 3])
  }

  @Test("Mixed types give the wider one; integers wrap and never trap")
  func types() throws {
    let bytes = Tensor([UInt8(200), 100])
    #expect(try (bytes + bytes).values(as: UInt8.self) == [144, 200])
    #expect(try bytes.sum().item() == 300 && bytes.sum().dtype == .int64)
    #expect(try (bytes - 201).values(as: Int64.self) == [255, 155])
    #expect(try (-bytes).values(as: Int64.self) == [-200, -100])
    #expect(try (bytes + 1000).values(as: Int64.self) == [1200, 1100])
    #expect((bytes * 0.5).dtype == .float32)
    #expect(try (bytes < 300).values(as: Bool.self) == [true, true])
    let largest = Tensor([Int64.max, .min])
    #expect(try (largest + 1).values(as: Int64.self) == [.min, .min + 1])
    #expect(try (largest * largest).values(as: Int64.self) == [1, 0])
    #expect(try (-largest).values(as: Int64.self) == [-.max, .min])
    #expect(try largest.sum().values(as: Int64.self) == [-1])
    #expect(try largest.cumulativeSum(0).values(as: Int64.self) == [.max, -1])
    #expect((largest * Double.infinity).dtype == .float32)
    #expect(try Tensor([Float.nan, 1e30, -1e30]).to(.int32).values(as: Int32.self) == [0, .max, .min])
    #expect(try Tensor([Float(300), -5]).to(.uint8).values(as: UInt8.self) == [255, 0])
    #expect(try Tensor([true, false, true]).sum().item() == 2)
    #expect(try (Tensor([Int64(7)]) / Tensor([Int64(0)])).floats() == [.infinity])
  }

  @Test("argmax finds the first of equal ones, NaN first of all, on every axis")
  func positions() throws {
    let x = Tensor([[Float(1), 3, 3], [4, -1, 4]])
    #expect(try x.argmax(1).values(as: Int64.self) == [1, 0])
    #expect(try x.argmax(0).values(as: Int64.self) == [1, 0, 1])
    #expect(try x.argmax().item() == 3 && x.argmin().item() == 4)
    #expect(try Tensor([Float(1), .nan, 9]).argmax().item() == 1)
    #expect(try Tensor([Float(1), .nan, 9]).max().item().isNaN)
  }

  @Test("clamp, where and softmax of infinities and NaN")
  func extremes() throws {
    let x = Tensor([-Float.infinity, .nan, .infinity, 0.5])
    let clamped = try x.clamped(-1, 1).floats()
    #expect(clamped[0] == -1 && clamped[1].isNaN && clamped[2] == 1 && clamped[3] == 0.5)
    #expect(try x.chosen(where: x .== 0.5, else: Tensor(Float(2))).floats() == [2, 2, 2, 0.5])
    let nothing = Tensor.full([2], -.infinity)
    #expect(try nothing.logSumExp().item() == -.infinity)
    #expect(try x.softmax().floats().allSatisfy { $0.isNaN })
    let relu = try x.relu().floats()
    #expect(relu[0] == 0 && relu[1].isNaN && relu[2] == .infinity)
    #expect(try Tensor([Float(0), 0]).norm().item() == 0)
  }

  @Test("Nothing takes no time, however long its other axes are", .timeLimit(.minutes(10)))
  func longNothing() throws {
    let nothing = Tensor.zeros([1 << 50, 3, 0])
    #expect(nothing.sum(1).shape == [1 << 50, 0] && nothing.argmax(1).shape == [1 << 50, 0])
    #expect(nothing.selected([2, 0], axis: 1).shape == [1 << 50, 2, 0])
  }

  @Test("Printing")
  func printing() throws {
    #expect(Tensor.arange(6).reshaped([2, 3]).description == "[[0, 1, 2],\n [3, 4, 5]]")
    #expect(Tensor([Int64.max, .min]).description == "[9223372036854775807, -9223372036854775808]")
    #expect(Tensor([true, false]).description == "[true, false]")
    #expect(Tensor.arange(20).description == "[0, 1, 2, …, 17, 18, 19]")
    #expect(Tensor(Float(0.5)).description == "0.5")
    #expect(Tensor.zeros([0, 3]).description == "[]" && Tensor.zeros([1 << 50, 0]).description == "[]")
  }

  @Test("The transpose of the transpose, and of a sum")
  func transposes() throws {
    let (a, b) = (Tensor.arange(4).reshaped([2, 2]), Tensor.arange(4).reshaped([2, 2]) * 3)
    #expect(try (a.transposed().transposed() .== a).values(as: Bool.self) == [true, true, true, true])
    #expect(
      try (a.transposed() + b.transposed()).values(as: Int64.self) == (a + b).transposed().values(as: Int64.self))
  }

  /// Elements in order for loops outside of operators, wherever they lie; what is changed is written back.
  @Test func elementsInOrderOfAnyLayout() throws {
    let whole = Tensor((0..<12).map { Float($0) }).reshaped([3, 4])
    let view = whole[1..., 1..<3].transposed()
    try view.withRowMajor { (values: UnsafeBufferPointer<Float>) in #expect(Array(values) == [5, 9, 6, 10]) }
    try view.withFloats { values in
      #expect(Array(values) == [5, 9, 6, 10])
      for i in values.indices { values[i] *= 10 }
    }
    #expect(try whole.floats() == [0, 1, 2, 3, 4, 50, 60, 7, 8, 90, 100, 11])
    #expect(message { try Tensor([1, 2]).withFloats { _ in } } == "withFloats: needs float32, not int64 [2]")
  }
}
