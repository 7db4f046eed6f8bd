/// Any bytes are a NumPy array, an archive of them, or an `InputError`.
func readFuzz(_ bytes: [UInt8]) throws {
  let path = fileInMemory(bytes)
  if let array = try? NPYArray(file: path) { check(array) }
  let archive = try ZipArchive(path)
  for member in archive.members {
    guard let source = try? archive.open(member) else { continue }
    if let array = try? NPYArray(source, byteCount: member.byteCount) { check(array) }
  }
}

private func check(_ array: NPYArray) {
  let numbers = array.numbers()
  if numbers.count != array.header.shape.reduce(1, *) { fatalError("an array of another size than its shape") }
  if !numbers.allSatisfy(\.isFinite) { fatalError("a number that is not finite") }
  if array.header.element.isInteger && array.integers().count != numbers.count { fatalError("integers are missing") }
}
