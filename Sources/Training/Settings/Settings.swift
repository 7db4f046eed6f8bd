import Foundation

/// Settings that belong together, such as those of the optimizer. Each is declared once, and nowhere else:
/// ```swift
/// struct Averaging: Settings {
///   @Setting("How much of the weights' average stays from step to step.", .within(0..<1)) var decay = 0.99
/// }
/// ```
/// From that line follow the option of the command line with its help and its range, the field of a checkpoint's
/// configuration and its value in checkpoints that are older than the setting, the line that ranks compare, and the
/// configuration that a training prints.
public protocol Settings: Sendable, Equatable {
  /// All at their defaults.
  init()
}

/// The value of a setting, with what is known of it before any value is: a line of help, a range, its option's name.
///
/// The value lies in a box, so that a new group's settings, which reflection finds but could not change, can be filled.
@propertyWrapper
public struct Setting<Value: SettingValue>: Sendable, Equatable {
  private var box: Box<Value>
  /// What is known of the setting before any value is.
  public let declaration: SettingDeclaration

  /// - Parameters:
  ///   - wrappedValue: the default.
  ///   - help: what the command line says of it.
  ///   - range: which numbers it may be.
  ///   - option: its name on the command line, where that is not the property's.
  ///   - staysInEpoch: whether the rest of an interrupted epoch would be other samples if it changed.
  public init(
    wrappedValue: Value, _ help: String, _ range: SettingRange = .any, option: String? = nil, staysInEpoch: Bool = false
  ) {
    box = Box(wrappedValue)
    declaration = SettingDeclaration(help: help, range: range, option: option, staysInEpoch: staysInEpoch)
  }

  /// The value itself. Setting it makes a new box, so that a copy of the group keeps its own.
  public var wrappedValue: Value {
    get { box.value }
    set { box = Box(newValue) }
  }

  public static func == (left: Setting, right: Setting) -> Bool { left.box.value == right.box.value }

  fileprivate func fill(_ value: Value) { box.value = value }
}

/// What is said of a setting where it is declared.
public struct SettingDeclaration: Sendable {
  /// A sentence for the command line's help.
  public let help: String
  let range: SettingRange
  let option: String?
  let staysInEpoch: Bool
}

/// Written to only while nobody else knows of it, by `Setting.fill`.
private final class Box<Value: SettingValue>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// A setting of any type, as reflection finds it.
public protocol AnySetting {
  /// Help, range and option.
  var declaration: SettingDeclaration { get }
  /// As the command line has it, and as ranks compare it; nil where it is not set.
  var text: String? { get }
  /// All that its option's value may be, where that is one of a few names; else nothing.
  var choices: [String] { get }
  /// Whether its option takes no value.
  var isFlag: Bool { get }
  /// Whether its option takes a number.
  var isNumber: Bool { get }
  /// What is wrong with its value, as `… must be` goes on.
  func fault() -> (value: String, wanted: String)?
  /// Takes the value of another setting of the same type. This and the next two are for a group that nobody else knows
  /// of: its copies would change with it.
  func fill(from other: any AnySetting)
  /// Takes the value of an option; `name` is the option's, for the error.
  ///
  /// - Throws: `ConfigurationError` for a text that is no such value.
  func fill(from text: String, _ name: String) throws
  /// Takes the value of a field of JSON; keeps its own where there is no such field.
  func fill(from fields: KeyedDecodingContainer<SettingKey>, _ key: SettingKey) throws
  /// Writes the value as a field of JSON; nothing where it is not set.
  func write(to fields: inout KeyedEncodingContainer<SettingKey>, _ key: SettingKey) throws
}

extension Setting: AnySetting {
  public var text: String? { wrappedValue.isNone ? nil : wrappedValue.text }
  public var choices: [String] { Value.choices }
  public var isFlag: Bool { Value.self == Bool.self }
  public var isNumber: Bool { Value.isNumber }

  public func fault() -> (value: String, wanted: String)? {
    wrappedValue.numbers.lazy.compactMap(declaration.range.fault).first.map { (wrappedValue.text, $0) }
  }

  public func fill(from other: any AnySetting) { if let other = other as? Self { fill(other.wrappedValue) } }

  public func fill(from text: String, _ name: String) throws {
    guard let value = Value(text: text, over: wrappedValue) else {
      throw ConfigurationError(
        isNumber
          ? "the value '\(text)' is invalid for '--\(name)': expected \(Value.wanted)"
          : "\(name) is '\(text)', but must be \(Value.wanted)")
    }
    fill(value)
  }

  public func fill(from fields: KeyedDecodingContainer<SettingKey>, _ key: SettingKey) throws {
    if let value = try fields.decodeIfPresent(Value.self, forKey: key) { fill(value) }
  }

  public func write(to fields: inout KeyedEncodingContainer<SettingKey>, _ key: SettingKey) throws {
    if !wrappedValue.isNone { try fields.encode(wrappedValue, forKey: key) }
  }
}

/// A setting with its name: `learningRate`, of the option `learning-rate`.
public struct NamedSetting {
  /// The property's.
  public let name: String
  /// The setting itself, boxed: filling it changes the group.
  public let setting: any AnySetting

  /// `learning-rate` for `learningRate`, unless the declaration gives another.
  public var option: String {
    if let given = setting.declaration.option { return given }
    return name.reduce(into: "") { $0 += $1.isUppercase ? "-" + $1.lowercased() : String($1) }
  }
  var key: SettingKey { SettingKey(stringValue: name) }

  /// Those of a group, or of all groups of a value, in the order of their declaration.
  public static func all(of value: Any) -> [NamedSetting] {
    Mirror(reflecting: value).children.flatMap { label, child in
      if let setting = child as? any AnySetting {
        return [NamedSetting(name: String((label ?? "").drop { $0 == "_" }), setting: setting)]
      }
      return child is any Settings ? all(of: child) : []
    }
  }
}

/// The name of a setting as a field of JSON.
public struct SettingKey: CodingKey, ExpressibleByStringLiteral {
  public let stringValue: String
  public init(stringValue: String) { self.stringValue = stringValue }
  public init(stringLiteral: String) { stringValue = stringLiteral }
  public var intValue: Int? { nil }
  public init?(intValue: Int) { nil }
}
