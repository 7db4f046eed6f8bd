/// Any bytes are a table or an `InputError`: what is read is written and read again, and must be the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let table = try? DataFrame(csv: bytes, name: "fuzz") else { return 0 }
  for column in table.columns {
    if column.count != table.rowCount || column.missingCount > column.count { fatalError("columns differ in length") }
    for row in 0..<column.count { _ = column.text(row) }
  }
  _ = try? table.droppingColumnWithMostMissing().concatenated(with: table)
  return 0
}
