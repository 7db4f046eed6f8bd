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

    /// The names of the classes; nothing where numbers are predicted. Of many named classes those that no name has are found
    /// when they are read.
    func classNames() throws -> [String] {
      guard let first, first.element.isInteger else { return [] }
      let labelled = splitNames.filter { headers[$0] != nil }
      guard let named = try names() else { return try ArrayFile.numberedClasses(labelled.map(object), file) }
      for name in labelled where (headers[name]?.count ?? 0) <= Self.labelsAtOnce {
        try ArrayFile.forEachLabel(of: object(name), file, below: named.count) { _ in }
      }
      return named
    }

    /// So many labels are looked at when the file is opened; more of them when they are read.
    private static let labelsAtOnce = 1 << 20

    private func names() throws -> [String]? {
      guard let attribute = try file.attribute("class_names", of: "/") else { return nil }
      guard case .strings(let names) = attribute, !names.isEmpty else {
        throw InputError(file.path, "class_names: expected an attribute with a name for each class")
      }
      return names
    }
  }

  /// The classes of labels that nothing names: their numbers.
  static func numberedClasses(_ objects: [String], _ file: HDF5File) throws -> [String] {
    var occurs = [Bool](repeating: false, count: mostClasses)
    for object in objects { try forEachLabel(of: object, file, below: mostClasses) { occurs[$0] = true } }
    return (0..<(try classCount(occurs, "\(file.path): \(objects.first ?? "/")"))).map { "\($0)" }
  }

  private static func forEachLabel(
    of object: String, _ file: HDF5File, below most: Int, _ body: (Int) -> Void
  ) throws {
    try ArrayRows(file, object).forEachBlock { (rows, numbers: UnsafeMutableBufferPointer<Int64>) in
      if let row = numbers.firstIndex(where: { !(0..<Int64(most) ~= $0) }) {
        let place = "\(object): row \(rows.lowerBound + row)"
        throw InputError(file.path, "\(place): expected a label in 0...\(most - 1), found \(numbers[row])")
      }
      for number in numbers { body(Int(number)) }
    }
  }

  /// How many classes there are where nothing names them: numbers from 0 to the greatest, of which none may be missing, or else
  /// they are rather no classes, or begin with 1.
  static func classCount(_ occurs: [Bool], _ place: String) throws -> Int {
    guard let greatest = occurs.lastIndex(of: true), let missing = occurs[..<greatest].firstIndex(of: false) else {
      return (occurs.lastIndex(of: true) ?? 0) + 1
    }
    throw InputError(
      place,
      "expected classes from 0 to \(greatest), but \(missing) never occurs; where that is meant, class names say which there "
        + "are")
  }
}
