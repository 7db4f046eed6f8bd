import DataParallel
import Foundation
import MessagePassing
import Tensors

/// The name of something that an objective counts: one of these, or one of its own.
public struct SumName: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }

  /// The losses of all samples.
  public static let loss: SumName = "loss"
  /// What losses are divided by: samples, or tokens.
  public static let weight: SumName = "weight"
  /// Samples whose largest logit is their label's.
  public static let hits: SumName = "hits"
  /// Squared differences of logarithms.
  public static let squaredLogError: SumName = "squaredLogError"
}

/// Named sums over samples: added over slices, steps and ranks, and only then divided.
public struct Totals: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// What is summed, in the order of `values`.
  public private(set) var names: [SumName]
  /// The sums so far.
  public private(set) var values: [Double]

  public init(dictionaryLiteral elements: (SumName, Double)...) {
    (names, values) = (elements.map(\.0), elements.map(\.1))
  }

  /// Nothing, which anything can be added to.
  public init() { (names, values) = ([], []) }

  /// Sums by their names. As many values as names, else all are zero.
  public init(_ names: [SumName], _ values: [Double] = []) {
    self.names = names
    self.values = values.count == names.count ? values : [Double](repeating: 0, count: names.count)
  }

  /// A sum; 0 of what was not counted.
  public subscript(name: SumName) -> Double { names.firstIndex(of: name).map { values[$0] } ?? 0 }

  /// The sum of the losses, not their mean.
  public var loss: Double { self[.loss] }
  /// Samples or tokens that were counted.
  public var weight: Double { self[.weight] }
  /// A sum over what losses are divided by.
  public func mean(of name: SumName) -> Double { weight > 0 ? self[name] / weight : 0 }
  /// What is minimised, 0 where nothing was counted.
  public var meanLoss: Double { mean(of: .loss) }
  /// `exp` of the mean loss.
  public var perplexity: Double { exp(meanLoss) }
  /// The share of hits, 0…1.
  public var accuracy: Double { mean(of: .hits) }

  /// Adds sums by their names; those that were not there yet come last.
  public static func += (left: inout Totals, right: Totals) {
    if left.names == right.names {
      for index in left.values.indices { left.values[index] += right.values[index] }
      return
    }
    for (name, value) in zip(right.names, right.values) {
      if let index = left.names.firstIndex(of: name) {
        left.values[index] += value
      } else {
        left.names.append(name)
        left.values.append(value)
      }
    }
  }

  /// The sums in that order, as ranks add them up.
  func values(of wanted: [SumName]) throws -> [Double] {
    if names == wanted { return values }
    if let unknown = names.first(where: { !wanted.contains($0) }) {
      throw TensorError("objective", "counts \"\(unknown.rawValue)\", which is none of its sums")
    }
    return wanted.map { self[$0] }
  }
}

extension Totals: Packable {
  public func pack(into packet: inout Packet) {
    packet.pack(names.map(\.rawValue))
    packet.pack(values)
  }
  public init(from packet: inout Packet) throws {
    let names = try packet.unpack([String].self)
    self.init(names.map { SumName(rawValue: $0) }, try packet.unpack())
  }
}
