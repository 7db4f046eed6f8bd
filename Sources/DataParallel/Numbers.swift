/// Numbers in memory that stays where it is while they travel; zeros at first.
final class Numbers<Element: BitwiseCopyable & ExpressibleByIntegerLiteral> {
  let values: UnsafeMutableBufferPointer<Element>

  init(_ values: [Element]) {
    self.values = .allocate(capacity: values.count)
    _ = self.values.initialize(from: values)
  }

  init(count: Int) {
    values = .allocate(capacity: count)
    values.initialize(repeating: 0)
  }

  deinit { values.deallocate() }

  subscript(range: Range<Int>) -> UnsafeMutableBufferPointer<Element> { .init(rebasing: values[range]) }
}
