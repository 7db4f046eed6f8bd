/// Any bytes are a table or an `InputError`: what is read is written and read again, and must be the same; and so must what is read
/// in small pieces.
func readFuzz(_ bytes: [UInt8]) throws {
  let whole = Result { try DataFrame(csv: bytes, name: "fuzz") }
  let pieces = Result { try rows(bytes, pieceBytes: 7, areWords: try? whole.get().columns.map { $0.numbers == nil }) }
  switch (whole, pieces) {
  case (.success(let table), .success(let rows)):
    let expected = (0..<table.rowCount).map { row in table.columns.map { $0.text(row) } }
    if rows != expected { fatalError("pieces make other rows") }
  case (.failure, .failure): break
  default: fatalError("pieces are not what the whole is")
  }
  let table = try whole.get()
  for column in table.columns {
    if column.count != table.rowCount || column.missingCount > column.count { fatalError("columns differ in length") }
    for row in 0..<column.count { _ = column.text(row) }
  }
  _ = try table.droppingColumnWithMostMissing().concatenated(with: table)
}

private func rows(_ bytes: [UInt8], pieceBytes: Int, areWords: [Bool]?) throws -> [[String?]] {
  var table = try CSVTable(fileInMemory(bytes), separator: ",", missing: DataFrame.missingWords, hasHeading: true)
  table.pieceBytes = pieceBytes
  var rows: [[String?]] = []
  let ignore = { (_: UnsafeRawBufferPointer) in }
  try table.forEachBlock(areWords: areWords, onStoredBytes: ignore) { block in
    if block.firstRow != rows.count + 2 { fatalError("rows are numbered wrongly") }
    for row in 0..<block.table.rowCount { rows.append(block.table.columns.map { $0.text(row) }) }
  }
  return rows
}
