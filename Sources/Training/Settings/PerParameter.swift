import Networks
import Optimizers

/// A number for all parameters, or several by their names: `head=0.001,*=0.0001`. The first pattern (`NamePattern`) that matches a
/// parameter counts; what none matches has the number of the rest.
public struct PerParameter: SettingValue, ExpressibleByFloatLiteral {
  /// A number of its own for the parameters of a pattern.
  public struct Rule: Sendable, Equatable {
    /// Which parameters they are.
    public let pattern: NamePattern
    /// What is theirs.
    public var value: Double
  }

  /// In the order in which they are asked.
  public private(set) var rules: [Rule]
  /// For parameters that no rule is for.
  public var rest: Double

  /// One number for all.
  public init(_ value: Double) { (rules, rest) = ([], value) }
  public init(floatLiteral value: Double) { self.init(value) }

  public init?(text: String) { self.init(text: text, over: PerParameter(0)) }

  /// A number alone is for all; of a list without `*` the rest stays as it was.
  public init?(text: String, over old: PerParameter) {
    if let value = Double(text) {
      self.init(value)
      return
    }
    self.init(old.rest)
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "=", omittingEmptySubsequences: false)
      // Nothing behind `*` could ever count.
      guard parts.count == 2, !parts[0].isEmpty, let value = Double(parts[1]), rules.last?.pattern.text != "*" else {
        return nil
      }
      rules.append(Rule(pattern: NamePattern(String(parts[0])), value: value))
    }
    if let last = rules.last, last.pattern.text == "*" {
      rest = last.value
      rules.removeLast()
    }
  }

  public var text: String {
    if rules.isEmpty { return "\(rest)" }
    return (rules.map { "\($0.pattern.text)=\($0.value)" } + ["*=\(rest)"]).joined(separator: ",")
  }
  public static var wanted: String { "a number, or numbers of parameters by their names such as head=0.001,*=0.0001" }
  public static var isNumber: Bool { true }
  public var numbers: [Double] { rules.map(\.value) + [rest] }

  /// All numbers times so much.
  public func scaled(by factor: Double) -> PerParameter {
    var result = self
    for index in rules.indices { result.rules[index].value *= factor }
    result.rest *= factor
    return result
  }

  /// The numbers of a network's parameters, in their order.
  ///
  /// - Parameters:
  ///   - network: whose parameters they are.
  ///   - option: for the error.
  /// - Throws: `ConfigurationError` for a pattern that matches none of them.
  public func values(of network: Module, _ option: String) throws -> [Double] {
    let names = network.namedParameters.map(\.name)
    let patterns = rules.map { $0.pattern.meant(of: network) }
    if let odd = zip(rules, patterns).first(where: { _, pattern in !names.contains(where: pattern.matches) }) {
      throw ConfigurationError(
        "\(option) has the pattern \(odd.0.pattern.text), which matches no parameter: there are "
          + names.joined(separator: ", "))
    }
    return names.map { name in
      patterns.firstIndex { $0.matches(name) }.map { rules[$0].value } ?? rest
    }
  }

  public init(from decoder: any Decoder) throws {
    let field = try decoder.singleValueContainer()
    if let number = try? field.decode(Double.self) {
      self.init(number)
      return
    }
    let text = try field.decode(String.self)
    guard let value = PerParameter(text: text) else {
      throw DecodingError.dataCorruptedError(in: field, debugDescription: "\"\(text)\" is not \(Self.wanted)")
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var field = encoder.singleValueContainer()
    if rules.isEmpty { try field.encode(rest) } else { try field.encode(text) }
  }
}

/// What belongs to all parameters but those with numbers of their own.
extension Configuration {
  /// The learning rate of parameters that no pattern names; setting it leaves patterns as they are.
  public var learningRate: Double {
    get { optimization.learningRate.rest }
    set { optimization.learningRate.rest = newValue }
  }
  /// The weight decay of parameters that no pattern names; setting it leaves patterns as they are.
  public var weightDecay: Double {
    get { optimization.weightDecay.rest }
    set { optimization.weightDecay.rest = newValue }
  }
}
