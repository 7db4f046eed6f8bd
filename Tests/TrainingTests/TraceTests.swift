import Foundation
import Lockstep
import Testing

@testable import MessagePassing
@testable import TestSupport
@testable import Training

/// What a trace's file says, read again.
struct TraceEvents {
  struct Event {
    let rank, row: Int
    let start, end: Double
    let name: String
    let step: Int
  }
  private(set) var events: [Event] = []
  private(set) var processes: [Int: String] = [:]
  private(set) var threads: [[Int]: String] = [:]

  init(_ bytes: [UInt8]) throws {
    let file = try #require(try JSONSerialization.jsonObject(with: Foundation.Data(bytes)) as? [String: Any])
    for event in try #require(file["traceEvents"] as? [[String: Any]]) {
      let rank = try #require(event["pid"] as? Int)
      let name = try #require(event["name"] as? String)
      let arguments = try #require(event["args"] as? [String: Any])
      if event["ph"] as? String == "M" {
        if name == "process_name" { processes[rank] = arguments["name"] as? String }
        if name == "thread_name" { threads[[rank, try #require(event["tid"] as? Int)]] = arguments["name"] as? String }
        continue
      }
      #expect(event["ph"] as? String == "X")
      let start = try #require(event["ts"] as? Double)
      events.append(
        Event(
          rank: rank, row: try #require(event["tid"] as? Int), start: start,
          end: start + (try #require(event["dur"] as? Double)), name: name,
          step: try #require(arguments["step"] as? Int)))
    }
  }

  /// Those of a rank's row, in the order of the file.
  func row(_ name: String, of rank: Int) -> [Event] {
    events.filter { $0.rank == rank && threads[[rank, $0.row]] == name }
  }

  /// In each row spans lie beside or within each other, but for the rounding of a thousandth.
  func checkNesting() {
    for row in Dictionary(grouping: events, by: { [$0.rank, $0.row] }).values {
      var around: [Event] = []
      for event in row {
        while let last = around.last, last.end <= event.start + 1e-4 { around.removeLast() }
        if let last = around.last { #expect(event.end <= last.end + 1e-4, "\(event) leaves \(last)") }
        around.append(event)
      }
    }
  }
}

/// Trains the small network for two epochs of seven steps and records what `steps` say.
func tracedTraining(
  _ ranks: Communicator, steps: Int = 4, reproducible: Bool = false, clockName: String = ClockComparison.clockName,
  clock: @escaping @Sendable () -> Int = monotonicNanoseconds
) throws -> (trace: Trace?, digest: String) {
  var configuration = smallConfiguration()
  (configuration.reproducible, configuration.virtualShards) = (reproducible, 4)
  let recorder = try TraceRecorder(over: ranks, steps: steps, clockName: clockName, clock: clock)
  let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: ranks)
  recorder.open(trainer)
  try trainer.fit(ImageDataset(smallImages(100)), test: ImageDataset(smallImages(20)))
  return (try recorder.finish(), try digest(trainer.model))
}

@Suite struct TraceTests {
  private static let layers = ["model Sequential", "0 Flatten", "1 Linear", "2 ReLU", "3 Dropout", "4 Linear"]

  @Test(arguments: 1...4, [false, true]) func whatEachRankDid(_ ranks: Int, _ reproducible: Bool) throws {
    let results = try simulated(ranks) { try tracedTraining($0, reproducible: reproducible) }
    let untraced = try simulated(ranks) { communicator in
      var configuration = smallConfiguration()
      (configuration.reproducible, configuration.virtualShards) = (reproducible, 4)
      let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration, on: communicator)
      try trainer.fit(ImageDataset(smallImages(100)), test: ImageDataset(smallImages(20)))
      return try digest(trainer.model)
    }
    #expect(results.map(\.digest) == untraced)
    #expect(results.map { $0.trace == nil } == (0..<ranks).map { $0 > 0 })
    let trace = try #require(results[0].trace)
    #expect(trace.steps == [6, 7, 8, 9])
    let events = try TraceEvents(trace.json)
    events.checkNesting()
    #expect(
      events.processes
        == Dictionary(
          uniqueKeysWithValues: (0..<ranks).map { rank in
            (rank, "rank \(rank) on \(ProcessInfo.processInfo.hostName)")
          }))
    for rank in 0..<ranks {
      let row = events.row("training", of: rank)
      // The fourth step of the second epoch was the last one.
      #expect(row.filter { $0.name == "evaluate" }.map(\.step) == [8])
      for step in trace.steps {
        let spans = row.filter { $0.step == step }
        for part in StepPart.allCases { #expect(spans.contains { $0.name == part.rawValue }) }
        for (part, layers) in [("forward", Self.layers), ("backward", ["4 Linear", "2 ReLU", "1 Linear"])] {
          let around = spans.filter { $0.name == part }
          for layer in layers {
            let isThere = spans.contains { span in
              span.name == layer && around.contains { $0.start <= span.start && span.end <= $0.end }
            }
            #expect(isThere, "\(layer) \(part)")
          }
        }
        let messages = events.events.filter { $0.rank == rank && $0.step == step }
          .filter { events.threads[[rank, $0.row]]?.hasPrefix("messages") == true }
        if ranks > 1 && !reproducible {
          // One bucket, and one for the losses.
          #expect(messages.filter { $0.name == "allreduce" }.count == 2)
        }
        #expect(messages.isEmpty == (ranks == 1))
      }
    }
  }

  /// The second rank's clock is of another host, and five seconds ahead: what both do at once must come out so.
  @Test func clocksAreAligned() throws {
    let results = try simulated(3) { ranks in
      let ahead = ranks.rank == 0 ? 0 : 5_000_000_000
      return try tracedTraining(ranks, clockName: ranks.rank == 0 ? "a" : "b") { monotonicNanoseconds() + ahead }
    }
    let trace = try #require(results[0].trace)
    let sums = trace.ranks.map { rank in rank.spans.filter { $0.name == "allreduce" && $0.step < 8 } }
    #expect(sums[0].count == 4)
    for (index, sum) in sums[0].enumerated() {
      let together = sums.map { $0[index] }
      // A sum ends on no rank before it has begun on all, but for what the clocks were misjudged by.
      let (begun, ended) = (together.map(\.start).max() ?? 0, together.map(\.end).min() ?? 0)
      #expect(begun <= ended + 50_000_000, "\(sum)")
    }
  }

  @Test func clocksThatDriftApart() {
    // Rank 1 gains a thousandth.
    func clock(_ time: Int) -> Int { time + 7_000_000 + time / 1000 }
    func comparison(at time: Int) -> ClockComparison { ClockComparison(time: time, ahead: [0, clock(time) - time]) }
    let alignment = ClockAlignment(comparison(at: 1_000_000), comparison(at: 9_000_000))
    for time in stride(from: 0, through: 12_000_000, by: 1_000_000) {
      #expect(alignment.time(time, ofRank: 0) == time)
      #expect(abs(alignment.time(clock(time), ofRank: 1) - time) <= 1)
    }
  }

  @Test func memoryHasABound() {
    let timeline = Timeline(steps: 3, skippedSteps: 1, mostSpans: 7, clock: { 0 })
    timeline.note("before", from: 0)
    timeline.open()
    for step in 0..<10 {
      timeline.note("a\(step)", from: step)
      timeline.finishStep(from: step)
    }
    #expect(!timeline.isOpen)
    #expect(timeline.noted.spans.map(\.name) == ["a1", "step", "a2", "step", "a3"] && timeline.noted.lost == 1)
    #expect(timeline.noted.spans.map(\.step) == [1, 1, 2, 2, 3])
  }

  /// A convolution that owes its result, and with a ReLU still does, is what computes it at the first look, and backward.
  @Test func whatIsOwedIsItsLayers() throws {
    let timeline = Timeline(steps: 1, skippedSteps: 0)
    timeline.open()
    let model = Sequential(Conv2D(1, 4, kernel: 3), ReLU())
    try LayerTimeline(timeline, of: model).run { try model(.ones([2, 1, 8, 8])).sum().backward() }
    let spans = timeline.noted.spans
    let relu = try #require(spans.first { $0.name == "1 ReLU" })
    let paid = spans.filter { $0.name == "0 Conv2D" && $0.start >= relu.start }
    #expect(paid.count == 3 && paid[0].end <= relu.end && paid[1].start > relu.end)
    #expect(spans.filter { $0.name == "1 ReLU" }.count == 1)
  }

  /// A training shorter than what is left out shows all of its steps.
  @Test func shortTrainings() throws {
    let recorder = try TraceRecorder(over: .alone)
    var configuration = smallConfiguration()
    configuration.steps = 3
    let trainer = try Trainer(drawing: smallNetwork(), Classification(), configuration)
    recorder.open(trainer)
    try trainer.fit(ImageDataset(smallImages(100)))
    #expect(try recorder.finish()?.steps == [1, 2, 3])
  }

  @Test func spansThatFollowEachOtherAreOne() {
    let timeline = Timeline(steps: 1, skippedSteps: 0)
    timeline.open()
    timeline.note("conv", from: 0, to: 10_000, joining: true)
    timeline.note("conv", from: 11_000, to: 20_000, joining: true)
    timeline.note("conv", from: 40_000, to: 50_000, joining: true)
    timeline.note("relu", from: 50_000, to: 60_000, joining: true)
    #expect(timeline.noted.spans.map { [$0.start, $0.end] } == [[0, 20_000], [40_000, 50_000], [50_000, 60_000]])
  }
}

/// Two ranks, each on a host of its own; the second computes longer, and half of its sum is hidden.
@Suite struct TraceSummaryTests {
  private var trace: Trace {
    func span(_ name: String, _ range: Range<Int>, _ step: Int, _ row: Timeline.Row = .training) -> Timeline.Span {
      let origin = step * 100_000_000
      return Timeline.Span(
        row: row, name: name, start: origin + range.lowerBound * 1_000_000, end: origin + range.upperBound * 1_000_000,
        step: step)
    }
    func rank(_ host: String, backward: Int) -> TracedRank {
      let spans = [1, 2, 3].flatMap { step in
        [
          span("fetch", 0..<2, step), span("step", 2..<40, step), span("forward", 2..<10, step),
          span("backward", 10..<backward, step), span("allreduce", backward - 8..<36, step, .messages),
          span("wait", backward..<36, step), span("update", 36..<40, step),
        ]
      }
      return TracedRank(host: host, (spans: spans, lost: host == "b" ? 3 : 0))
    }
    return Trace(ranks: [rank("a", backward: 20), rank("b", backward: 28)])
  }

  @Test func inWords() throws {
    let summary = try #require(TraceSummary(trace))
    #expect(summary.stepMilliseconds == 40)
    #expect(
      summary.lines == [
        "steps 1 to 3 of 2 ranks on 2 hosts, 40.0 ms each in the median: "
          + "fetch 5 %, forward 20 %, backward 35 %, wait 30 %, update 10 %",
        "messages were on their way for 20.0 ms of a step, of which 8.00 ms (40 %) hidden behind computing",
        "rank 1 on b came last in 3 of 3 steps, 8.00 ms after the first in the median",
        "the slowest host is b: 30.0 ms of computing a step, 36 % more than a",
        "rank 1 had no room for 3 more spans: trace fewer steps",
      ])
  }

  @Test func asAPicture() throws {
    let picture = String(decoding: TracePicture.svg(of: trace), as: UTF8.self)
    #expect(picture.hasPrefix("<svg ") && picture.hasSuffix("</svg>\n"))
    for word in ["rank 0 on a", "rank 1 on b", "step 2, 40.000 ms", "<title>backward, 18.000 ms</title>"] {
      #expect(picture.contains(word), "\(word)")
    }
    // Five parts and a message of each rank, seven colours' meanings, and the background.
    #expect(picture.components(separatedBy: "<rect").count - 1 == 20)
  }

  @Test func nothingWasRecorded() {
    let empty = Trace(ranks: [TracedRank(host: "a", (spans: [], lost: 0))])
    #expect(TraceSummary(empty) == nil && empty.steps.isEmpty)
    #expect(String(decoding: TracePicture.svg(of: empty), as: UTF8.self).hasPrefix("<svg "))
  }
}
