import Kernels

// Fusion is invisible: a convolution or a batch normalisation owes its result until somebody looks, and a ReLU that comes
// before anybody has joins its kernel.

/// What a storage owes: the kernel that will fill it at the first look.
final class Debt {
  /// The tensor for which it was made; views of it don't take the ReLU over, as they are recorded otherwise.
  private weak var owner: Tensor?
  private let result: () throws -> Tensor
  private let joined: () throws -> Tensor
  /// Where it was made, as whoever watches the layers calls it.
  private let place = LayerWatch.current?.place
  /// What the kernel will read, as it was when it was asked for.
  private let sources: [Storage]
  private let versions: Int
  /// What is owed, if it is products that may be added to others.
  let products: (products: OwedProducts, kernels: any Backend)?

  init(
    _ sources: [Tensor], result: @escaping () throws -> Tensor, joined: @escaping () throws -> Tensor
  ) {
    (self.result, self.joined) = (result, joined)
    self.sources = sources.map(\.storage)
    versions = self.sources.reduce(0) { $0 &+ $1.version }
    products = nil
  }

  /// Of products, which no ReLU joins.
  init(_ products: OwedProducts, _ kernels: any Backend, result: @escaping () throws -> Tensor) {
    (self.result, joined) = (result, result)
    sources = products.factors.map(\.storage)
    versions = sources.reduce(0) { $0 &+ $1.version }
    self.products = (products, kernels)
  }

  fileprivate func reads(_ storage: Storage) -> Bool { sources.contains { $0 === storage } }

  /// Computes what is owed, as a part of the layer that owes it.
  private func pay(_ kernel: () throws -> Tensor) rethrows -> Tensor {
    guard let place, let watch = LayerWatch.current else { return try kernel() }
    watch.resumes(place)
    defer { watch.pauses() }
    return try kernel()
  }

  fileprivate func paid() throws -> Tensor { try pay(result) }

  fileprivate func own(_ tensor: Tensor) { owner = tensor }

  fileprivate func checkSources() throws {
    guard sources.reduce(0, { $0 &+ $1.version }) == versions else {
      throw TensorError("fusion", "what a result is made of was changed in place by another thread")
    }
  }

  /// The result with a ReLU behind it, if `tensor` is the one that this was made for.
  fileprivate func joinedByReLU(_ tensor: Tensor) throws -> Tensor? {
    // What was recorded is not made anew where nothing is: a segment would take it for its own.
    guard owner === tensor, tensor.node == nil || Recording.isOn else { return nil }
    try checkSources()
    // What was not recorded does not become so later.
    return try tensor.node == nil ? withoutGradient { try pay(joined) } : pay(joined)
  }
}

extension Tensor {
  /// The result of a kernel that can end in a ReLU: computed at the first look, or with the ReLU that comes first.
  ///
  /// - Parameters:
  ///   - sources: all that the kernel reads.
  ///   - kernel: computes the float32 result, with a ReLU or without, in memory of its own.
  ///   - record: marks a result as the operation's, with a ReLU or without.
  static func owed(
    _ shape: Shape, strides: [Int], reading sources: [Tensor],
    kernel: @escaping (_ thenReLU: Bool) throws -> Tensor,
    record: @escaping (_ result: Tensor, _ thenReLU: Bool) -> Tensor
  ) throws -> Tensor {
    guard shape.checkedElementCount(of: .float32) != nil else { throw TensorError.impossible(shape, .float32) }
    let debt = Debt(sources) {
      try kernel(false)
    } joined: {
      record(try kernel(true), true)
    }
    let storage = Storage(owing: debt)
    let result = Tensor(storage: storage, shape: shape, strides: strides, offset: 0, dtype: .float32)
    debt.own(result)
    OpenDebts.ofThread.add(storage)
    return record(result, false)
  }

  /// This result with a ReLU, in one kernel, if it is still owed.
  final func joinedByReLU() throws -> Tensor? { try storage.debt?.joinedByReLU(self) }
}

extension Storage {
  /// Pays what is owed, and throws the fault if there is one: the rare half of a look.
  final func settle() throws {
    if let debt {
      self.debt = nil
      do {
        try debt.checkSources()
        take(from: try debt.paid().storage)
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
  }
}

/// The storages of this thread that owe something: paid before anything is changed in place, which they might read.
final class OpenDebts: PerThreadValue {
  private struct Entry { weak var storage: Storage? }
  private var entries: [Entry] = []

  private static let ofEachThread = PerThread<OpenDebts>()
  static var ofThread: OpenDebts { ofEachThread.value }

  func add(_ storage: Storage) {
    entries.removeAll { $0.storage?.debt == nil }
    entries.append(Entry(storage: storage))
  }

  /// A fault on the way stays with the storage that it concerns.
  func settleReaders(of source: Storage) {
    if entries.isEmpty { return }
    for case let reader? in entries.map(\.storage) where reader.debt?.reads(source) == true { try? reader.settle() }
  }
}
