extension Tensor {
  /// Products of tensors, summed over the axes that are not in the result, in Einstein's notation: `einsum("ij,jk->ik", a, b)` is the
  /// matrix product. A letter names an axis of each operand; one twice in an operand its diagonal; `...` any leading axes,
  /// which broadcast. Without `->` the result has the letters that occur once, in alphabetical order. Operands are joined from left to
  /// right, each pair by one batch of matrix products, whose derivatives these are.
  public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
    guard let first = operands.first else {
      return Tensor(fault: TensorError("einsum", "\(equation) of no tensors"), [])
    }
    // Nobody can tell the shape that a wrong equation would have had.
    return first.attempt(as: []) {
      for operand in operands { try operand.check() }
      let plan = try Equation(equation, ranks: operands.map(\.rank))
      var sums = try zip(operands, plan.operands).map { try Labelled($0, $1) }
      try Labelled.stretch(&sums, equation)
      let result = try sums.indices.dropFirst().reduce(sums[0]) { sum, index in
        let kept = Set(plan.result + sums[(index + 1)...].flatMap(\.labels))
        return try sum.times(sums[index], keeping: kept)
      }
      return try result.ordered(plan.result)
    }
  }
}

/// The letters of an einsum's axes, as numbers; those of `...` are -1 for the last of its axes, -2 for the one before.
private struct Equation {
  private(set) var operands: [[Int]] = []
  private(set) var result: [Int] = []

  init(_ text: String, ranks: [Int]) throws {
    let letters = text.filter { !$0.isWhitespace }
    let sides = letters.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false)
    let isExplicit = sides.count == 2
    guard !isExplicit || sides[0].hasSuffix("-") else { throw TensorError("einsum", "\(text): > without -") }
    let terms = (isExplicit ? sides[0].dropLast() : sides[0]).split(separator: ",", omittingEmptySubsequences: false)
    guard terms.count == ranks.count else {
      throw TensorError("einsum", "\(text) names \(terms.count) operands, and there are \(ranks.count)")
    }
    for (term, rank) in zip(terms, ranks) { operands.append(try Self.labels(term, rank: rank, text)) }
    let all = operands.flatMap { $0 }
    let dots = Swift.max(0, -(all.min() ?? 0))
    let lead = Array(-dots..<0)
    if isExplicit {
      let wanted = sides[1].contains(".") ? sides[1].count - 3 + dots : sides[1].count
      result = try Self.labels(sides[1], rank: wanted, text)
      guard Set(result).count == result.count, Set(result).isSubset(of: all) else {
        throw TensorError("einsum", "\(text): the result names an axis twice, or one that no operand has")
      }
    } else {
      result = lead + Set(all).filter { label in label >= 0 && all.filter { $0 == label }.count == 1 }.sorted()
    }
  }

  private static func labels(_ term: Substring, rank: Int, _ text: String) throws -> [Int] {
    func numbers(_ part: Substring) throws -> [Int] {
      try part.map { letter in
        guard letter.isASCII, letter.isLetter, let value = letter.asciiValue else {
          throw TensorError("einsum", "\(text): \(letter) is no letter from a to z")
        }
        return Int(value)
      }
    }
    guard let dots = term.firstIndex(of: ".") else {
      guard term.count == rank else {
        throw TensorError("einsum", "\(text): \(term) names \(term.count) axes of a tensor of \(rank)")
      }
      return try numbers(term)
    }
    let (before, rest) = (term[..<dots], term[dots...])
    guard rest.hasPrefix("..."), term.count - 3 <= rank else {
      throw TensorError("einsum", "\(text): \(term) names \(term.count - 3) axes of a tensor of \(rank)")
    }
    return try numbers(before) + Array(-(rank - term.count + 3)..<0) + numbers(rest.dropFirst(3))
  }
}

/// A tensor whose axes have names.
private struct Labelled {
  private var tensor: Tensor
  private(set) var labels: [Int]

  private init(tensor: Tensor, labels: [Int]) { (self.tensor, self.labels) = (tensor, labels) }

  /// Axes of one name become their diagonal.
  init(_ tensor: Tensor, _ labels: [Int]) throws {
    (self.tensor, self.labels) = (tensor, labels)
    while let second = self.labels.indices.first(where: { self.labels[..<$0].contains(self.labels[$0]) }),
      let first = self.labels.firstIndex(of: self.labels[second])
    {
      guard self.tensor.shape[first] == self.tensor.shape[second] else {
        throw TensorError("einsum", "the diagonal of axes \(first) and \(second) of shape \(tensor.shape)")
      }
      self.tensor = self.tensor.diagonal(first, second)
      self.labels.remove(at: second)
    }
  }

  /// Stretches axes of extent 1 to what the other operands have there.
  static func stretch(_ operands: inout [Labelled], _ equation: String) throws {
    var extents: [Int: Int] = [:]
    for operand in operands {
      for (label, extent) in zip(operand.labels, operand.tensor.shape) {
        let known = extents[label] ?? 1
        guard known == 1 || extent == 1 || known == extent else {
          throw TensorError("einsum", "\(equation): an axis of \(known) is one of \(extent), too")
        }
        extents[label] = known == 1 ? extent : known
      }
    }
    for index in operands.indices {
      let wanted = Shape(operands[index].labels.map { extents[$0] ?? 1 })
      operands[index].tensor = operands[index].tensor.expanded(to: wanted)
    }
  }

  private func extents(_ names: [Int]) -> [Int] {
    names.compactMap { labels.firstIndex(of: $0).map { tensor.shape[$0] } }
  }

  /// Without the axes that nobody needs.
  private func summed(keeping kept: Set<Int>) -> Labelled {
    let gone = labels.indices.filter { !kept.contains(labels[$0]) }
    return gone.isEmpty ? self : Labelled(tensor: tensor.sum(gone), labels: labels.filter(kept.contains))
  }

  /// The product with another, summed over what neither the result nor a later operand has.
  func times(_ other: Labelled, keeping kept: Set<Int>) throws -> Labelled {
    let left = summed(keeping: kept.union(other.labels))
    let right = other.summed(keeping: kept.union(labels))
    let both = left.labels.filter(right.labels.contains)
    let (batch, inner) = (both.filter(kept.contains), both.filter { !kept.contains($0) })
    let rows = left.labels.filter { !both.contains($0) }
    let columns = right.labels.filter { !both.contains($0) }
    func count(_ extents: [Int]) -> Int { extents.reduce(1, *) }
    let (batches, depth) = (count(left.extents(batch)), count(left.extents(inner)))
    let first = try left.ordered(batch + rows + inner).reshaped([batches, count(left.extents(rows)), depth])
    let second = try right.ordered(batch + inner + columns).reshaped([batches, depth, count(right.extents(columns))])
    let product = batch.isEmpty ? first.squeezed(0).matmul(second.squeezed(0)) : first.matmul(second)
    let shape = left.extents(batch + rows) + right.extents(columns)
    return Labelled(tensor: product.reshaped(Shape(shape)), labels: batch + rows + columns)
  }

  /// The axes in that order, summed over the others.
  func ordered(_ names: [Int]) throws -> Tensor {
    let sum = summed(keeping: Set(names))
    return sum.tensor.permuted(names.compactMap { sum.labels.firstIndex(of: $0) })
  }
}

extension Tensor {
  /// The elements at equal positions of two axes, as a view along the first of them, where the second goes: PyTorch's `diagonal` puts
  /// them along the last. The derivative is put at their places among zeros.
  public final func diagonal(_ first: Int = 0, _ second: Int = 1) -> Tensor {
    attempt(isView: true) {
      let (first, second) = (try shape.axis(first, for: "diagonal"), try shape.axis(second, for: "diagonal"))
      guard first != second else { throw TensorError("diagonal", "of axis \(first) of shape \(shape) alone") }
      var (extents, steps) = (shape.extents, strides)
      extents[first] = Swift.min(extents[first], extents[second])
      steps[first] += steps[second]
      extents.remove(at: second)
      steps.remove(at: second)
      let whole = shape
      return view(Shape(extents), strides: steps, offset: offset).recorded([self], function: "diagonal") { gradient in
        let result = Tensor.zeros(whole, gradient.dtype)
        result.diagonal(first, second).assign(gradient)
        return [result]
      }
    }
  }

  /// `aᵢ bⱼ` of two vectors, `[rows, columns]`.
  public final func outer(_ other: Tensor) -> Tensor {
    attempt(other, as: Shape([elementCount, other.elementCount])) {
      guard rank == 1, other.rank == 1 else {
        throw TensorError("outer", "needs two vectors, not shapes \(shape) and \(other.shape)")
      }
      return unsqueezed(1) * other
    }
  }
}
