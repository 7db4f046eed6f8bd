/// Any bytes are a NumPy array, an archive of them, or an `InputError`.
func readFuzz(_ bytes: [UInt8]) throws {
  let path = fileInMemory(bytes)
  if let array = try? NPYReader(file: path) { try? check(array) }
  let archive = try ZipArchive(path)
  for member in archive.members {
    guard let source = try? archive.open(member) else { continue }
    if let array = try? NPYReader(source, byteCount: member.byteCount) { try? check(array) }
  }
}

private func check(_ array: NPYReader) throws {
  var count = 0
  try array.forEachPiece { rows, piece in
    let numbers = array.numbers(piece)
    if numbers.count != rows.count * array.rowWidth { fatalError("an array of another size than its shape") }
    if !numbers.allSatisfy(\.isFinite) { fatalError("a number that is not finite") }
    if array.header.element.isInteger && array.header.element.integers(piece).count != numbers.count {
      fatalError("integers are missing")
    }
    count += numbers.count
  }
  if count != array.header.shape.reduce(1, *) { fatalError("numbers are missing") }
}
