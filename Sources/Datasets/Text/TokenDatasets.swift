import HDF5Files

/// Vocabularies and their tokens in dataset files.
enum TokenDatasets {
  /// A vocabulary, `<unk>` first and no token twice.
  static func vocabulary(_ file: HDF5File, _ object: String) throws -> Vocabulary {
    guard try file.isDataset(object) else { throw InputError(file.path, "has no \(object)") }
    let tokens = try file.readStrings(object)
    guard tokens.first == Vocabulary.unknown else {
      throw InputError(file.path, "\(object): expected \(Vocabulary.unknown) first, found \(tokens.first ?? "nothing")")
    }
    let twice = Dictionary(grouping: tokens, by: Spelling.init).first { $0.value.count > 1 }
    if let twice { throw InputError(file.path, "\(object): \"\(twice.key.text)\" is there twice") }
    return Vocabulary(tokens)
  }

  /// The shape of a dataset of integers.
  @discardableResult
  static func check(_ file: HDF5File, _ object: String, rank: Int) throws -> [Int] {
    guard try file.isDataset(object) else { throw InputError(file.path, "has no \(object)") }
    let type = try file.elementType(of: object)
    guard type.isInteger else { throw InputError(file.path, "\(object): expected integers, found \(type)") }
    let shape = try file.shape(of: object)
    guard shape.count == rank else { throw InputError(file.path, "\(object): expected \(rank) axes, found \(shape)") }
    return shape
  }

  /// A dataset of integers that are tokens of a vocabulary of `count`.
  static func tokens(
    _ file: HDF5File, _ object: String, rank: Int, count: Int
  ) throws -> (values: [Int32], shape: [Int]) {
    let shape = try check(file, object, rank: rank)
    let values = try file.read(object, as: Int32.self)
    if let place = values.firstIndex(where: { $0 < 0 || Int($0) >= count }) {
      let row = rank == 1 ? "" : "row \(place / shape[1]), "
      throw InputError(
        file.path,
        "\(object): \(row)place \(rank == 1 ? place : place % shape[1]): expected a token in "
          + "0...\(count - 1), found \(values[place])")
    }
    return (values, shape)
  }
}
