import Lockstep
import Testing
import Zoo

@testable import TestSupport

@Suite struct RegressionTests {
  private let rows: TableDataset

  init() throws { rows = TableDataset(try SyntheticLinearData().split(rows: 1000)) }

  /// The notes' line, found to a hundredth in three epochs.
  @Test func linearRegressionFindsItsWeights() throws {
    let network = Sequential(Linear(2, 1, weights: .normal(standardDeviation: 0.01), biases: .constant(0)))
    let configuration = Configuration(model: "linear", epochs: 3, batchSize: 10, learningRate: 0.03)
    try Trainer(drawing: network, Regression(), configuration).fit(rows)
    let weights = try #require(try network.tensor(named: "0.weight")?.values(as: Double.self))
    for (found, truth) in zip(weights, [2, -3.4]) { #expect(abs(found - truth) < 0.01) }
    #expect(abs(try #require(network.tensor(named: "0.bias")).item() - 4.2) < 0.01)
  }

  /// Rows are neighbouring points and the next; the book's network comes near the noise, whose deviation is 0.2.
  @Test func aNoisySineIsPredicted() throws {
    let data = SyntheticSineData(points: 1000, lags: 4, noise: 0.2)
    let (points, rows) = (try data.series(), try data.split(0..<data.rowCount))
    #expect(rows.count == 996 && Array(rows.features[20..<24]) == Array(points[5..<9]) && rows.targets?[5] == points[9])
    let network = sinePerceptron()
    let configuration = Configuration(
      model: "sine-mlp", epochs: 5, batchSize: 16, learningRate: 0.01, optimizer: .adam)
    try Trainer(drawing: network, Regression(), configuration).fit(TableDataset(try data.split(0..<600)))
    let rest = TableDataset(try data.split(600..<996))
    let batch = try rest.batch(Array(0..<rest.count))
    let loss = try withoutGradient { try meanSquaredError(network(batch.inputs), batch.targets).item() }
    #expect(loss > 0.03 && loss < 0.09)
  }

  @Test func measures() throws {
    let network = Sequential(Linear(1, 1))
    try network.load(["0.weight": Tensor([Float(2)], shape: [1, 1]), "0.bias": Tensor([Float(0)])])
    let batch = Batch(
      inputs: Tensor([1, 2, -5] as [Float], shape: [3, 1]),
      targets: Tensor([3, 4, 1] as [Float], shape: [3, 1]),
      samples: [0, 1, 2])
    let plain = Regression()
    let totals = try plain.totals(of: network, on: batch)
    #expect(totals.loss == 1 + 0 + 121 && totals.weight == 3)
    #expect(plain.measures(of: totals).map(\.name) == ["loss", "rmse"])
    // The prediction -10 counts as 1, whose logarithm is that of its target.
    let logarithmic = Regression(isLogarithmic: true)
    let measured = logarithmic.measures(of: try logarithmic.totals(of: network, on: batch))
    #expect(measured.map(\.name) == ["loss", "log_rmse"])
    #expect(abs(measured[1].value - 0.405465 / 3.0.squareRoot()) < 1e-6)
  }

  @Test func foldsLeaveEachRowOutOnce() throws {
    for (count, folds) in [(43, 5), (10, 10), (7, 2)] {
      let data = Subset(rows, Array(0..<count))
      var seen: [Float] = []
      for fold in 0..<folds {
        let (train, valid) = Subset.fold(fold, of: folds, data)
        #expect(train.count + valid.count == count && abs(valid.count - count / folds) <= 1)
        seen += try valid.batch(Array(0..<valid.count)).targets.floats()
      }
      #expect(try seen == data.batch(Array(0..<count)).targets.floats())
    }
  }

  @Test(arguments: [0, 1, 44, -3]) func foldsThatCanNotBe(_ folds: Int) {
    let configuration = Configuration(model: "linear", epochs: 1, batchSize: 10, learningRate: 0.03)
    #expect(throws: ConfigurationError.self) {
      try CrossValidation(folds: folds, of: Subset(rows, Array(0..<43)), configuration, Regression())
    }
  }

  @Test func tensorsInFiles() throws {
    let folder = try TemporaryFolder()
    let (x, y) = (Tensor.arange(4), Tensor.zeros([2, 3], .float64))
    try TensorFile.save(x, to: folder.file("x"))
    #expect(try TensorFile.tensor(folder.file("x")).values(as: Int64.self) == [0, 1, 2, 3])
    let many = (0..<12).map { Tensor(Float($0)) }
    try TensorFile.save(many, to: folder.file("list"))
    #expect(try TensorFile.list(folder.file("list")).map { try $0.item() } == (0..<12).map(Double.init))
    try TensorFile.save(["x": x, "y.z": y], to: folder.file("dictionary"))
    let read = try TensorFile.dictionary(folder.file("dictionary"))
    #expect(read.keys.sorted() == ["x", "y.z"] && read["y.z"]?.shape == [2, 3] && read["y.z"]?.dtype == .float64)
    #expect(throws: (any Error).self) { try TensorFile.list(folder.file("dictionary")) }
    #expect(throws: (any Error).self) { try TensorFile.tensor(folder.file("list")) }
    #expect(throws: TensorError.self) { try TensorFile.save(["a/b": x], to: folder.file("bad")) }
  }

  @Test func devices() throws {
    let x = Tensor([Float(1)])
    #expect(x.to(.cpu) === x && x.device == .cpu)
    #expect(Device.tryAllGPUs().count == max(1, Device.cudaCount))
    let missing = Device.cuda(Device.cudaCount)
    #expect(message { _ = try x.to(missing).floats() }?.contains("\(missing)") == true)
    #expect(Device.tryGPU(-1) == .cpu && Device.tryGPU(1000) == .cpu)
  }
}
