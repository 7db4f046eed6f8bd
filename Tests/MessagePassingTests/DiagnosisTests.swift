import Testing

@testable import MessagePassing
@testable import TestSupport

/// For whom does a rank wait? Each case as the ranks of one host would show it.
@Suite struct DiagnosisTests {
  /// Rank 0 waits at step 41 in allreduce #118, and so, first, do the others.
  private func waiting(_ rank: Int) -> RankProgress {
    RankProgress(
      rank: rank, step: 41, isInside: true, operation: .allReduce, communicator: 0, sequence: 118, peer: nil,
      silentSeconds: 0.2)
  }

  private func diagnose(_ local: [RankProgress], members: [Int] = [0, 1, 2], own: RankProgress? = nil) -> Diagnosis {
    Diagnosis(own: own ?? waiting(0), local: local, members: members, silenceLimitSeconds: 2)
  }

  private func changed(_ rank: Int, _ change: (inout RankProgress) -> Void) -> RankProgress {
    var progress = waiting(rank)
    change(&progress)
    return progress
  }

  @Test func aRankOutsideIsLate() {
    let late = changed(2) { ($0.isInside, $0.sequence) = (false, 117) }
    let diagnosis = diagnose([waiting(0), waiting(1), late])
    #expect(diagnosis.text == "rank 2 is late: at step 41, outside any collective, after allreduce #117")
    #expect(diagnosis.namesRank)
  }

  @Test func aSilentRankIsStoppedWhereverItIs() {
    let diagnosis = diagnose([waiting(0), changed(1) { $0.isInside = false }, changed(2) { $0.silentSeconds = 9 }])
    #expect(diagnosis.text == "rank 2 is stopped: at step 41 in allreduce #118")
  }

  @Test func whatIsKnownOfASilentRankIsTold() {
    func told(_ absence: Absence?) -> Diagnosis {
      let silent = changed(2) { ($0.silentSeconds, $0.absence, $0.host) = (9, absence, "node7") }
      return diagnose([waiting(0), changed(1) { $0.silentSeconds = 9 }, silent], members: [0, 2])
    }
    #expect(told(.stopped).text == "rank 2 on node7 is stopped: last seen at step 41 in allreduce #118")
    #expect(told(.outOfReach).text == "rank 2 on node7 can't be reached: last seen at step 41 in allreduce #118")
    #expect(told(.ended).text == "rank 2 on node7 has ended: last seen at step 41 in allreduce #118")
    #expect(told(.stopped).isSilent && !told(.stopped).isGone && told(.ended).isGone)
    #expect(!diagnose([waiting(0), changed(1) { $0.isInside = false }]).isSilent)
    // Who has ended is to blame for those who are stopped, too.
    let (ended, stopped) = (
      changed(2) { ($0.silentSeconds, $0.absence) = (9, .ended) }, changed(1) { $0.silentSeconds = 9 }
    )
    #expect(diagnose([waiting(0), stopped, ended]).text == "rank 2 has ended: last seen at step 41 in allreduce #118")
  }

  @Test func aRankInAnotherCollectiveIsNamed() {
    let other = changed(1) { $0.operation = .barrier }
    #expect(diagnose([waiting(0), other]).text == "rank 1 is in another collective: at step 41 in barrier #118")
    let elsewhere = changed(1) { ($0.communicator, $0.step) = (3, nil) }
    #expect(
      diagnose([waiting(0), elsewhere]).text
        == "rank 1 is in another collective: in allreduce #118 of communicator 3")
  }

  @Test func aRankBehindIsLate() {
    let behind = changed(2) { $0.sequence = 117 }
    #expect(diagnose([waiting(0), waiting(1), behind]).text == "rank 2 is late: at step 41 in allreduce #117")
  }

  /// Who has been through the collective is not to blame, but a started allreduce needs its ranks to come back to it.
  @Test func aRankThatIsPastItIsNamedOnlyIfNobodyElseIs() {
    let past = changed(1) { $0.isInside = false }
    let late = changed(2) { ($0.isInside, $0.sequence) = (false, 116) }
    #expect(diagnose([waiting(0), past, late]).text.hasPrefix("rank 2 is late"))
    #expect(
      diagnose([waiting(0), past, waiting(2)]).text
        == "rank 1 is late: at step 41, outside any collective, after allreduce #118")
  }

  @Test func aRankThatNeverCameIsLate() {
    let absent = changed(1) { ($0.isInside, $0.operation, $0.sequence, $0.step) = (false, .none, 0, nil) }
    #expect(diagnose([waiting(0), absent]).text == "rank 1 is late: before any collective")
  }

  @Test func ranksThatAreNotAwaitedAreNotNamed() {
    let outsider = changed(2) { ($0.isInside, $0.sequence) = (false, 3) }
    let diagnosis = diagnose([waiting(0), waiting(1), outsider], members: [0, 1])
    #expect(diagnosis.text == "all ranks have reached it, but MPI makes no progress")
    #expect(!diagnosis.namesRank)
  }

  @Test func ranksOfOtherHostsAreNotKnown() {
    let diagnosis = diagnose([waiting(0), waiting(1)], members: [0, 1, 2])
    #expect(diagnosis.text == "a rank on another host is late")
    #expect(!diagnosis.namesRank)
    let known = Diagnosis(
      own: waiting(0), local: [waiting(0)], members: [0, 1, 2], silenceLimitSeconds: 2, hosts: ["h1", "h2", "h3"])
    #expect(known.text == "a rank on h2 or h3 is late")
  }

  @Test func whoWaitsForASilentRankIsNotNamed() {
    let receiver = changed(0) { ($0.operation, $0.peer) = (.receive, 1) }
    let between = changed(1) { ($0.operation, $0.peer) = (.exchange, 2) }
    let silent = changed(2) { $0.silentSeconds = 9 }
    #expect(diagnose([receiver, between, silent], own: receiver).text.hasPrefix("rank 2 is stopped"))
  }

  @Test func aReceiverWaitsForItsPeerOnly() {
    let receiver = changed(0) { ($0.operation, $0.peer) = (.receive, 2) }
    let late = changed(2) { ($0.isInside, $0.sequence) = (false, 117) }
    let other = changed(1) { ($0.isInside, $0.sequence) = (false, 117) }
    #expect(diagnose([receiver, other, late], own: receiver).text.hasPrefix("rank 2 is late"))
  }

  @Test func aRankAtWorkIsNotLate() {
    let saving = changed(2) { ($0.isInside, $0.sequence, $0.work) = (false, 117, .saving) }
    let diagnosis = diagnose([waiting(0), waiting(1), saving])
    #expect(diagnosis.isAtWork)
    #expect(
      diagnosis.text == "rank 2 is saving a checkpoint: at step 41, outside any collective, after allreduce #117")
    // But who is late beside it is, and so is who was stopped at work.
    let late = changed(1) { ($0.isInside, $0.sequence) = (false, 117) }
    #expect(!diagnose([waiting(0), late, saving]).isAtWork)
    #expect(diagnose([waiting(0), late, saving]).text.hasPrefix("rank 1 is late"))
    let stopped = changed(2) { ($0.isInside, $0.sequence, $0.work, $0.silentSeconds) = (false, 117, .saving, 9) }
    #expect(diagnose([waiting(0), waiting(1), stopped]).text.hasPrefix("rank 2 is stopped"))
  }

  @Test func workIsShownOutsideOfOperationsAndMayHoldOther() throws {
    let board = try ProgressBoard.alone(worldRank: 3)
    func work() -> LocalWork? { board.ownProgress(at: 0)?.work }
    let outer = board.beginWork(.computing)
    let inner = board.beginWork(.loading)
    #expect(work() == .loading)
    board.endWork(inner)
    #expect(work() == .computing)
    board.enter(.barrier, communicator: 0, sequence: 1)
    #expect(work() == nil)
    board.leave()
    #expect(work() == .computing)
    board.endWork(outer)
    #expect(work() == nil)
  }

  /// What a watchdog is told of another host's ranks is what that host's own sees.
  @Test func hostsShowEachOtherTheirRanks() throws {
    let (here, there) = try (ProgressBoard.alone(worldRank: 0), ProgressBoard.alone(worldRank: 5))
    there.noteStep(41)
    there.beat(at: 1_000_000_000)
    there.noteTraffic(at: 500_000_000)
    _ = there.beginWork(.saving)
    let (own, other) = (try #require(HostChannel.bound()), try #require(HostChannel.bound()))
    let loopback = UInt32(bigEndian: 0x7F00_0001)
    let asking = HostChannel(
      own.descriptor, here, secret: 7, places: [HostChannel.Place(addresses: [loopback], port: other.port)])
    let answering = HostChannel(other.descriptor, there, secret: 7, places: [])
    #expect(asking.progress(at: 3_000_000_000).isEmpty)
    // Nobody is told anything who does not know the secret.
    let stranger = try #require(HostChannel.bound())
    let place = HostChannel.Place(addresses: [loopback], port: own.port)
    HostChannel(stranger.descriptor, here, secret: 8, places: [place]).ask(at: 2_900_000_000)
    asking.ask(at: 3_000_000_000)
    answering.serve(at: 3_000_000_000)
    asking.serve(at: 3_000_000_000)
    var wanted = there.localProgress(at: 3_000_000_000)
    #expect(wanted.first?.stillSeconds == 2.5)
    wanted[0].stillSeconds += 1
    #expect(asking.progress(at: 4_000_000_000) == wanted)
    #expect(asking.progress(at: 4_000_000_000).first?.work == .saving)
    // Asked again, it does not answer, though its system lives: the rank is stopped. Without its socket it has ended.
    for at in stride(from: UInt64(4_000_000_000), through: 8_000_000_000, by: 1_000_000_000) { asking.ask(at: at) }
    let silent = try #require(asking.progress(at: 8_000_000_000).first)
    #expect(silent.silentSeconds == 7 && silent.absence == .stopped)
  }

  @Test func aRankWhoseSocketIsClosedHasEnded() throws {
    let (own, other) = (try #require(HostChannel.bound()), try #require(HostChannel.bound()))
    let place = HostChannel.Place(addresses: [UInt32(bigEndian: 0x7F00_0001)], port: other.port)
    let asking = HostChannel(own.descriptor, try .alone(worldRank: 0), secret: 7, places: [place])
    do {
      let answering = HostChannel(other.descriptor, try .alone(worldRank: 5), secret: 7, places: [])
      asking.ask(at: 1_000_000_000)
      answering.serve(at: 1_000_000_000)
      asking.serve(at: 1_000_000_000)
    }
    for at in [2_000_000_000, 3_500_000_000] as [UInt64] { asking.ask(at: at) }
    #expect(asking.progress(at: 3_500_000_000).first?.absence == .ended)
  }

  /// A rank that ended without a word shows in its record, once it is silent.
  @Test func aProcessThatIsGoneHasEnded() throws {
    let board = try ProgressBoard.alone(worldRank: 3)
    board.beat(at: 1_000_000_000)
    #expect(board.localProgress(at: 9_000_000_000).first?.absence == nil)
    let words: [UInt64] = [0, 0, 0, 1 << 63 | 77 << 32 | 4, 0]
    let gone = try #require(RankProgress(words: words, silentSeconds: 9, stillSeconds: .infinity))
    #expect(gone.rank == 3 && gone.absence == .ended)
  }

  @Test func manyLateRanksAreCounted() {
    let late = (1...5).map { rank in changed(rank) { ($0.isInside, $0.sequence) = (false, 117) } }
    let text = diagnose([waiting(0)] + late, members: Array(0...5)).text
    #expect(text.contains("rank 3 is late") && text.hasSuffix("; and 2 more"))
  }

  @Test func aBoardShowsWhatItsRankDoes() throws {
    let board = try ProgressBoard.alone(worldRank: 3)
    let before = try #require(board.ownProgress(at: 0))
    #expect(!before.isInside && before.operation == .none && before.step == nil && before.rank == 3)
    board.noteStep(41)
    board.beat(at: 1_000_000_000)
    board.enter(.send, communicator: 7, sequence: 1_000_000, peer: 0)
    let wanted = RankProgress(
      rank: 3, step: 41, isInside: true, operation: .send, communicator: 7, sequence: 1_000_000, peer: 0,
      silentSeconds: 2)
    #expect(board.localProgress(at: 3_000_000_000) == [wanted])
    board.leave()
    #expect(board.ownProgress(at: 0)?.isInside == false)
    #expect(board.ownProgress(at: 0)?.sequence == 1_000_000)
  }

  @Test func timeLimitsAreValidated() throws {
    #expect(try Environment.timeLimit(0) == 0)
    #expect(try Environment.timeLimit(2.5) == 2.5)
    let error = #expect(throws: MessagePassingError.self) { try Environment.timeLimit(-1) }
    #expect(error?.description == "start: time limit -1.0: expected seconds, 0 or more")
    #expect(throws: MessagePassingError.self) { try Environment.timeLimit(.nan) }
    #expect(try Environment.timeLimit(nil, "LOCKSTEP_NO_SUCH_LIMIT", otherwise: 3600) == 3600)
  }
}
