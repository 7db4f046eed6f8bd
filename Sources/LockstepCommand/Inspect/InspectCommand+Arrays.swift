import HDF5Files
import Lockstep

/// Arrays, tables with classes, images of floats.
extension InspectCommand {
  func show(_ arrays: ArrayFile) throws {
    if digest {
      var hash = SHA256()
      for name in arrays.classNames + (arrays.featureNames ?? []) { hash.update("\(name)\n") }
      for name in arrays.splitNames { hash.update("\(name) \(try arrays.streamed(name).digest)\n") }
      return print(hash.digest)
    }
    switch arrays.outputs {
    case .classes(let count):
      let names = arrays.classNames.prefix(20).joined(separator: ", ") + (count > 20 ? ", …" : "")
      print("dataset for classification, \(count) classes: \(names)")
    case .numbers(let count): print("dataset for regression, \(count) numbers to predict")
    case .unknown: print("dataset without targets: it can only be predicted from")
    }
    if let names = arrays.featureNames {
      print("features: " + names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : ""))
    }
    for split in arrays.splitNames {
      let note = arrays.isLabelled(split) || arrays.outputs == .unknown ? "" : ", without targets"
      let type = try arrays.element(split)
      print("/\(split): \(try arrays.count(split)) samples of \(arrays.inputShape), \(type)\(note)")
    }
  }
}
