/// Some samples of data in chunks, in the data's order, in chunks of their own. Of a chunk of the data no more is read than lies
/// between the first and the last sample that is wanted of it.
struct ChosenSamples: StreamingDataset {
  let layout: ChunkLayout
  private let source: any StreamingDataset
  /// In rising order.
  private let chosen: [Int]

  init(_ source: any StreamingDataset, _ chosen: [Int]) {
    (self.source, self.chosen) = (source, chosen)
    layout = ChunkLayout(count: chosen.count, rows: source.layout.rows, columns: source.layout.columns)
  }

  func load(_ samples: Range<Int>, into chunk: ChunkBuffer) throws {
    let old = source.layout
    let place = UnsafeMutableRawPointer.allocate(byteCount: max(old.memoryBytes, 1), alignment: 64)
    defer { place.deallocate() }
    var next = samples.lowerBound
    while next < samples.upperBound {
      let (start, wanted) = (next, chosen[next] / old.rows)
      while next < samples.upperBound, chosen[next] / old.rows == wanted { next += 1 }
      let read = ChunkBuffer(samples: chosen[start]..<chosen[next - 1] + 1, layout: old, start: place)
      try source.load(read.samples, into: read)
      for column in layout.columns.indices {
        for sample in start..<next {
          let row = read.row(of: chosen[sample], column: column, as: UInt8.self)
          _ = chunk.row(of: sample, column: column, as: UInt8.self).update(fromContentsOf: row)
        }
      }
    }
  }

  func batch(_ loaded: LoadedSamples, epoch: Int) throws -> Batch { try source.batch(loaded, epoch: epoch) }
}

extension DigestedDataset {
  /// Some of the samples, which must be in rising order: data in chunks stay such.
  package func choosing(_ samples: [Int], isTraining: Bool) throws -> any DigestedDataset {
    if samples.count == count { return self }
    if let streamed = self as? Streamed { return try streamed.choosing(samples, isTraining: isTraining) }
    return Subset(self, samples)
  }
}
