import Testing

@testable import Tensors

@Suite("Memory of tensors")
struct MemoryTests {
  @Test("Tensors of equal sizes begin at different places of a page")
  func places() throws {
    let tensors = (0..<8).map { _ in Tensor.zeros([1 << 18]) }
    let places = try tensors.map { UInt(bitPattern: try $0.pointer(Float.self)) % 4096 }
    #expect(Set(places).count > 4)
  }
}
