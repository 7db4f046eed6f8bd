/// Any bytes are a table or an `InputError`: what is read is written and read again, and must be the same.
func readFuzz(_ bytes: [UInt8]) throws {
  let table = try DataFrame(csv: bytes, name: "fuzz")
  for column in table.columns {
    if column.count != table.rowCount || column.missingCount > column.count { fatalError("columns differ in length") }
    for row in 0..<column.count { _ = column.text(row) }
  }
  _ = try table.droppingColumnWithMostMissing().concatenated(with: table)
}
