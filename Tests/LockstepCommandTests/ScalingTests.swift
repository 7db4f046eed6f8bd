import Testing

@testable import LockstepCommand

/// Predictions against what can be said without computing.
@Suite("Scaling: predictions in closed form")
struct ScalingTests {
  private static let link = Link(latency: 50e-6, secondsPerByte: 1 / 125e6)
  private static let bytes = 4e6

  private func profile(ready: [Double] = [0.1], samples: Double = 64, spread: Double = 0) -> StepProfile {
    StepProfile(
      samples: samples, buckets: ready.map { .init(bytes: Self.bytes, ready: $0) }, computing: 0.1, update: 0.002,
      spread: spread)
  }

  private func step(_ profile: StepProfile, ranks: Int, _ network: NetworkModel, _ overlap: Overlap = Overlap())
    -> StepSimulation
  {
    StepSimulation(profile, ranks: ranks, network, overlap)
  }

  private var ringNetwork: NetworkModel {
    var network = NetworkModel(Self.link)
    network.algorithm = .ring
    return network
  }

  private func isNear(_ one: Double, _ two: Double) -> Bool { abs(one - two) <= 1e-9 * max(abs(one), abs(two)) }

  @Test("A ring takes 2(n−1) latencies, and 2(n−1)/n of the bytes", arguments: [2, 3, 4, 7, 64, 4096])
  func ring(ranks: Int) {
    let (n, network) = (Double(ranks), ringNetwork)
    let wanted = 2 * (n - 1) * 50e-6 + 2 * (n - 1) / n * Self.bytes / 125e6
    #expect(isNear(network.seconds(toSum: Self.bytes, ranks: ranks), wanted))
    #expect(network.seconds(toSum: Self.bytes, ranks: 1) == 0)
  }

  @Test("A tree doubles for small sums, and halves large ones")
  func tree() {
    let network = NetworkModel(Self.link)
    for rounds in 1...12 {
      let (ranks, n) = (1 << rounds, Double(1 << rounds))
      #expect(isNear(network.seconds(.tree, 4, ranks), Double(rounds) * (50e-6 + 4 / 125e6)))
      let large = 2 * Double(rounds) * 50e-6 + 2 * (n - 1) / n * 1e9 / 125e6
      #expect(isNear(network.seconds(.tree, 1e9, ranks), rounds == 1 ? 50e-6 + 1e9 / 125e6 : large))
    }
    // One rank too many gives its part to another, and gets the sum.
    let whole = 2 * (50e-6 + 4 / 125e6)
    #expect(isNear(network.seconds(.tree, 4, 5), network.seconds(.tree, 4, 4) + whole))
  }

  @Test("A tree of hosts of several ranks: halves go between neighbours, the rest between hosts")
  func treeOfHosts() {
    var network = NetworkModel(Self.link)
    (network.ranksPerHost, network.inside) = (4, Link(latency: 1e-6, secondsPerByte: 1 / 10e9))
    let latencies: Double = 2 * (2 * 1e-6 + 3 * 50e-6)
    let (inside, between): (Double, Double) = (1.5 * 1e9 / 10e9, 1.75 * 1e9 / 125e6)
    #expect(isNear(network.seconds(toSum: 1e9, ranks: 32), latencies + inside + between))
    // Four small ones of a host share its link.
    let (near, far): (Double, Double) = (1e-6 + 8 / 10e9, 50e-6 + 32 / 125e6)
    let small: Double = 2 * near + 3 * far
    #expect(isNear(network.seconds(toSum: 8, ranks: 32), small))
    // As the library takes them: what is no power of two goes round a ring.
    #expect(network.seconds(toSum: 1e9, ranks: 36) == network.seconds(.ring, 1e9, 36))
  }

  @Test("Hosts of several ranks: the ranks of each, then one of each")
  func hierarchical() {
    var network = NetworkModel(Self.link)
    (network.ranksPerHost, network.inside) = (4, Link(latency: 1e-6, secondsPerByte: 1 / 10e9))
    let within = 2 * 3 * 1e-6 + 2 * 3.0 / 4 * Self.bytes / 10e9
    #expect(isNear(network.seconds(.hierarchical, Self.bytes, 4), within))
    let between = min(
      2 * 7 * 50e-6 + 2 * 7.0 / 8 * Self.bytes / 125e6, 2 * 3 * 50e-6 + 2 * 7.0 / 8 * Self.bytes / 125e6)
    #expect(isNear(network.seconds(.hierarchical, Self.bytes, 32), within + between))
    network.algorithm = .fastest
    for ranks in [2, 4, 5, 32, 4096] {
      let each = SumModel.allCases.map { network.seconds($0, Self.bytes, ranks) }
      #expect(network.seconds(toSum: Self.bytes, ranks: ranks) == each.min())
    }
  }

  @Test(
    "The expected last of n",
    arguments: [(1, 0), (2, 0.56418958), (3, 0.84628438), (10, 1.53875273), (1000, 3.24143577)])
  func stragglers(count: Int, wanted: Double) {
    #expect(abs(Stragglers.expectedMaximum(of: count) - wanted) < 1e-6)
  }

  @Test("What a bucket at the end takes is added; an infinitely fast network adds nothing")
  func exposed() {
    let network = NetworkModel(Self.link)
    for ranks in [2, 5, 512] {
      let found = step(profile(), ranks: ranks, network)
      let sum = network.seconds(toSum: Self.bytes, ranks: ranks)
      #expect(isNear(found.seconds, 0.1 + sum + 0.002))
      #expect(abs(found.hidden) < 1e-9 && isNear(found.waiting, sum / found.seconds))
      let free = step(profile(ready: [0.05, 0.1]), ranks: ranks, NetworkModel(Link(latency: 0, secondsPerByte: 0)))
      #expect(isNear(free.seconds, 0.102) && free.hidden == 1 && abs(free.waiting) < 1e-9)
    }
  }

  @Test("Backward hides what is carried meanwhile, one bucket after the other")
  func hidden() {
    let network = NetworkModel(Self.link)
    let sum = network.seconds(toSum: Self.bytes, ranks: 2)
    // All that is left is the message at the end, of one latency.
    #expect(isNear(step(profile(ready: [0.01, 0.02]), ranks: 2, network).seconds, 0.1 + 50e-6 + 0.002))
    // The second waits for the first; the last one goes on after the end.
    #expect(isNear(step(profile(ready: [0.05, 0.051]), ranks: 2, network).seconds, 0.05 + 2 * sum + 0.002))
    let last = step(profile(ready: [0.01, 0.09]), ranks: 2, network)
    #expect(isNear(last.seconds, 0.09 + sum + 0.002))
    #expect(isNear(last.hidden, (2 * sum - (sum - 0.01)) / (2 * sum)))
    var blocking = profile(ready: [0.01])
    blocking.buckets[0].isBlocking = true
    #expect(isNear(step(blocking, ranks: 2, network).seconds, 0.1 + sum + 50e-6 + 0.002))
  }

  @Test("Carrying costs computing, and goes slower meanwhile")
  func overlap() {
    let network = NetworkModel(Self.link)
    let sum = network.seconds(toSum: Self.bytes, ranks: 2)
    let dear = Overlap(progress: 0.5, secondsPerByte: 4e-9)
    let speed = 1 - 4e-9 * 0.5 * Self.bytes / sum
    // It ends within backward, after twice its time, in which so much less was computed.
    let found = step(profile(ready: [0.01]), ranks: 2, network, dear)
    #expect(isNear(found.seconds, 0.1 + 2 * sum * (1 - speed) + 50e-6 + 0.002))
    // What is left at the end goes at full speed.
    let late = step(profile(ready: [0.09]), ranks: 2, network, dear)
    #expect(isNear(late.seconds, 0.09 + 0.01 / speed + (sum - 0.01 / speed * 0.5) + 0.002))
  }

  private func prediction(_ profiles: [StepProfile], _ network: NetworkModel, batch: Int = 64, shard: Int = 64)
    -> ScalingPrediction
  {
    ScalingPrediction(profiles: StepProfiles(profiles), network: network, batchSize: batch, shard: shard)
  }

  @Test("Where nothing has to be sent, only stragglers cost weak scaling anything")
  func weak() {
    let free = NetworkModel(Link(latency: 0, secondsPerByte: 0))
    for ranks in [1, 2, 100, 4096] {
      #expect(isNear(prediction([profile()], free).row(.weak, ranks: ranks).efficiency, 1))
      let late = prediction([profile(spread: 0.01)], free).row(.weak, ranks: ranks)
      #expect(isNear(late.efficiency, 0.102 / (0.102 + 0.01 * Stragglers.expectedMaximum(of: ranks))))
      #expect(late.batch == 64 * ranks)
    }
  }

  @Test("A batch is dealt out until each rank has one sample")
  func strong() {
    var one = profile(samples: 1)
    (one.computing, one.buckets[0].ready) = (0.0055, 0.0055)
    let free = NetworkModel(Link(latency: 0, secondsPerByte: 0))
    let found = prediction([profile(), one], free)
    // Between the shards that were measured: 0.004 s and 0.0015 s a sample.
    #expect(isNear(found.row(.strong, ranks: 2).step.seconds, 0.004 + 32 * 0.0015 + 0.002))
    #expect(isNear(found.row(.strong, ranks: 64).step.seconds, 0.0075))
    #expect(found.row(.strong, ranks: 64).step.seconds == found.row(.strong, ranks: 4096).step.seconds)
    #expect(isNear(found.row(.strong, ranks: 128).perSecond, 64 / 0.0075))
  }

  @Test("A link is found again in the times of its sums, and other numbers of ranks follow from them")
  func measured() {
    let plain = NetworkModel(Self.link)
    let sizes = [1e3, 1e5, 4e6]
    let sums = MeasuredSums(ranks: 3, times: sizes.map { ($0, plain.seconds(toSum: $0, ranks: 3)) })
    #expect(abs(sums.link.latency - 50e-6) < 1e-12 && abs(sums.link.secondsPerByte * 125e6 - 1) < 1e-9)
    var network = NetworkModel(sums.link)
    network.measured = sums
    for ranks in [2, 4, 16] {
      for bytes in [1e3, 5e4, 2e6, 1e8] {
        let wanted = plain.seconds(toSum: bytes, ranks: ranks)
        #expect(abs(network.seconds(toSum: bytes, ranks: ranks) / wanted - 1) < 1e-6)
      }
    }
    // What the library does better or worse than the formula, it does elsewhere, too.
    network.measured?.rhythm = 1.5
    #expect(abs(network.seconds(toSum: 1e6, ranks: 16) / plain.seconds(toSum: 1e6, ranks: 16) - 1.5) < 1e-6)
  }

  @Test("The fewest hosts that end in time")
  func hosts() {
    var one = profile(samples: 1)
    (one.computing, one.buckets[0].ready) = (0.0055, 0.0055)
    var network = NetworkModel(Link(latency: 0, secondsPerByte: 0))
    network.ranksPerHost = 2
    let found = prediction([profile(), one], network)
    // A million samples: 1.6 s, 0.84 s, … 0.12 s.
    let single = 1e6 / 64 * found.row(.strong, ranks: 2).step.seconds
    #expect(found.hosts(forSamples: 1e6, within: single, mostRanks: 64).fewest?.hosts == 1)
    let next = found.hosts(forSamples: 1e6, within: single * 0.99, mostRanks: 64).fewest
    #expect(next?.hosts == 2 && isNear(next?.seconds ?? 0, 1e6 / 64 * found.row(.strong, ranks: 4).step.seconds))
    let none = found.hosts(forSamples: 1e6, within: 1, mostRanks: 64)
    #expect(none.fewest == nil && none.fastest.hosts == 32)
  }

  @Test("Compressed gradients")
  func compression() {
    #expect(Compression.none.bytes(4e6) == 4e6)
    #expect(Compression.bf16.bytes(4e6) == 2e6)
    #expect(Compression.int8.bytes(4e6) == 1e6 + 4 * 3907)
  }
}

@Suite("Scaling: quantities")
struct QuantityTests {
  @Test(
    "Times",
    arguments: [
      ("50us", 50e-6), ("50 µs", 50e-6), ("0.5ms", 5e-4), ("1e-3s", 1e-3), ("2h", 7200), ("90s", 90), ("30min", 1800),
      ("1d", 86_400), ("0s", 0),
    ])
  func times(text: String, seconds: Double) throws {
    #expect(abs(try #require(TimeSpan(argument: text)).seconds - seconds) <= 1e-12 * seconds)
  }

  @Test(
    "Bandwidths",
    arguments: [
      ("1gbit", 125e6), ("1 Gbit/s", 125e6), ("100mbit", 12.5e6), ("12.5MB", 12.5e6), ("12.5MB/s", 12.5e6), ("8bit", 1),
      ("2TB/s", 2e12),
    ])
  func bandwidths(text: String, bytesPerSecond: Double) throws {
    #expect(try #require(Bandwidth(argument: text)).bytesPerSecond == bytesPerSecond)
  }

  @Test(
    "No quantities",
    arguments: ["", "12 parsecs", "-1us", "-1gbit", "us", "gbit", "nan", "infs", "1e400s", "1,5ms", "5", "0gbit"])
  func neither(text: String) {
    #expect(TimeSpan(argument: text) == nil)
    #expect(Bandwidth(argument: text) == nil)
  }

  @Test("In readable units")
  func readable() {
    #expect(TimeSpan(seconds: 50e-6).description == "50.0 µs")
    #expect(TimeSpan(seconds: 5400).description == "90.0 min")
    #expect(TimeSpan(seconds: 36_000).description == "10.0 h")
    #expect(Bandwidth(bytesPerSecond: 125e6).description == "1.00 Gbit/s")
    #expect(Bandwidth(bytesPerSecond: 12.5e6).description == "100 Mbit/s")
  }
}
