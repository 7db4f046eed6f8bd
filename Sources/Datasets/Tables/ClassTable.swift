import HDF5Files

/// Rows of a table and their classes, to be written.
struct ClassTable {
  /// Row by row.
  let features: [Float]
  /// Nil for rows to predict.
  let labels: [Int64]?
  /// What names the rows.
  let identifiers: [String]?

  /// The bytes of a file of the layout `table`, which `ArrayFile` reads.
  static func encode(
    _ splits: [(name: String, rows: ClassTable)], _ classNames: [String], _ preparation: TablePreparation,
    sourceSHA256: String
  ) throws -> [UInt8] {
    let (file, names) = (try HDF5File.inMemory(), preparation.featureNames)
    try DatasetFormat.write(
      file, task: ClassificationFile.task, version: ArrayFile.formatVersion, sourceSHA256: sourceSHA256)
    try file.setAttribute("class_names", of: "/", to: .strings(classNames))
    try file.setAttribute("feature_names", of: "/", to: .strings(names))
    try file.setAttribute("target_name", of: "/", to: .string(preparation.target))
    try file.setAttribute("preparation", of: "/", to: .string(preparation.json()))
    try file.sealText()
    for (name, rows) in splits {
      let count = rows.features.count / names.count
      try file.write(rows.features, shape: [count, names.count], to: "/\(name)/features")
      if let labels = rows.labels { try file.write(labels, shape: [count], to: "/\(name)/labels") }
      if let identifiers = rows.identifiers { try file.writeStrings(identifiers, to: "/\(name)/ids") }
    }
    return try file.image()
  }
}
