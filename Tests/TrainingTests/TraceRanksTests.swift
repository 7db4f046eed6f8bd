import Lockstep
import Testing

@testable import TestSupport
@testable import Training

/// A trace of the ranks that the tests run in.
@Suite(.serialized) struct TraceRanksTests {
  @Test func allRanksAreInIt() throws {
    let ranks = try Ranks.duplicate(checked: false)
    guard let trace = try tracedTraining(ranks, steps: 3).trace else {
      #expect(!ranks.isRoot)
      return
    }
    #expect(trace.ranks.count == ranks.size && trace.steps == [6, 7, 8])
    let events = try TraceEvents(trace.json)
    events.checkNesting()
    #expect(events.processes.count == ranks.size)
    #expect(try #require(TraceSummary(trace)).lines.count == (ranks.size == 1 ? 1 : 3))
  }
}
