import ArgumentParser
import Lockstep

struct ScaleCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "scale",
      abstract: "Predicts a training's speed on other numbers of ranks, from what its steps are made of.",
      discussion: """
        Measures on the ranks that are there when each sum of gradients can begin, and how long sums take between them; one \
        process alone has no network, and takes that of --latency and --bandwidth. Strong scaling keeps the batch, weak \
        scaling what each rank has of it now.
        """)
  }

  @Argument(help: "A model; `lockstep models` lists them.", completion: .models(of: Tool.self)) var model: String
  @Option(help: "Samples of one step, over all ranks together.") var batchSize: Int?
  @Option(help: "The most ranks that are predicted.") var ranks = 4096
  @Option(help: "Ranks of each host.") var ranksPerHost = 1
  @Option(parsing: .unconditional, help: "What a message between hosts takes however short, such as 50us.")
  var latency: TimeSpan?
  @Option(parsing: .unconditional, help: "What a host sends and receives in a second, such as 1gbit or 12.5MB.")
  var bandwidth: Bandwidth?
  @Option(help: "How ranks add up: as lockstep does, ring, tree, hierarchical, or whichever is fastest.")
  var algorithm = SumChoice.lockstep
  @Option(help: "What is left of gradients on their way: none, bf16, int8.") var compression = Compression.none
  @Option(parsing: .unconditional, help: "Epochs of the training that --within is about; the recipe's unless given.")
  var epochs: Int?
  @Option(parsing: .unconditional, help: "Samples of an epoch.") var examples: Int?
  @Option(
    parsing: .unconditional, help: "Tells the fewest hosts that see all samples within this time, such as 2h or 30min.")
  var within: TimeSpan?
  @Option(help: "Draws examples per second over ranks: FILE.svg or FILE.png.", completion: .picture) var plot: String?
  @Option(
    parsing: .unconditional, help: "Seconds of steps that are measured, and a part of that for other shards and sums.")
  var seconds = 5.0
  @Flag(help: "Then measures the training's own steps on these ranks, and says how far off the prediction is.")
  var verify = false
  @Flag(help: "Prints one line of JSON.") var json = false
  @OptionGroup(title: "Kernels") var kernelling: SettingOptions<KernelSettings>

  func validate() throws {
    for (name, value) in [("ranks", ranks), ("ranks-per-host", ranksPerHost)] where !(1...1_000_000).contains(value) {
      throw ValidationError("--\(name) is \(value), but must be in 1…1000000")
    }
    for (name, value) in [("epochs", epochs ?? 1), ("examples", examples ?? 1)] where !(1...1 << 50).contains(value) {
      throw ValidationError("--\(name) is \(value), but must be in 1…\(1 << 50)")
    }
    guard Compression.predictable.contains(compression) else {
      throw ValidationError("--compression is \(compression.rawValue), but scale knows none, bf16 and int8")
    }
    guard seconds > 0, seconds <= 1e5 else {
      throw ValidationError("--seconds is \(seconds), but must be more than 0, and at most 100000")
    }
    if within != nil && examples == nil { throw ValidationError("--within needs --examples, the samples of an epoch") }
    if within == nil && (examples != nil || epochs != nil) {
      throw ValidationError("--epochs and --examples are about a time: --within 2h")
    }
  }

  func run() throws {
    let entry = try Tool.registry().find(model)
    let communicator = try joinJob()
    var configuration = try entry.recipe.with(kernelling.given)
    if let batchSize { configuration.batchSize = batchSize }
    try configuration.validate()
    guard configuration.batchSize <= (1 << 30) / entry.inputShape(configuration.sizes).reduce(1, *) / communicator.size
    else {
      throw ConfigurationError(
        "batch-size is \(configuration.batchSize), but must be less than 1 GiB of \(model)'s inputs over all ranks")
    }
    if let plot { try communicator.agreeing("plot") { if communicator.isRoot { try Gnuplot.check(plot) } } }
    let measurement = ScalingMeasurement(
      entry: entry, configuration: configuration, communicator: communicator, seconds: seconds)
    let found = try measurement.run(verifies: verify)
    guard communicator.isRoot else { return }
    let report = ScalingReport(
      model: model, ranks: communicator.size, mostRanks: ranks, found: found,
      prediction: prediction(found, configuration, communicator), here: here(found, configuration, communicator))
    try show(report, epochs ?? configuration.epochs)
  }

  private func show(_ report: ScalingReport, _ epochs: Int) throws {
    var answer: ScalingReport.Answer?
    if let within, let examples {
      answer = report.answer(samples: Double(epochs) * Double(examples), within: within)
    }
    if json {
      print(try report.line(answer).text)
    } else {
      for line in report.lines(answer) { print(line) }
    }
    if let plot { try Gnuplot.draw(report.script, to: plot) }
  }

  /// For the network that is asked for.
  private func prediction(
    _ found: ScalingMeasurement.Result, _ configuration: Configuration, _ communicator: Communicator
  )
    -> ScalingPrediction
  {
    var prediction = here(found, configuration, communicator)
    prediction.compression = compression
    var network = prediction.network
    if latency != nil || bandwidth != nil || communicator.size == 1 {
      let known = network.between
      network = NetworkModel(
        Link(
          latency: latency?.seconds ?? known.latency,
          secondsPerByte: bandwidth.map { 1 / $0.bytesPerSecond } ?? known.secondsPerByte))
      if communicator.size > 1 && communicator.ranksOnHost == communicator.size { network.inside = known }
      prediction.overlap = Overlap(secondsPerByte: NetworkProbe.processorSecondsPerByte())
    }
    network.algorithm = algorithm
    network.ranksPerHost = ranksPerHost
    prediction.network = network
    return prediction
  }

  /// For the ranks that are there, as they are.
  private func here(_ found: ScalingMeasurement.Result, _ configuration: Configuration, _ communicator: Communicator)
    -> ScalingPrediction
  {
    // What a common network does, where there is none to measure.
    var network = NetworkModel(Link(latency: 50e-6, secondsPerByte: 8 / 10e9))
    if let sums = found.sums {
      network = NetworkModel(sums.link)
      network.measured = sums
      network.meetingRound = found.meeting / Double(NetworkModel.rounds(communicator.size))
    }
    return ScalingPrediction(
      profiles: found.profiles, network: network, overlap: found.overlap, batchSize: configuration.batchSize,
      shard: Int(found.present.samples), weightPerSample: found.weightPerSample)
  }
}

extension SumChoice: ExpressibleByArgument {}
