import ArgumentParser
import Lockstep

/// The options of a group of settings, made from their declarations: the library that declares them needs to know nothing
/// of command lines.
///
/// ArgumentParser finds options by reflection on a new value and fills them by decoding: so a mirror shows it an option for
/// each setting, and the decoding keeps what was said of them.
struct SettingOptions<Group: Settings>: ParsableArguments, CustomReflectable {
  /// What the command line says, by the names of the options.
  private(set) var given: [String: String] = [:]

  init() {}

  var customMirror: Mirror {
    let options = NamedSetting.all(of: Group()).map { (label: String?.some($0.name), value: option(for: $0)) }
    return Mirror(self, children: options, displayStyle: .struct)
  }

  private func option(for named: NamedSetting) -> Any {
    let name = NameSpecification.customLong(named.option)
    let help = ArgumentHelp(named.setting.declaration.help)
    if named.setting.isFlag { return Flag(wrappedValue: false, name: name, help: help) }
    let choices = named.setting.choices
    // A number may be negative, which is no option then but wrong.
    return Option<String?>(
      name: name, parsing: named.setting.isNumber ? .unconditional : .next, help: help,
      completion: choices.isEmpty ? nil : .list(choices))
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: SettingKey.self)
    for named in NamedSetting.all(of: Group()) {
      let key = SettingKey(stringValue: named.name)
      if named.setting.isFlag {
        if try options.decode(Flag<Bool>.self, forKey: key).wrappedValue { given[named.option] = "true" }
      } else {
        given[named.option] = try options.decode(Option<String?>.self, forKey: key).wrappedValue
      }
    }
  }
}
