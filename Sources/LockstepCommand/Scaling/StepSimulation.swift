/// One step of all ranks: gradients become final one bucket after the other, and a network carries one bucket after the other.
struct StepSimulation {
  /// From its beginning to its end.
  private(set) var seconds = 0.0
  /// What the sums would take by themselves.
  private(set) var carrying = 0.0
  /// Between the end of computing and that of the sums.
  private(set) var exposed = 0.0
  /// Of the rank's own work: what is not waiting.
  let working: Double

  /// Share of the sums' time that backward hides.
  var hidden: Double { carrying > 0 ? max(0, 1 - exposed / carrying) : 1 }
  /// Share of the step in which a rank does not compute.
  var waiting: Double { seconds > 0 ? max(0, 1 - working / seconds) : 0 }

  private struct Job {
    let bytesPerSecond: Double
    var remaining: Double
  }

  private let overlap: Overlap
  private var queue: [Job] = []
  private var isComputing = true

  /// - Parameter compression: what is left of each byte.
  init(
    _ profile: StepProfile, ranks: Int, _ network: NetworkModel, _ overlap: Overlap, compression: Compression = .none
  ) {
    self.overlap = overlap
    working = profile.computing + profile.update
    guard ranks > 1 else {
      (seconds, isComputing) = (working, false)
      return
    }
    // Whoever meets waits for the slowest; so all take as long as that one.
    let late = profile.spread * Stragglers.expectedMaximum(of: ranks)
    let last = network.secondsToMeet(ranks: ranks)
    let computing = profile.computing + late + Double(max(0, profile.meetings - 1)) * last
    let stretch = profile.computing > 0 ? computing / profile.computing : 1
    var position = 0.0
    for bucket in profile.buckets {
      let ready = min(bucket.ready * stretch, computing)
      compute(ready - position)
      position = max(position, ready)
      let bytes = compression.bytes(bucket.bytes)
      let time = network.seconds(toSum: bytes, ranks: ranks)
      carrying += time
      queue.append(Job(bytesPerSecond: NetworkModel.bytesCarried(bytes, ranks) / max(time, 1e-12), remaining: time))
      if bucket.isBlocking { drain() }
    }
    compute(computing - position)
    isComputing = false
    let end = seconds
    drain()
    exposed = seconds - end
    seconds = max(seconds, end + last) + profile.update
  }

  /// Computes for so long, were there nothing else to do.
  private mutating func compute(_ amount: Double) {
    var amount = amount
    while amount > 0 {
      guard let job = queue.first else {
        seconds += amount
        return
      }
      let speed = overlap.computing(at: job.bytesPerSecond * overlap.progress)
      let (ofComputing, ofCarrying) = (amount / speed, job.remaining / max(overlap.progress, 1e-9))
      if ofComputing < ofCarrying {
        seconds += ofComputing
        queue[0].remaining -= ofComputing * overlap.progress
        return
      }
      seconds += ofCarrying
      amount -= ofCarrying * speed
      queue.removeFirst()
    }
  }

  /// Waits until nothing is left to carry.
  private mutating func drain() {
    seconds += queue.reduce(0) { $0 + $1.remaining }
    queue = []
  }
}
