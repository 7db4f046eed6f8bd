import Lockstep
import Testing
import Zoo

@testable import TestSupport

/// Reproducible mode: one process and any job come to the same bits. One after the other: these take long, and would keep
/// all quick tests waiting until their time is up.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OneAnswerTests {
  /// The models of 28×28 images; `launch/one-answer` takes all of them.
  static let lessons: [Lesson] =
    Zoo.models.filter { $0.inputShape == [1, 28, 28] }.map { Lesson(model: $0.name) } + [
      // Dropout and a memory that remembers every step.
      Lesson(model: "mlp-dropout", optimizer: .adam, virtualShards: 5, epochs: 2),
      // Steps by the norms of layers.
      Lesson(model: "lenet", optimizer: .lars), Lesson(model: "lenet", optimizer: .lamb),
      // Steps made orthogonal, and the rules that remember squares.
      Lesson(model: "lenet", optimizer: .muon), Lesson(model: "softmax-regression", optimizer: .adagrad),
      Lesson(model: "softmax-regression", optimizer: .rmsprop),
      Lesson(model: "softmax-regression", optimizer: .adadelta),
      // Images that lie as bf16 between convolutions, and products of bf16.
      Lesson(model: "lenet-bn", precision: .bf16),
      // Slices of more than one sample, and as many as fit no batch: the last ones are empty.
      Lesson(model: "softmax-regression", optimizer: .adam, virtualShards: 2, epochs: 2),
      Lesson(model: "softmax-regression", batchSize: 3, virtualShards: 7),
      // Fewer slices than ranks: idle ranks learn the sum.
      Lesson(model: "softmax-regression", optimizer: .adam, virtualShards: 1, epochs: 2),
      Lesson(model: "softmax-regression", virtualShards: 3),
    ]

  @Test(arguments: lessons) func sameBitsOnAnyRanks(_ lesson: Lesson) throws {
    let alone = try lesson.train(on: .alone)
    #expect(alone.position.step == lesson.steps && alone.figures.count == lesson.epochs)
    for ranks in 2...5 {
      for (rank, found) in try simulated(ranks, { try lesson.train(on: $0) }).enumerated() {
        #expect(found.differences(from: alone) == [], "rank \(rank) of \(ranks)")
      }
    }
  }

  /// Stopped in the middle of an epoch on 2 ranks, gone on with on 3.
  @Test(arguments: lessons) func sameBitsAfterAResumeOnOtherRanks(_ lesson: Lesson) throws {
    let alone = try lesson.train(on: .alone)
    let folder = try TemporaryFolder()
    let stop = (Lesson.data.count / lesson.batchSize + 1) / 2
    let stopped = try simulated(2) { try lesson.train(on: $0, until: stop, savingIn: folder.path) }
    #expect(stopped[0].position.stepInEpoch == stop && stopped[0].figures == [])
    // One checkpoint for all: none of them may write to it.
    let checkpoint = try CheckpointFolder.load(folder.path).checkpoint
    for found in try simulated(3, { try lesson.train(on: $0, from: checkpoint) }) {
      #expect(found.differences(from: alone) == [])
    }
  }

  /// Equal digests mean something: another number of slices, seed or batch gives others.
  @Test func otherTrainingsHaveOtherBits() throws {
    let lesson = Lesson(model: "softmax-regression")
    let answer = try lesson.train(on: .alone)
    var others = [lesson, lesson, lesson]
    others[0].virtualShards = 3
    others[1].batchSize = 9
    others[2].optimizer = .adam
    for other in others { #expect(try other.train(on: .alone).state["1.weight"] != answer.state["1.weight"]) }
    #expect(try lesson.train(on: .alone) == answer)
  }

  /// Slices change the order of sums alone: the ordinary mode comes to the same model but for rounding.
  @Test func reproducibleModeTrainsTheSameModel() throws {
    let lesson = Lesson(model: "lenet")
    let entry = try #require(Zoo.model("lenet"))
    func parameters(_ isReproducible: Bool) throws -> [[Float]] {
      var configuration = lesson.configuration
      configuration.reproducible = isReproducible
      let trainer = try Trainer(drawing: entry.make(ModelSizes()), Classification(), configuration)
      try trainer.fit(Lesson.data)
      return try trainer.model.state.map { try $0.tensor.floats() }
    }
    for (found, wanted) in zip(try parameters(true), try parameters(false)) {
      let distance = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
      #expect(distance < 1e-5)
    }
  }
}
