import Kernels

// Fusion is invisible: a convolution or a batch normalisation owes its result until somebody looks, and a ReLU that comes
// before anybody has joins its kernel. A convolution then still owes, and a pooling to maxima that comes next joins both: the large
// result between them, of which the maxima tell all that a derivative asks for, is kept by nobody.

/// What a kernel's result has gone through before anybody could see it.
enum Ending {
  case plain, relu
  /// A ReLU, and the maximum of windows.
  case pooledReLU(PoolingPass)

  /// Whether the derivative is 0 where the result is.
  var isCut: Bool { if case .plain = self { false } else { true } }
}

/// What a storage owes: the kernel that will fill it at the first look.
final class Debt {
  /// The tensor for which it was made; views of it don't take the ReLU over, as they are recorded otherwise.
  private weak var owner: Tensor?
  private let result: () throws -> Tensor
  private let joined: () throws -> Tensor
  /// What comes of it with a pooling behind it, where one can join.
  private let pooled: ((Pool) throws -> Tensor)?
  typealias Pool = (Tensor) throws -> (result: Tensor, pass: PoolingPass)
  /// Where it was made, as whoever watches the layers calls it.
  private let place = LayerWatch.current?.place
  /// What the kernel will read, as it was when it was asked for.
  private let sources: [Storage]
  private let versions: Int
  /// What is owed, if it is products that may be added to others.
  let products: (products: OwedProducts, kernels: any Backend)?

  init(
    _ sources: [Tensor], result: @escaping () throws -> Tensor, joined: @escaping () throws -> Tensor,
    pooled: ((Pool) throws -> Tensor)? = nil
  ) {
    (self.result, self.joined, self.pooled) = (result, joined, pooled)
    self.sources = sources.map(\.storage)
    versions = self.sources.reduce(0) { $0 &+ $1.version }
    products = nil
  }

  /// Of products, which no ReLU joins.
  init(_ products: OwedProducts, _ kernels: any Backend, result: @escaping () throws -> Tensor) {
    (self.result, joined, pooled) = (result, result, nil)
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
  fileprivate func joinedByReLU(_ tensor: Tensor) throws -> Tensor? { try join(tensor, joined) }

  /// The same with a pooling behind it; nil where none can join.
  fileprivate func joined(by pool: @escaping Pool, _ tensor: Tensor) throws -> Tensor? {
    guard let pooled else { return nil }
    return try join(tensor) { try pooled(pool) }
  }

  private func join(_ tensor: Tensor, _ kernel: () throws -> Tensor) throws -> Tensor? {
    // What was recorded is not made anew where nothing is: a segment would take it for its own.
    guard owner === tensor, tensor.node == nil || Recording.isOn else { return nil }
    try checkSources()
    // What was not recorded does not become so later.
    return try tensor.node == nil ? withoutGradient { try pay(kernel) } : pay(kernel)
  }
}

extension Tensor {
  /// The result of a kernel that can end in a ReLU: computed at the first look, or with the ReLU that comes first.
  ///
  /// - Parameters:
  ///   - sources: all that the kernel reads.
  ///   - pools: whether a pooling can join, too.
  ///   - kernel: computes the float32 result, with a ReLU or without, in memory of its own.
  ///   - record: marks a result as the operation's, however it ends.
  static func owed(
    _ shape: Shape, strides: [Int], reading sources: [Tensor], pools: Bool = false,
    kernel: @escaping (_ thenReLU: Bool) throws -> Tensor,
    record: @escaping (_ result: Tensor, _ ending: Ending) -> Tensor
  ) throws -> Tensor {
    guard shape.checkedElementCount(of: .float32) != nil else { throw TensorError.impossible(shape, .float32) }
    let (plain, cut) = ({ try kernel(false) }, { try kernel(true) })
    func joined() throws -> Tensor {
      guard pools else { return record(try cut(), .relu) }
      let debt = Debt(sources, result: cut, joined: { record(try cut(), .relu) }, pooled: pooled)
      return record(Tensor(owing: debt, shape, strides: strides), .relu)
    }
    func pooled(_ pool: Debt.Pool) throws -> Tensor {
      let (result, pass) = try pool(cut())
      return record(result, .pooledReLU(pass))
    }
    return record(Tensor(owing: Debt(sources, result: plain, joined: joined), shape, strides: strides), .plain)
  }

  private convenience init(owing debt: Debt, _ shape: Shape, strides: [Int]) {
    let storage = Storage(owing: debt)
    self.init(storage: storage, shape: shape, strides: strides, offset: 0, dtype: .float32)
    debt.own(self)
    OpenDebts.ofThread.add(storage)
  }

  /// This result with a ReLU, in one kernel, if it is still owed.
  final func joinedByReLU() throws -> Tensor? { try storage.debt?.joinedByReLU(self) }

  /// The maxima of this result, which has a ReLU, in one go, if it is still owed.
  final func joined(by pool: @escaping Debt.Pool) throws -> Tensor? { try storage.debt?.joined(by: pool, self) }
}

extension Storage {
  /// Pays what is owed, and throws the fault if there is one: the rare half of a look.
  final func settle() throws {
    if let debt {
      self.debt = nil
      do {
        try debt.checkSources()
        let version = version
        take(from: try debt.paid().storage)
        // What was owed is no change.
        self.version = version
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
