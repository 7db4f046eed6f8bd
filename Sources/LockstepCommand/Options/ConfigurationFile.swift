import ArgumentParser
import Failures
import Foundation
import HDF5Files
import Yams

/// `--config C.yaml`: options by their names, as the command line has them; what the command line says itself counts.
enum ConfigurationFile {
  /// The arguments with those of a configuration file laid before them. Repeated options are refused.
  static func expand(_ arguments: [String]) throws -> [String] {
    let options = arguments.filter { $0.hasPrefix("--") }.map { String($0.prefix { $0 != "=" }) }
    if let repeated = Dictionary(grouping: options, by: { $0 }).first(where: { $0.value.count > 1 })?.key {
      throw ValidationError("Option '\(repeated)' is given twice")
    }
    guard let place = arguments.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }),
      ["train", "tune-rate"].contains(arguments.first)
    else { return arguments }
    var rest = arguments
    let option = rest.remove(at: place)
    let path: String
    if option == "--config" {
      guard place < rest.count else { throw ValidationError("Missing value for '--config'") }
      path = rest.remove(at: place)
    } else {
      path = String(option.dropFirst("--config=".count))
    }
    let read = try read(path)
    if read["config"] != nil { throw ConfigurationFileError(path: path, what: "config can't name another file") }
    let fromFile = read.filter { !options.contains("--" + $0.key) }
    var inserted: [String] = []
    for (key, value) in fromFile.sorted(by: { $0.key < $1.key }) where key != "model" {
      if value == "true" { inserted += ["--\(key)"] } else if value != "false" { inserted += ["--\(key)", value] }
    }
    let isModelGiven = rest.count > 1 && !rest[1].hasPrefix("-")
    if !isModelGiven, let model = fromFile["model"] { inserted.insert(model, at: 0) }
    rest.insert(contentsOf: inserted, at: isModelGiven ? 2 : 1)
    return rest
  }

  private static func read(_ path: String) throws -> [String: String] {
    let text = String(decoding: try InputFile.bytes(of: path), as: UTF8.self)
    do {
      guard let node = try Yams.compose(yaml: text) else { return [:] }
      guard let mapping = node.mapping else {
        throw ConfigurationFileError(path: path, what: "must hold `option: value` lines")
      }
      var result: [String: String] = [:]
      for (key, value) in mapping {
        guard let name = key.string, let text = value.scalar?.string else {
          throw ConfigurationFileError(path: path, what: "\(key.string ?? "a key") must have one plain value")
        }
        if result.updateValue(text, forKey: name) != nil {
          throw ConfigurationFileError(path: path, what: "\(name) is given twice")
        }
      }
      return result
    } catch let error as YamlError {
      throw ConfigurationFileError(
        path: path, what: "is no YAML: \("\(error)".split(separator: "\n").joined(separator: " "))")
    }
  }
}

private struct ConfigurationFileError: Failure {
  let path: String
  let what: String
  var kind: FailureKind { .usage }
  var description: String { "\(path): \(what)" }
}
