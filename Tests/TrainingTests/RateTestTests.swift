import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// The search for a learning rate.
@Suite struct RateTestTests {
  private static let data = ImageDataset(smallImages(100))

  private static func points(
    _ communicator: Communicator, last: Double = 10, steps: Int = 40, change: (inout Configuration) -> Void = { _ in }
  ) throws -> [RateTest.Point] {
    let test = try RateTest(from: 1e-4, to: last, steps: steps)
    var configuration = smallConfiguration(epochs: 1)
    (configuration.reproducible, configuration.warmup, configuration.steps) = (true, 5, 3)
    change(&configuration)
    let trainer = try Trainer(
      drawing: smallNetwork(), Classification(), test.configuration(of: configuration), on: communicator)
    return try test.run(trainer, on: data)
  }

  /// Rates rise by one factor from the first to the last, over more than one epoch, whatever schedule the training has.
  @Test func risesExponentially() throws {
    let points = try Self.points(.alone, last: 0.1)
    #expect(points.count == 40)
    #expect(abs(points[0].rate / 1e-4 - 1) < 1e-12 && abs((points.last?.rate ?? 0) / 0.1 - 1) < 1e-12)
    let ratios = zip(points, points.dropFirst()).map { $1.rate / $0.rate }
    #expect(ratios.allSatisfy { abs($0 - ratios[0]) < 1e-12 })
    #expect(points[0].smoothed == points[0].loss)
    // It learns: the suggestion is a rate between.
    let suggestion = try #require(RateTest.suggestion(of: points))
    #expect((1e-3..<0.1).contains(suggestion))
  }

  /// Any number of ranks comes to the same bits.
  @Test func oneAnswer() throws {
    let alone = try Self.points(.alone)
    for found in try simulated(3, { try Self.points($0) }) { #expect(found == alone) }
  }

  /// It ends where the loss bursts, or is no number any more.
  @Test func endsEarly() throws {
    let burst = try Self.points(.alone, last: 1e6)
    #expect((3..<40).contains(burst.count))
    #expect(try Self.points(.alone, last: 1e38, steps: 13).count < 13)
  }

  /// Patterns keep their ratio to the rest.
  @Test func scalesAllRates() throws {
    let test = try RateTest(from: 0.001, to: 1)
    let training = try smallConfiguration().with(["learning-rate": "head=0.5,*=0.25", "ema": "0.9"])
    let configuration = test.configuration(of: training)
    #expect(configuration.optimization.learningRate.text == "head=0.002,*=0.001")
    #expect(configuration.ema == nil && configuration.schedule == .constant)
    for (first, last, steps) in [(0.0, 1.0, 100), (1, 1, 100), (1, .infinity, 100), (-1, 1, 100), (0.1, 1, 12)] {
      #expect(throws: ConfigurationError.self) { try RateTest(from: first, to: last, steps: steps) }
    }
  }

  /// Lightning's: numpy.gradient of the losses from the eleventh to the last but one, and its minimum's place.
  @Test func suggestsTheSteepest() {
    func suggestion(_ losses: [Double]) -> Double? {
      RateTest.suggestion(of: losses.enumerated().map { .init(rate: Double($0), loss: 0, smoothed: $1) })
    }
    let flat = [Double](repeating: 2, count: 10)
    #expect(suggestion(flat + [2, 1.9, 1.5, 1, 0.9, 0.9, 5]) == 12)
    #expect(suggestion(flat + [2, 1, 0.9, 0.8, 7]) == 10)
    #expect(suggestion(flat + [1, 2, 3, 4]) == nil && suggestion(flat + [1, 0]) == nil && suggestion([]) == nil)
  }
}
