import Glibc
import Testing

@testable import Kernels
@testable import TestSupport

/// A scope of options ends with it.
@Suite("Kernel options")
struct KernelOptionsTests {
  @Test("Scopes nest, and the innermost counts")
  func scopes() {
    let outer = KernelOptions(convolution: .direct)
    #expect(KernelOptions.current == KernelOptions())
    outer.run {
      #expect(KernelOptions.current == outer)
      KernelOptions(precision: .bf16).run { #expect(KernelOptions.current.precision == .bf16) }
      #expect(KernelOptions.current == outer)
    }
    #expect(KernelOptions.current == KernelOptions())
  }

  @Test("OpenMP's threads are what they were, behind a scope and behind an error in it")
  func threads() throws {
    // A first kernel, which brings the library's OpenMP along.
    var (input, output): (Float, Float) = (0, 0)
    try OneDNN().apply(.tanh, &input, into: &output, count: 1)
    let get = try #require(dlsym(nil, "omp_get_max_threads"))
    let count = unsafeBitCast(get, to: (@convention(c) () -> Int32).self)
    let before = count()
    KernelOptions(threads: 3).run {
      #expect(count() == 3)
      KernelOptions(threads: 1).run { #expect(count() == 1) }
      #expect(count() == 3)
    }
    #expect(count() == before)
    struct Fault: Error {}
    #expect(throws: Fault.self) { try KernelOptions(threads: 5).run { throw Fault() } }
    #expect(count() == before)
  }

  @Test("What can't be is one line")
  func impossible() {
    for backend in [BackendName.reference, .tuned] {
      let options = KernelOptions(backend: backend, precision: .bf16)
      #expect(throws: KernelOptionsError.self) { try options.validate() }
    }
    #expect(throws: Never.self) { try KernelOptions(backend: .reference, threads: 1).validate() }
  }
}
