import Datasets
import Kernels

/// What a setting may be: anything that a text of the command line and a field of JSON can say.
public protocol SettingValue: Codable, Sendable, Equatable {
  /// Nil for a text that is no such value.
  init?(text: String)
  /// The same where a text may leave some of the old value as it is.
  init?(text: String, over old: Self)
  /// What `init(text:)` reads again.
  var text: String { get }
  /// What a text must be, as `… must be` goes on.
  static var wanted: String { get }
  /// What a range is compared with; nil for what is no number.
  var number: Double? { get }
  /// All that a text may be, where that is one of a few names; else nothing.
  static var choices: [String] { get }
  /// The same where it is several.
  var numbers: [Double] { get }
  /// Whether a wrong text is refused as a wrong number is.
  static var isNumber: Bool { get }
  /// Whether it stands for a setting that is not set.
  var isNone: Bool { get }
}

extension SettingValue {
  public init?(text: String, over old: Self) { self.init(text: text) }
  public var number: Double? { nil }
  public static var choices: [String] { [] }
  public var numbers: [Double] { number.map { [$0] } ?? [] }
  public static var isNumber: Bool { false }
  public var isNone: Bool { false }
}

extension SettingValue where Self: LosslessStringConvertible {
  public init?(text: String) { self.init(text) }
  public var text: String { description }
}

extension Int: SettingValue {
  public static var wanted: String { "a whole number" }
  public static var isNumber: Bool { true }
  public var number: Double? { Double(self) }
}

extension UInt64: SettingValue {
  public static var wanted: String { "a whole number from 0 to \(UInt64.max)" }
  public static var isNumber: Bool { true }
  public var number: Double? { Double(self) }
}

extension Double: SettingValue {
  public static var wanted: String { "a number" }
  public static var isNumber: Bool { true }
  public var number: Double? { self }
}

extension Bool: SettingValue {
  public static var wanted: String { "true or false" }
}

extension Optional: SettingValue where Wrapped: SettingValue {
  public init?(text: String) {
    guard let value = Wrapped(text: text) else { return nil }
    self = value
  }
  public var text: String { self?.text ?? "none" }
  public static var wanted: String { Wrapped.wanted }
  public var number: Double? { self?.number }
  public static var choices: [String] { Wrapped.choices }
  public var numbers: [Double] { self?.numbers ?? [] }
  public static var isNumber: Bool { Wrapped.isNumber }
  public var isNone: Bool { self == nil }
}

/// One of a few names.
public protocol SettingName: SettingValue, CaseIterable, RawRepresentable where RawValue == String {}

extension SettingName {
  public init?(text: String) { self.init(rawValue: text) }
  public var text: String { rawValue }
  public static var choices: [String] { allCases.map(\.rawValue) }
  public static var wanted: String {
    let names = choices
    return names.count == 1 ? names[0] : names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1]
  }
}

extension SequenceSampling: SettingName {}
extension BackendName: SettingName {}
extension ConvolutionMethod: SettingName {}
extension Precision: SettingName {}

/// Which numbers a setting may be.
public struct SettingRange: Sendable {
  /// What a wrong number must be.
  let fault: @Sendable (Double) -> String?

  /// All values, and whatever is no number.
  public static let any = SettingRange { _ in nil }

  /// At least so much.
  public static func from(_ least: Int) -> SettingRange {
    SettingRange { $0 >= Double(least) ? nil : least == 0 ? "0 or more" : "at least \(least)" }
  }

  /// At least and at most so much; wrong numbers are told the bound that they are beyond.
  public static func from(_ least: Int, to most: Int) -> SettingRange {
    SettingRange { $0 < Double(least) ? "at least \(least)" : $0 > Double(most) ? "at most \(most)" : nil }
  }

  /// As `from(_:to:)`; wrong numbers are told both bounds.
  public static func within(_ range: ClosedRange<Int>) -> SettingRange {
    SettingRange {
      (Double(range.lowerBound)...Double(range.upperBound)).contains($0)
        ? nil : "in \(range.lowerBound)…\(range.upperBound)"
    }
  }

  /// Up to the upper bound, without it.
  public static func within(_ range: Range<Double>) -> SettingRange {
    SettingRange { range.contains($0) ? nil : "in \(number(range.lowerBound))..<\(number(range.upperBound))" }
  }

  /// At least so much; neither infinite nor `nan`.
  public static func finite(from least: Double) -> SettingRange {
    SettingRange { $0.isFinite && $0 >= least ? nil : "\(number(least)) or more, and finite" }
  }

  /// More than so much; neither infinite nor `nan`.
  public static func finite(above bound: Double) -> SettingRange {
    SettingRange { $0 <= bound ? "above \(number(bound))" : $0.isFinite ? nil : "above \(number(bound)), and finite" }
  }

  private static func number(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
}
