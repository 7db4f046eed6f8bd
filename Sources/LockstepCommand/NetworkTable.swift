import Lockstep

/// How long sums between the ranks of a job take by each algorithm, for `doctor --network`.
struct NetworkTable {
  /// Bytes of a sum; seconds by each algorithm, in the order of `algorithms`.
  private(set) var rows: [(bytes: Int, seconds: [Double], chosen: SumAlgorithm)] = []
  let algorithms: [SumAlgorithm]

  /// Measures sums of 4 KB to 40 MB, or as many as take no more than two seconds in all. Collective.
  init(measuring communicator: Communicator) throws {
    algorithms = communicator.sumAlgorithms
    var spent = 0.0
    for bytes in [4_000, 40_000, 400_000, 4_000_000, 40_000_000] where spent < 2 {
      let seconds = try algorithms.map {
        try communicator.measureSum(elements: bytes / 4, by: $0, repetitions: bytes > 10_000_000 ? 5 : 20)
      }
      spent += 5 * seconds.reduce(0, +)
      guard let chosen = communicator.sumAlgorithm(elements: bytes / 4) else { continue }
      rows.append((bytes, seconds, chosen))
    }
  }

  /// A heading and a line for each size: milliseconds, and how many bytes of the sum that is a second.
  var lines: [String] {
    [Table.row(["allreduce (ms)"] + algorithms.map(\.rawValue) + ["in use"])]
      + rows.map { row in
        let rate = zip(algorithms, row.seconds).first { $0.0 == row.chosen }.map { Double(row.bytes) / $0.1 / 1e6 }
        let use = "\(row.chosen.rawValue), \(Int((rate ?? 0).rounded())) MB/s"
        return Table.row([Self.size(row.bytes)] + row.seconds.map(Self.milliseconds) + [use])
      }
  }

  private static func size(_ bytes: Int) -> String {
    bytes < 1_000_000 ? "  \(bytes / 1000) KB" : "  \(bytes / 1_000_000) MB"
  }

  private static func milliseconds(_ seconds: Double) -> String { "\((seconds * 1e6).rounded() / 1e3)" }
}
