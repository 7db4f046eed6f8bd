import HDF5Files

extension ArrayFile {
  /// What the splits of a file say is to be learnt: the same in all that have targets.
  struct Targets {
    private let file: HDF5File
    private let layout: Layout
    private let counts: [String: Int]
    private let splitNames: [String]
    private let headers: [String: ArrayHeader]

    init(_ file: HDF5File, _ layout: Layout, _ inputs: [String: ArrayHeader], _ splitNames: [String]) throws {
      (self.file, self.layout, self.splitNames) = (file, layout, splitNames)
      counts = inputs.mapValues(\.count)
      var headers: [String: ArrayHeader] = [:]
      for name in splitNames where try file.isDataset("/\(name)/\(layout.targets)") {
        headers[name] = try ArrayHeader(file, "/\(name)/\(layout.targets)")
      }
      self.headers = headers
      for name in splitNames { try check(name) }
    }

    private func object(_ name: String) -> String { "/\(name)/\(layout.targets)" }
    private var first: ArrayHeader? { splitNames.lazy.compactMap { headers[$0] }.first }

    private func check(_ name: String) throws {
      guard let header = headers[name], let first else { return }
      if layout != .arrays && !header.element.isInteger {
        throw InputError(file.path, "\(object(name)): expected integers, found \(header.element)")
      }
      guard header.count == counts[name] else {
        throw InputError(
          file.path, "\(object(name)): has \(header.count) rows, but /\(name)/\(layout.inputs) has \(counts[name] ?? 0)"
        )
      }
      guard header.element.isInteger == first.element.isInteger else {
        throw InputError(file.path, "\(object(name)): holds \(header.element), but other splits \(first.element)")
      }
      guard !header.element.isInteger || header.width == 1 else {
        throw InputError(
          file.path,
          "\(object(name)): integers are classes, one for each sample, but each row has the shape \(header.rowShape); numbers "
            + "to predict must be floats")
      }
      guard header.element.isInteger || header.width == first.width else {
        throw InputError(file.path, "\(object(name)): has \(header.width) numbers in a row, expected \(first.width)")
      }
    }

    func outputs(_ classCount: Int) -> Outputs {
      guard let first else { return .unknown }
      return first.element.isInteger ? .classes(classCount) : .numbers(first.width)
    }

    /// The names of the classes and the labels of each split that has them; nothing where numbers are predicted.
    mutating func classes() throws -> (names: [String], labels: [String: [Int32]]) {
      guard let first, first.element.isInteger else { return ([], [:]) }
      var labels: [String: [Int32]] = [:]
      let named = try names()
      for name in splitNames where headers[name] != nil {
        let numbers = try file.read(object(name), as: Int64.self)
        let count = named?.count ?? ArrayFile.mostClasses
        try ClassificationFile.checkLabels(numbers, classCount: count, path: file.path, object: object(name))
        labels[name] = numbers.map { Int32(truncatingIfNeeded: $0) }
      }
      if let named { return (named, labels) }
      let places = splitNames.compactMap { name in
        labels[name].map { (place: file.path + ": " + object(name), labels: $0) }
      }
      return (try (0..<ArrayFile.classCount(places)).map { "\($0)" }, labels)
    }

    private func names() throws -> [String]? {
      guard let attribute = try file.attribute("class_names", of: "/") else { return nil }
      guard case .strings(let names) = attribute, !names.isEmpty else {
        throw InputError(file.path, "class_names: expected an attribute with a name for each class")
      }
      return names
    }
  }

  /// How many classes there are where nothing names them: numbers from 0 to the greatest, of which none may be missing, or else
  /// they are rather no classes, or begin with 1.
  static func classCount(_ splits: [(place: String, labels: [Int32])]) throws -> Int {
    let greatest = splits.compactMap { $0.labels.max() }.max() ?? 0
    var occurs = [Bool](repeating: false, count: Int(greatest) + 1)
    for label in splits.lazy.flatMap(\.labels) { occurs[Int(label)] = true }
    guard let missing = occurs.firstIndex(of: false), splits.contains(where: { !$0.labels.isEmpty }) else {
      return occurs.count
    }
    throw InputError(
      splits[0].place,
      "expected classes from 0 to \(greatest), but \(missing) never occurs; where that is meant, class names say which there "
        + "are")
  }
}
