import Glibc
import Tensors
import Testing

@testable import TestSupport

/// Tensors on memory that others allocated.
@Suite("Adopted memory")
struct AdoptedMemoryTests {
  /// A file's pages, read-only as the system has them: writing there would be a SIGSEGV.
  private final class Mapping {
    let memory: UnsafeMutableRawPointer
    private let byteCount: Int
    private let whenGone: () -> Void

    init(_ floats: [Float], whenGone: @escaping () -> Void = {}) throws {
      byteCount = floats.count * 4
      self.whenGone = whenGone
      let file = try #require(tmpfile())
      defer { fclose(file) }
      fwrite(floats, 4, floats.count, file)
      fflush(file)
      memory = try #require(mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, fileno(file), 0))
    }

    deinit {
      munmap(memory, byteCount)
      whenGone()
    }
  }

  private func tensor(_ mapping: Mapping, _ shape: Shape) throws -> Tensor {
    try Tensor(adopting: mapping.memory, Float.self, shape: shape, owner: mapping)
  }

  @Test("Its elements are read where they lie, by views and operators")
  func reads() throws {
    let mapped = try tensor(Mapping((0..<12).map(Float.init)), [3, 4])
    #expect(try mapped[1].floats() == [4, 5, 6, 7])
    #expect(try (mapped * 2).sum().item() == 132)
    #expect(try mapped.matmul(mapped.transposed())[0, 0].item() == 14)
    #expect(try mapped.reshaped([1, 3, 2, 2]).arranged(.blocked).sum().item() == 66)
  }

  @Test("The owner lives until the last tensor on it is gone")
  func lifetime() throws {
    var isGone = false
    var view: Tensor?
    do {
      let mapping = try Mapping([1, 2, 3, 4]) { isGone = true }
      view = try tensor(mapping, [4])[1...2]
    }
    #expect(!isGone)
    #expect(try view?.floats() == [2, 3])
    view = nil
    #expect(isGone)
  }

  @Test("A change in place is an error, of any view too; a copy may be changed")
  func readOnly() throws {
    let changes: [(Tensor) throws -> Void] = [
      { $0.fill(0) }, { $0[0].fill(0) }, { $0.assign(.zeros([2, 2])) }, { try $0.withFloats { $0[0] = 1 } },
      { try $0.withElements(as: Float.self, reading: $0) { _, own, _, _ in own[0] = 1 } },
    ]
    for change in changes {
      let mapping = try Mapping([1, 2, 3, 4])
      let mapped = try tensor(mapping, [2, 2])
      let error = #expect(throws: TensorError.self) {
        try change(mapped)
        try mapped.check()
      }
      #expect(error?.detail.contains("read-only") == true)
      #expect(try tensor(mapping, [4]).floats() == [1, 2, 3, 4])
    }
    let mapped = try tensor(Mapping([1, 2, 3, 4]), [2, 2])
    let copy = mapped.copy()
    copy.fill(9)
    #expect(try mapped.floats() == [1, 2, 3, 4] && copy.floats() == [9, 9, 9, 9])
    #expect(try mapped.withRowMajor(as: Double.self) { Array($0) } == [1, 2, 3, 4])
  }

  @Test("As a gradient it is not added to in place")
  func gradients() throws {
    let mapped = try tensor(Mapping([1, 1, 1]), [3])
    let leaf = Tensor.zeros([3]).requiringGradient()
    for _ in 0..<2 { try (leaf * 2).backward(gradient: mapped) }
    #expect(try leaf.gradient?.floats() == [4, 4, 4])
    let own = Tensor.zeros([3]).requiringGradient()
    for _ in 0..<2 { try own.backward(gradient: mapped) }
    #expect(try own.gradient?.floats() == [2, 2, 2] && mapped.floats() == [1, 1, 1])
  }

  @Test("Writable memory is written")
  func writable() throws {
    final class Owner {}
    let memory = UnsafeMutablePointer<Float>.allocate(capacity: 3)
    defer { memory.deallocate() }
    memory.update(repeating: 1, count: 3)
    let adopted = try Tensor(adopting: memory, Float.self, shape: [3], owner: Owner(), isReadOnly: false)
    adopted.fill(4)
    #expect(memory[2] == 4)
    #expect(throws: TensorError.self) {
      try Tensor(adopting: UnsafeRawPointer(memory) + 1, Float.self, shape: [1], owner: Owner())
    }
    #expect(throws: TensorError.self) { try Tensor(adopting: memory, Float.self, shape: [-1], owner: Owner()) }
  }
}
