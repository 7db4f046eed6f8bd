import ArgumentParser
import HDF5Files
import Lockstep

struct TrainCommand<Tool: LockstepTool>: JobCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "train", abstract: "Trains a model; under mpirun all ranks together.",
      discussion: "Options that are not given are those of the book's recipe, or of the checkpoint that is resumed.")
  }

  @Argument(help: "A model; `lockstep models` lists them.", completion: .models(of: Tool.self)) var model: String
  @Option(help: "The HDF5 dataset.", completion: .hdf5) var data: String
  @Option(help: "Folder for checkpoints, one file per save.", completion: .directory) var checkpoint: String?
  @Option(help: "How often to save: 1epoch unless given, or such as 100steps.") var checkpointEvery: String?
  @Option(parsing: .unconditional, help: "How many of the newest checkpoints stay; all, unless said.") var keep: Int?
  @Option(help: "Which of the older ones stay as well, such as those after each 10epochs or 1000steps.") var keepEvery:
    String?
  @Option(help: "The metric, such as test_accuracy, that tells the best checkpoint, best.h5; with --keep the loss.")
  var keepBest: String?
  @Option(help: "How often a job that may start again (--max-restarts) keeps its state in memory; 20steps.")
  var snapshotEvery: String?
  @Flag(help: "Removes the checkpoints of an earlier run from the folder of --checkpoint.") var overwrite = false
  @Option(
    help: "Goes on from a checkpoint, or the newest good one of a folder; auto: of --checkpoint, once it has one.",
    completion: .hdf5)
  var resume: String?
  @Option(help: "Writes a line of JSON per epoch to this file.", completion: .file()) var metrics: String?
  @Option(help: "Draws the training curve to this .svg or .png file.", completion: .picture) var plot: String?
  @Option(parsing: .unconditional, help: "Cross-validates with so many folds of /train before training on all of it.")
  var folds: Int?
  @Option(help: "Predicts /test after the training, as a CSV file for Kaggle: Id,SalePrice.", completion: .csv)
  var submission: String?
  @Option(help: "Reads options from a YAML file.", completion: .file(extensions: ["yaml", "yml"])) var config: String?
  @Flag(help: "Resumes also what was saved in another mode (--reproducible or not) or with other --virtual-shards.")
  var allowModeChange = false
  @Option(help: "Plays a job of so many ranks in one process, for debugging.") var simulateRanks: Int?
  @Flag(help: "Prints each step's samples, loss and gradient norm, rank by rank.") var verbose = false
  @Flag(help: "Names the first operation, layer, step, rank and samples of a number that is not finite.")
  var checkNumerics = false
  @Flag(help: "Prints at the end what each layer's time went to, forward and backward.") var profile = false
  @Flag(help: "Loads all, takes one step, evaluates one batch of each split, says what would run, and writes nothing.")
  var dryRun = false
  @Flag(help: "Prints nothing but errors.") var quiet = false
  @OptionGroup(title: "Model") var sizing: SizeOptions
  @OptionGroup(title: "Optimization") var optimization: SettingOptions<Optimization>
  @OptionGroup(title: "Learning rate") var scheduling: SettingOptions<Scheduling>
  @OptionGroup(title: "Fine-tuning") var fineTuning: SettingOptions<FineTuning>
  @OptionGroup(title: "Loading") var loading: SettingOptions<LoadingSettings>
  @OptionGroup(title: "Samples") var splitting: SettingOptions<SplitSettings>
  @OptionGroup(title: "Texts") var sequences: SettingOptions<SequenceSettings>
  @OptionGroup(title: "Images") var images: SettingOptions<ImageSettings>
  @OptionGroup(title: "Reproducibility") var reproducibility: SettingOptions<Reproducibility>
  @OptionGroup(title: "Ranks") var distribution: SettingOptions<DistributionSettings>
  @OptionGroup(title: "Kernels") var kernelling: SettingOptions<KernelSettings>
  @OptionGroup(title: "Log") var logging: LoggerOptions
  @OptionGroup(title: "Trace") var tracing: TraceOptions

  /// What the options say of the configuration.
  var given: [String: String] {
    [
      optimization.given, scheduling.given, fineTuning.given, loading.given, splitting.given, sequences.given,
      images.given,
      reproducibility.given, distribution.given, kernelling.given,
    ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }
  }

  /// What every rank can tell by itself, before it joins a job.
  func validate() throws {
    if checkNumerics && tracing.trace != nil {
      throw ValidationError("--check-numerics takes so long that a --trace would mean nothing")
    }
    if profile && (checkNumerics || tracing.trace != nil) {
      throw ValidationError("--profile goes neither with --check-numerics nor with --trace")
    }
    guard let simulateRanks else { return }
    guard (1...1024).contains(simulateRanks) else {
      throw ValidationError("simulate-ranks is \(simulateRanks), but must be in 1…1024")
    }
    if Environment.isLaunchedByMPI { throw ValidationError("simulate-ranks is for one process, without mpirun") }
  }

  func run() throws {
    StopSignal.install()
    guard let simulateRanks else { return try train(joinJob()) }
    try SimulatedJob.run(ranks: simulateRanks) { try train($0) }
  }

  private func train(_ communicator: Communicator) throws {
    let job = try makeJob(communicator)
    try communicator.agreeing("overwrite") {
      if overwrite && communicator.isRoot && !job.isRecovered {
        try job.saving?.folder.removeStrangers(resuming: place(job.resumed))
      }
    }
    if communicator.isRoot, let crowd = Threads.crowd(of: communicator) { Console.warn(crowd) }
    if communicator.isRoot && !quiet { announce(job, communicator) }
    if dryRun { return try rehearse(job, prepareTrainer(job, communicator), communicator) }
    let validated = try folds.map { try crossValidate($0, job, communicator) }
    let recorder = try tracing.begin(over: communicator, from: [data])
    let trainer = try prepareTrainer(job, communicator)
    (trainer.checks.numerics, trainer.checks.reportsSteps) = (checkNumerics, verbose)
    trainer.checks.gradientNormInterval = logging.interval
    if simulateRanks != nil { trainer.checks.verificationInterval = 1 }
    if profile { trainer.checks.profiler = StepProfiler(of: trainer.model) }
    trainer.observers = job.observers.filter { validated == nil || !($0 is CurvePlotter) }
    if let logger = job.observers.lazy.compactMap({ $0 as? RunLogger }).first {
      logger.begin(trainer, pictures: Picture(firstOf: job.train, job.configuration))
    }
    recorder?.open(trainer)
    do {
      try trainer.fit(
        job.train, validation: job.validation, test: job.test, saving: job.saving, snapshots: job.snapshots)
    } catch let interrupted as Interrupted {
      try tracing.write(recorder, over: communicator, quiet: quiet)
      throw interrupted
    }
    if let validated, let writer = job.observers.lazy.compactMap({ $0 as? MetricsWriter }).first {
      writer.append(validated.summary(job.objective))
    }
    try submit(job, communicator)
    if communicator.isRoot && !quiet { conclude(trainer) }
    try tracing.write(recorder, over: communicator, quiet: quiet)
    // The training is done and saved, but its exit code says that something is missing.
    try communicator.agreeing("observe") {
      if let failure = job.observers.lazy.compactMap(\.failure).first { throw failure }
    }
  }

  /// A trainer at its beginning, or where the training that is resumed had come to.
  private func prepareTrainer(_ job: Job, _ communicator: Communicator) throws -> Trainer {
    let trainer = try Trainer(job.network, job.objective, job.configuration, on: communicator)
    trainer.metadata = job.metadata
    guard let resumed = job.resumed else { return trainer }
    try communicator.agreeing("resume", at: .starting) {
      do {
        if let change = job.configuration.optimizerChange(from: resumed.checkpoint), communicator.isRoot {
          Console.warn("\(resumed.path): \(change)")
        }
        try trainer.resume(from: resumed.checkpoint)
      } catch let error as TensorError {
        throw CheckpointError(resumed.path, "\(error)")
      }
    }
    return trainer
  }

  private func announce(_ job: Job, _ communicator: Communicator) {
    let ranks = communicator.size == 1 ? "1 process" : "\(communicator.size) ranks"
    let held = job.validation.map { " and \($0.count) held back" } ?? ""
    Console.show(
      "\(model) on \(ranks): \(job.train.count) training samples\(held), \(job.test?.count ?? 0) test samples")
    if communicator.sumsInBackground, let sums = communicator.sumDescription { Console.show("sums: \(sums)") }
    for line in job.configuration.tableLines { Console.show(line) }
    for line in job.weightLines { Console.show(line) }
    if job.configuration.scaleBatch {
      Console.show(job.configuration.scalingText(by: job.resumed == nil ? communicator.size : nil))
    }
  }

  private func conclude(_ trainer: Trainer) {
    let position = trainer.position
    if let reason = trainer.earlyStop { Console.show(reason) }
    if position.stepInEpoch > 0 {
      Console.show("stopped at step \(position.step), \(position.stepInEpoch) steps into epoch \(position.epoch + 1)")
    }
    if let checkpoint { Console.show("checkpoint: \(checkpoint)") }
    guard let profiler = trainer.checks.profiler else { return }
    let report = ProfileReport(profiler.profile)
    let ranks = trainer.communicator
    for line in report.layerLines + report.partLines(rank: ranks.rank, of: ranks.size) { Console.show(line) }
  }
}
