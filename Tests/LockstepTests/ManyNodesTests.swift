import Foundation
import Lockstep
import Testing

@testable import TestSupport

/// The article's program, which must have a job to itself: this test program starts itself under mpirun.
private enum ManyNodes {
  static let variable = "LOCKSTEP_TEST_FOLDER"
  static let folder = ProcessInfo.processInfo.environment[variable]
}

@Suite(.enabled(if: ManyNodes.folder != nil)) struct ManyNodesScenario {
  @Test func run() throws {
    let folder = try #require(ManyNodes.folder)
    let (data, heldOut) = (ImageDataset(smallImages(100, side: 28)), ImageDataset(smallImages(30, side: 28)))
    let configuration = Configuration(model: "perceptron", epochs: 2, batchSize: 25, learningRate: 0.1)
    let ranks = try Environment.start()  // the job that mpirun or srun started, or this process alone
    let trainer = try Trainer(drawing: Perceptron(), Classification(), configuration, on: ranks)
    if ranks.isRoot { trainer.observers = [ProgressPrinter()] }
    try trainer.fit(data, test: heldOut, saving: CheckpointPlan(CheckpointFolder(folder)))
    Environment.finish()
  }
}

@Suite(.enabled(if: !Environment.isLaunchedByMPI)) struct ManyNodesTests {
  @Test func twoRanks() throws {
    let folder = try TemporaryFolder()
    let words = [try Program.ofTests, "--testing-library", "swift-testing", "--filter", "ManyNodesScenario"]
    let done = try Job.run([(2, words)], limit: 60, environment: [ManyNodes.variable: folder.path])
    #expect(done.status == 0, "\(done.text)")
    let (_, checkpoint) = try CheckpointFolder.load(folder.path)
    #expect(checkpoint.position.epoch == 2 && checkpoint.position.samplesSeen == 200)
  }
}
