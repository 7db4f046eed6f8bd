import Datasets
import Foundation
import HDF5Files
import MessagePassing
import Testing

@testable import TestSupport

/// The `lockstep` command in reproducible mode, alone and under mpirun, as users start it.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: !Environment.isLaunchedByMPI)) struct OneAnswerCommandTests {
  private let scratch: TemporaryFolder
  private let data: String

  init() throws {
    scratch = try TemporaryFolder()
    data = scratch.file("data.h5")
    try write(to: data, seed: 1)
  }

  private func write(to path: String, seed: UInt64) throws {
    let splits = [("train", Lesson.split(25, seed: seed)), ("test", Lesson.split(7, seed: seed + 100))]
    let bytes = try ClassificationFile.encode(
      splits, classNames: (0..<10).map { "class \($0)" }, sourceSHA256: String(repeating: "0", count: 64))
    try AtomicFile.write(bytes, to: path)
  }

  /// What a training is told beside the ranks' own options.
  private var recipe: [String] {
    ["train", "softmax-regression", "--data", data, "--batch-size", "10", "--epochs", "2", "--quiet"]
  }

  // MARK: One answer

  @Test func simulatedRanksAnswerAsRealOnes() throws {
    for (name, job) in [("alone", Command()), ("simulated", Command()), ("real", Command(ranks: 3))] {
      let options = name == "simulated" ? ["--simulate-ranks", "3"] : []
      let done = try job.run(recipe + ["--reproducible", "--checkpoint", scratch.file(name)] + options)
      #expect(done.status == 0, "\(name): \(done.errors)")
    }
    let digests = try ["alone", "simulated", "real"].map { try digest($0) }
    #expect(digests[0].hasPrefix("sha256:") && Set(digests).count == 1, "\(digests)")
  }

  /// Each epoch's samples are taken once, by the rank that says so; the gradient is everyone's.
  @Test func verboseShowsEachSampleOnce() throws {
    let reported = try Command().run(recipe + ["--reproducible", "--simulate-ranks", "3", "--verbose"])
    #expect(reported.status == 0, "\(reported.errors)")
    let reports = try reported.output.split(separator: "\n").map { try #require(Report($0), "\($0)") }
    #expect(reports.count == 6 * 3)
    for epoch in 0..<2 {
      let steps = (1...3).map { 3 * epoch + $0 }
      let taken = reports.filter { steps.contains($0.step) }.flatMap(\.samples)
      #expect(taken.sorted() == Array(0..<25), "epoch \(epoch)")
    }
    for step in 1...6 {
      let ofStep = reports.filter { $0.step == step }
      #expect(ofStep.map(\.rank).sorted() == [0, 1, 2])
      #expect(Set(ofStep.map(\.gradientNorm)).count == 1 && ofStep[0].gradientNorm > 0)
      #expect(ofStep.allSatisfy { $0.loss > 0 || $0.samples.isEmpty })
    }
    // One process gives the same norms, and the mean of the losses.
    let alone = try Command().run(recipe + ["--reproducible", "--verbose"])
    for report in try alone.output.split(separator: "\n").map({ try #require(Report($0)) }) {
      let parts = reports.filter { $0.step == report.step }
      #expect(parts.allSatisfy { $0.gradientNorm == report.gradientNorm })
      let sum = parts.reduce(0) { $0 + $1.loss * Double($1.samples.count) }
      #expect(abs(sum / Double(report.samples.count) - report.loss) < 1e-9)
      #expect(parts.sorted { $0.rank < $1.rank }.flatMap(\.samples) == report.samples)
    }
  }

  // MARK: Ranks that were started differently

  @Test func differentOptionsAreNamed() throws {
    let begin = "lockstep: ranks were started differently: "
    try refuse(["--seed", "1"], ["--seed", "2"], saying: begin + "seed is 1 on rank 0; 2 on rank 1")
    try refuse([], ["--check-numerics"], saying: begin + "check-numerics is false on rank 0; true on rank 1")
    try refuse(
      ["--reproducible"], ["--reproducible", "--virtual-shards", "4"], ["--reproducible"],
      saying: begin + "virtual-shards is 8 on ranks 0, 2; 4 on rank 1")
    try refuse(
      ["--checkpoint", scratch.file("saved")], [],
      saying: begin + "checkpoint is \(scratch.file("saved")) on rank 0; none on rank 1")
  }

  @Test func aResumeOnOneRankIsNamed() throws {
    #expect(try Command().run(recipe + ["--checkpoint", scratch.file("saved")]).status == 0)
    let errors = try refusal([["--resume", scratch.file("saved"), "--epochs", "3"], ["--epochs", "3"]], 64)
    #expect(errors.hasPrefix("lockstep: ranks were started differently: resume is step 6 with model sha256:"))
    #expect(errors.hasSuffix(" on rank 0; none on rank 1"), "\(errors)")
  }

  @Test func otherDataAreNamed() throws {
    try write(to: scratch.file("other.h5"), seed: 2)
    var other = recipe
    other[3] = scratch.file("other.h5")
    let done = try Command(ranks: 1).run(recipe, then: [other])
    #expect(done.status == 64)
    let pattern =
      #"lockstep: ranks were started differently: training data is sha256:\w+ on rank 0; sha256:\w+ on rank 1"#
    #expect(try NSRegularExpression(pattern: "^\(pattern)$").matches(done.errors), "\(done.errors)")
  }

  @Test func otherBuildsAreNamed() throws {
    let program = try Command.program()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: program))
    bytes.append(0)
    let other = scratch.file("lockstep")
    try bytes.write(to: URL(fileURLWithPath: other))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: other)
    let done = try Command(ranks: 2).run(recipe, then: [recipe], programs: [program, other])
    #expect(done.status == 64)
    #expect(done.errors.hasPrefix("lockstep: ranks were started differently: build is \(bytes.count - 1) bytes, CRC "))
    #expect(done.errors.contains(" on ranks 0, 1; \(bytes.count) bytes, CRC "), "\(done.errors)")
    #expect(done.errors.hasSuffix(" on rank 2") && !done.errors.contains("\n"), "\(done.errors)")
  }

  // MARK: Modes

  @Test func anotherModeIsRefusedUnlessAskedFor() throws {
    let (ordinary, eight) = (scratch.file("ordinary"), scratch.file("eight"))
    #expect(try Command().run(recipe + ["--checkpoint", ordinary]).status == 0)
    #expect(try Command().run(recipe + ["--checkpoint", eight, "--reproducible"]).status == 0)
    let cases: [(from: String, options: [String], was: String, now: String)] = [
      (ordinary, ["--reproducible"], "in ordinary mode", "in reproducible mode with 8 virtual shards"),
      (eight, [], "in reproducible mode with 8 virtual shards", "in ordinary mode"),
      (
        eight, ["--reproducible", "--virtual-shards", "4"], "in reproducible mode with 8 virtual shards",
        "in reproducible mode with 4 virtual shards"
      ),
    ]
    for (from, options, was, now) in cases {
      for ranks in [nil, 2] {
        let arguments = recipe + ["--resume", from, "--epochs=3"] + options
        let done = try Command(ranks: ranks).run(arguments.filter { $0 != "2" && $0 != "--epochs" })
        #expect(done.status == 64, "\(done.errors)")
        #expect(done.errors.contains(" was saved \(was), this run is \(now); --allow-mode-change"), "\(done.errors)")
        #expect(!done.errors.contains("\n"), "\(done.errors)")
      }
      let arguments = recipe + ["--resume", from, "--epochs=3", "--allow-mode-change"] + options
      let done = try Command().run(arguments.filter { $0 != "2" && $0 != "--epochs" })
      #expect(done.status == 0, "\(done.errors)")
    }
  }

  @Test func impossibleModesAreRefused() throws {
    for wrong in ["0", "-1", "1025", "two"] {
      let done = try Command().run(recipe + ["--simulate-ranks=\(wrong)"])
      #expect(done.status == 64 && done.errors.contains("simulate-ranks"), "\(wrong): \(done.errors)")
      #expect(!done.errors.contains("\n"), "\(done.errors)")
    }
    try refuse(
      ["--simulate-ranks", "2"], ["--simulate-ranks", "2"],
      saying: "lockstep: simulate-ranks is for one process, without mpirun")
    for shards in ["0", "4097"] {
      let done = try Command().run(recipe + ["--reproducible", "--virtual-shards=\(shards)"])
      #expect(done.status == 64 && done.errors.contains("virtual-shards is \(shards)"), "\(done.errors)")
    }
    let done = try Command().run(recipe + ["--virtual-shards=4"])
    #expect(done.status == 64 && done.errors == "lockstep: virtual-shards needs --reproducible")
  }

  // MARK: Numbers

  /// Steps so large that the weights overflow: every rank ends, and one line says where it began.
  @Test func numbersThatAreNotFiniteAreNamed() throws {
    for job in [Command(), Command(ranks: 2)] {
      let done = try job.run(recipe + ["--check-numerics", "--learning-rate", "1e38"])
      #expect(done.status == 70, "\(done.errors)")
      let pattern =
        #"lockstep: (rank \d: )?(NaN|infinity) first came from \w+.*, (for|back)ward, at step \d, slice of .*"#
      #expect(try NSRegularExpression(pattern: "^\(pattern)$").matches(done.errors), "\(done.errors)")
      #expect(done.errors.contains("rank") == (job.ranks != nil))
    }
  }

  // MARK: Support

  private func digest(_ checkpoint: String) throws -> String {
    try Command().run(["inspect", scratch.file(checkpoint), "--digest"]).output
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A job of one rank for each list of options.
  private func refusal(_ options: [[String]], _ code: Int32) throws -> String {
    let lines = options.map { own in
      own.contains("--epochs") ? recipe.filter { $0 != "2" && $0 != "--epochs" } + own : recipe + own
    }
    let done = try Command(ranks: 1).run(lines[0], then: Array(lines.dropFirst()))
    #expect(done.status == code, "\(options): \(done.errors)")
    #expect(done.seconds < 25, "\(options) hung")
    return done.errors
  }

  private func refuse(_ options: [String]..., saying line: String) throws {
    #expect(try refusal(options, 64) == line)
  }
}

/// A line of `--verbose`.
private struct Report {
  let step, rank: Int
  let loss, gradientNorm: Double
  let samples: [Int]

  init?(_ line: Substring) {
    let pattern = /step (\d+) rank (\d+): loss (\S+), gradient norm (\S+), samples ([\d ]*)/
    guard let match = line.wholeMatch(of: pattern), let step = Int(match.1), let rank = Int(match.2),
      let loss = Double(match.3), let norm = Double(match.4)
    else { return nil }
    (self.step, self.rank, self.loss, gradientNorm) = (step, rank, loss, norm)
    samples = match.5.split(separator: " ").compactMap { Int($0) }
  }
}

/// The command that this package builds, beside the test program; under mpirun where it has ranks.
private struct Command {
  var ranks: Int?

  static func program() throws -> String {
    let program = URL(fileURLWithPath: try Program.ofTests).deletingLastPathComponent()
      .appendingPathComponent("lockstep").path
    try #require(FileManager.default.isExecutableFile(atPath: program), "\(program) is not built")
    return program
  }

  /// - Parameters:
  ///   - others: arguments of further ranks, one each.
  ///   - programs: what runs, where not all ranks run the same.
  func run(
    _ arguments: [String], then others: [[String]] = [], programs: [String]? = nil
  ) throws -> Program.Result {
    let programs = try programs ?? [String](repeating: Self.program(), count: others.count + 1)
    guard let ranks else {
      return try Program.run(
        "/usr/bin/env", ["timeout", "--kill-after=5", "120", programs[0]] + arguments, environment: Job.environment)
    }
    let further = zip(programs.dropFirst(), others).map { (ranks: 1, words: [$0] + $1) }
    return try Job.run([(ranks, [programs[0]] + arguments)] + further, limit: 120)
  }
}

extension NSRegularExpression {
  fileprivate func matches(_ text: String) -> Bool {
    firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}
