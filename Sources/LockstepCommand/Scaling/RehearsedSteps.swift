import Lockstep

/// Steps whose sums do not travel with them, and what comes of it when others travel instead.
///
/// Three kinds take turns, so that whatever changes on the machine meanwhile changes all of them: *plain* ones with no sums at
/// all; *late* ones, whose sums all begin when nothing is left to compute; and *loaded* ones, in which so much is to be carried,
/// from the first sum's beginning on, that it lasts until the end.
final class RehearsedSteps {
  struct Times {
    let profile: StepProfile
    /// All sums of a step, in the rhythm of the training.
    let carrying: Double
    let overlap: Overlap
  }

  private enum Kind: CaseIterable {
    case plain, late, loaded
  }

  /// One step, in seconds.
  private struct Note {
    /// From its beginning to that of the next one.
    var whole = 0.0
    var rehearsed = Rehearsal.Step()
    var update = 0.0
    /// From the first sum's beginning until nothing was left to compute.
    var window = 0.0
    /// From then on until all was carried.
    var rest = 0.0
  }

  let training: EndlessTraining
  /// Of each sum of a step.
  private(set) var sumBytes: [Int] = []
  private let communicator: Communicator
  private let rehearsal: Rehearsal
  private let samples: Int

  init(_ entry: ModelEntry, _ configuration: Configuration, _ communicator: Communicator) throws {
    self.communicator = communicator
    rehearsal = try Rehearsal(of: communicator)
    training = try EndlessTraining(entry, configuration, communicator, rehearsal)
    samples = (configuration.batchSize - 1) / communicator.size + 1
  }

  /// The first steps, which do what is done once.
  func warmUp() throws {
    for _ in 0..<3 { _ = try step() }
    sumBytes = rehearsal.step.sums.map(\.bytes)
  }

  /// - Parameter sums: of several sizes, as they were measured; nil where none are to travel.
  func measure(within seconds: Double, _ sums: MeasuredSums?, meeting: Double) throws -> Times {
    let late = sums == nil ? [] : sumBytes.map(ProbeMemory.init)
    let load = try sums.map(makeLoad) ?? []
    let kinds = Kind.allCases.filter { $0 == .plain || ($0 == .late ? !late.isEmpty : !load.isEmpty) }
    func round() throws -> [Note] {
      try kinds.map { kind in
        switch kind {
        case .plain: try step()
        case .late: try step(carrying: late)
        case .loaded: try step(carrying: load, isEarly: true)
        }
      }
    }
    let start = monotonicSeconds()
    _ = try round()
    let count = try communicator.repetitions(within: seconds, of: monotonicSeconds() - start, 4...500)
    let rounds = try (0..<count).map { _ in try round() }
    func notes(_ kind: Kind) -> [Note] {
      kinds.firstIndex(of: kind).map { place in rounds.map { $0[place] } } ?? []
    }
    let (profile, whole) = try profile(of: notes(.plain), meeting)
    let carrying = late.isEmpty ? 0 : try mean(notes(.late)) { $0.whole } - whole + meeting
    return Times(
      profile: profile, carrying: carrying,
      overlap: try sums.map { try overlap(notes(.plain), notes(.loaded), load, $0) } ?? Overlap())
  }

  private func step(carrying load: [ProbeMemory] = [], isEarly: Bool = false) throws -> Note {
    var note = Note()
    var requests: [Request] = []
    let begin = monotonicSeconds()
    var first = begin
    func start() throws {
      requests = try load.map { try communicator.startAllReduce($0.values, .sum, owner: $0) }
    }
    rehearsal.begin(
      firstSum: {
        first = monotonicSeconds()
        if isEarly { try start() }
      },
      allComputed: {
        let now = monotonicSeconds()
        note.window = now - first
        if !isEarly { try start() }
        for request in requests { try request.wait() }
        note.rest = monotonicSeconds() - now
      })
    try training.step()
    note.whole = monotonicSeconds() - begin
    note.rehearsed = rehearsal.step
    let rehearsed = note.rehearsed
    note.update = note.whole - rehearsed.computing - rehearsed.waiting - rehearsed.lastMeeting
    return note
  }

  /// Of all ranks.
  private func mean(_ notes: [Note], _ value: (Note) -> Double) throws -> Double {
    try communicator.means([notes.map(value).trimmedMean])[0]
  }

  /// And how long a plain step takes.
  private func profile(of notes: [Note], _ meeting: Double) throws -> (StepProfile, whole: Double) {
    let own = notes.map(\.rehearsed)
    let ready = try communicator.means(
      sumBytes.indices.map { place in own.map { place < $0.sums.count ? $0.sums[place].seconds : 0 }.trimmedMean })
    let isBlocking = own.last?.sums.map(\.isBlocking) ?? []
    let whole = try mean(notes) { $0.whole }
    let update = try mean(notes) { $0.update }
    let meetings = own.last?.meetings ?? 1
    var computing = try mean(notes) { $0.rehearsed.computing }
    var spread = try communicator.means([own.map(\.computing).trimmedDeviation])[0]
    if communicator.size > 1 {
      // What the slowest cost the others, of whom each waits in every meeting.
      let all = whole - update - Double(meetings) * meeting
      computing = max(1e-9, min(computing, all))
      spread = (all - computing) / Stragglers.expectedMaximum(of: communicator.size)
    }
    let buckets = sumBytes.indices.map { place in
      StepProfile.Bucket(
        bytes: Double(sumBytes[place]), ready: min(ready[place], computing),
        isBlocking: communicator.size > 1 && isBlocking[place])
    }
    let profile = StepProfile(
      samples: Double(samples), buckets: buckets, computing: computing, update: update, meetings: meetings,
      spread: max(0, spread))
    return (profile, whole)
  }

  /// Sums that take twice as long as what is left to compute when the first one begins; none where that is as good as nothing.
  private func makeLoad(_ sums: MeasuredSums) throws -> [ProbeMemory] {
    let notes = try (0..<3).map { _ in try step() }
    let (window, whole) = (try mean(notes) { $0.window }, try mean(notes) { $0.whole })
    guard window > 0.05 * whole, let bytes = sumBytes.max() else { return [] }
    let wanted = (2 * window / max(sums.seconds(Double(bytes)), 1e-6)).rounded(.up)
    return (0..<Int(min(max(wanted, 1), Double(max(1, (256 << 20) / bytes)), 64))).map { _ in ProbeMemory(bytes: bytes)
    }
  }

  private func overlap(_ plain: [Note], _ loaded: [Note], _ load: [ProbeMemory], _ sums: MeasuredSums) throws -> Overlap
  {
    guard !loaded.isEmpty else { return Overlap() }
    let (window, alone) = (try mean(loaded) { $0.window }, try mean(plain) { $0.window })
    let rest = try mean(loaded) { $0.rest }
    let queueing = max(0, try mean(loaded) { $0.rehearsed.waiting } - mean(plain) { $0.rehearsed.waiting })
    let bytes = Double(load.first.map { $0.values.count * 4 } ?? 0)
    let one = max(sums.seconds(bytes), 1e-9)
    let carried = max(0, Double(load.count) * one - rest)
    let sent = NetworkModel.bytesCarried(bytes, communicator.size) * carried / one
    return Overlap(
      progress: min(1, max(0.01, carried / window)),
      secondsPerByte: sent > 0 ? max(0, window - alone - queueing) / sent : 0,
      queueing: min(0.9, queueing / window))
  }
}
