/// Any bytes are a table of labels or an `InputError`.
func readFuzz(_ bytes: [UInt8]) throws {
  let table = try LabelTable(fileInMemory(bytes), onStoredBytes: { _ in })
  if table.rows.contains(where: { $0.id.isEmpty || $0.label.isEmpty }) { fatalError("a row without a label") }
}
