import ArgumentParser
import Foundation

/// A number with a unit, as people write it: `50us`, `1gbit`, `2h`.
private struct Quantity {
  let number: Double
  let unit: String

  /// nil for what is no number, less than 0, or more than anything.
  init?(_ text: String) {
    let digits = text.prefix { $0.isNumber || "+-.".contains($0) || "eE".contains($0) && text.first?.isNumber == true }
    guard let number = Double(digits), number >= 0, number.isFinite else { return nil }
    self.number = number
    unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
  }
}

/// Seconds: `50us`, `2 ms`, `90s`, `30min`, `2h`, `1d`.
struct TimeSpan: ExpressibleByArgument, Equatable {
  let seconds: Double

  init(seconds: Double) { self.seconds = seconds }

  init?(argument: String) {
    let units = [
      "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400,
    ]
    guard let quantity = Quantity(argument), let unit = units[quantity.unit], quantity.number * unit <= 1e9 else {
      return nil
    }
    seconds = quantity.number * unit
  }

  /// In the unit in which it is readable.
  var description: String {
    switch seconds {
    case ..<1e-3: "\(rounded(seconds * 1e6)) µs"
    case ..<1: "\(rounded(seconds * 1e3)) ms"
    case ..<120: "\(rounded(seconds)) s"
    case ..<7200: "\(rounded(seconds / 60)) min"
    case ..<172_800: "\(rounded(seconds / 3600)) h"
    default: "\(rounded(seconds / 86_400)) days"
    }
  }
}

/// Bytes a second: `1gbit`, `100 Mbit/s`, `12.5MB/s`.
struct Bandwidth: ExpressibleByArgument, Equatable {
  let bytesPerSecond: Double

  init(bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }

  init?(argument: String) {
    guard let quantity = Quantity(argument) else { return nil }
    var unit = quantity.unit
    if unit.hasSuffix("/s") { unit.removeLast(2) }
    let isBits = unit.lowercased().hasSuffix("bit")
    guard isBits || unit.hasSuffix("B") else { return nil }
    let prefix = unit.dropLast(isBits ? 3 : 1).lowercased()
    guard let factor = ["": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12][prefix] else { return nil }
    bytesPerSecond = quantity.number * factor / (isBits ? 8 : 1)
    guard bytesPerSecond > 0, bytesPerSecond <= 1e15 else { return nil }
  }

  var description: String {
    let megabits = bytesPerSecond * 8 / 1e6
    return megabits < 1000 ? "\(rounded(megabits)) Mbit/s" : "\(rounded(megabits / 1000)) Gbit/s"
  }
}

/// Three digits, as many as such figures are good for.
func rounded(_ number: Double) -> String {
  let places = abs(number) < 10 ? 2 : abs(number) < 100 ? 1 : 0
  return fixed(number, places)
}

/// With so many places behind the point.
func fixed(_ number: Double, _ places: Int) -> String { String(format: "%.\(places)f", number) }
