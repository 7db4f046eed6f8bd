/// The configuration for people.
extension Configuration {
  /// The settings that are not at their defaults, and those that every training has, by their groups.
  public var table: [(name: String, settings: [(option: String, value: String)])] {
    Mirror(reflecting: self).children.compactMap { label, child in
      guard let group = child as? any Settings, let label else { return nil }
      let usual = NamedSetting.all(of: type(of: group).init())
      let settings = zip(NamedSetting.all(of: group), usual).filter { named, usual in
        Self.alwaysShown.contains(named.name) || named.setting.text != usual.setting.text
      }
      if settings.isEmpty { return nil }
      return (Self.groupNames[label] ?? label, settings.map { ($0.0.option, $0.0.setting.text ?? "none") })
    }
  }

  /// The table as lines, a group in each.
  public var tableLines: [String] {
    let rows = table
    let width = rows.map(\.name.count).max() ?? 0
    return rows.map { name, settings in
      let padding = String(repeating: " ", count: width - name.count)
      return "  \(name)\(padding)  " + settings.map { "\($0.option) \($0.value)" }.joined(separator: ", ")
    }
  }

  private static let alwaysShown: Set = ["epochs", "batchSize", "learningRate", "optimizer", "seed"]
  private static let groupNames = [
    "scheduling": "learning rate", "splitting": "samples", "sequences": "texts", "distribution": "ranks",
    "kernelling": "kernels",
  ]
}
