import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

struct ShowCommand<Tool: LockstepTool>: SoloCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "show",
      abstract: "Draws images of a dataset with their labels; of a checkpoint and --data also what it takes them for.")
  }

  @Argument(help: "An HDF5 dataset, or a checkpoint with --data.", completion: .hdf5) var source: String
  @Option(help: "The HDF5 dataset to show a checkpoint.", completion: .hdf5) var data: String?
  @Option(help: "The split to use: by default test for a checkpoint, train for a dataset.") var split: String?
  @Option(parsing: .unconditional, help: "How many images.") var count = 24
  @Flag(help: "Shows the worst mistakes: wrong predictions, those of the largest loss first.") var misses = false
  @Option(help: "The .png or .svg file to draw the images to.", completion: .picture) var output: String?
  @Option(help: "The .png or .svg file to draw the confusion matrix to.", completion: .picture) var confusion: String?
  @Option(help: "Draws each image as 7 epochs with these changes would have it, such as crop:4,flip,mixup:0.2.")
  var augment: String?
  @Option(help: "Defines how --augment changes images, as that of a training does.") var seed: UInt64 = 0
  @OptionGroup var weights: WeightOptions

  func validate() throws {
    if !(1...400).contains(count) { throw ValidationError("--count is \(count), but must be in 1…400") }
    if output == nil && confusion == nil {
      throw ValidationError("Missing --output, a picture to draw, or --confusion")
    }
    if data == nil && (misses || confusion != nil || weights.ema) {
      throw ValidationError("--misses, --confusion and --ema are for a checkpoint with --data")
    }
    if data != nil && augment != nil { throw ValidationError("--augment is for a dataset, without --data") }
  }

  func run() throws {
    for path in [output, confusion].compactMap({ $0 }) { try Gnuplot.check(path) }
    guard let data else { return try showData() }
    let model = try OpenedModel(source, Tool.registry(), weights)
    let opened = try model.open(data)
    guard model.entry.task.name == ClassificationFile.task else {
      throw ConfigurationError("show is for models of images, which \(model.entry.name) is not")
    }
    let file = try ClassificationFile.open(data)
    let split = split ?? "test"
    let images = try file.split(split)
    let samples = try opened.split(split, model.configuration, isTraining: false)
    let evaluator = try model.evaluator(of: samples, opened.objective, .alone)
    guard let (logits, width) = try evaluator.predict(samples) else { return }
    let classNames = model.metadata.classNames ?? file.classNames
    let answers = ClassAnswers(logits, width, images.labels, classNames)
    if !images.isLabelled && (misses || confusion != nil) {
      throw InputError(data, "/\(split) has no labels to compare with")
    }
    if let output { try draw(answers, of: images, split, to: output) }
    if let confusion {
      try Gnuplot.draw(
        ConfusionMatrix(answers.counts, classNames).script(title: "\(model.entry.name) on \(split)"), to: confusion,
        size: ConfusionMatrix.size(classNames.count))
      print("\(confusion): \(answers.hits) of \(images.count) right")
    }
  }

  private func showData() throws {
    guard let output else { return }
    let file = try ClassificationFile.open(source)
    let split = split ?? "train"
    let images = try file.split(split)
    if let augment { return try show(augment, of: images, file.classNames, split, to: output) }
    let names = try file.names(split)
    try draw(Array(0..<images.count), of: images, split, to: output) { sample in
      images.isLabelled ? file.classNames[Int(images.labels[sample])] : names?[sample] ?? "\(sample + 1)"
    }
  }

  private func draw(_ answers: ClassAnswers, of images: ImageSplit, _ split: String, to path: String) throws {
    func isWrong(_ sample: Int) -> Bool { images.isLabelled && answers.predicted[sample] != Int(images.labels[sample]) }
    try draw(misses ? answers.mistakes : Array(0..<images.count), of: images, split, to: path, isWrong: isWrong) {
      sample in
      let found = answers.name(answers.predicted[sample])
      return images.isLabelled ? "\(answers.name(Int(images.labels[sample])))\n\(found)" : found
    }
  }

  private func draw(
    _ order: [Int], of images: ImageSplit, _ split: String, to path: String,
    isWrong: (Int) -> Bool = { _ in false }, title: (Int) -> String
  ) throws {
    let shown = order.prefix(count)
    guard !shown.isEmpty else {
      throw InputError(data ?? source, "/\(split) has no \(misses ? "mistake" : "image") to show")
    }
    var grid = ImageGrid(channels: images.channels, ImageSize(images.height, images.width))
    let bytes = images.imageBytes
    for sample in shown {
      let pixels = Array(images.images[sample * bytes..<(sample + 1) * bytes])
      grid.add(pixels, title(sample), isMarked: isWrong(sample))
    }
    try Gnuplot.draw(grid.script, to: path, size: grid.size)
    print("\(path): \(shown.count) images of /\(split)")
  }

  /// A row for each image: as it is, and in the first epochs of a training with that seed.
  private func show(
    _ text: String, of images: ImageSplit, _ names: [String], _ split: String, to path: String
  ) throws {
    guard let augmentation = Augmentation(text: text) else {
      throw ConfigurationError("augment is '\(text)', but must be \(Augmentation.wanted)")
    }
    let shown = Array(0..<min(max(count / 8, 1), images.count))
    guard !shown.isEmpty else { throw InputError(source, "/\(split) has no image to show") }
    let size = ImageSize(images.height, images.width)
    let changed = try ImageDataset(images, ImageTransform(augmentation: augmentation, seed: seed))
    let data: any Dataset =
      augmentation.mixup > 0 ? Mixed(changed, alpha: augmentation.mixup, seed: seed) : changed
    let sampler = Sampler(of: data, batchSize: images.count, seed: seed)
    var grid = ImageGrid(channels: images.channels, size)
    let epochs = try (0..<7).map { epoch in try Self.pictures(of: shown, data, sampler.order(epoch: epoch), epoch) }
    for sample in shown {
      let pixels = Array(images.images[sample * images.imageBytes..<(sample + 1) * images.imageBytes])
      let label = images.isLabelled ? names[Int(images.labels[sample])] : "\(sample + 1)"
      grid.add(pixels, label, isMarked: false)
      for epoch in epochs { grid.add(epoch[sample].pixels, "", isMarked: false) }
    }
    try Gnuplot.draw(grid.script, to: path, size: grid.size)
    print("\(path): \(shown.count) images of /\(split) and 7 epochs of each, changed by \(augmentation.text)")
  }

  /// Some samples of an epoch, wherever in its order they are.
  private static func pictures(
    of samples: [Int], _ data: any Dataset, _ order: SampleOrder, _ epoch: Int
  ) throws -> [Picture] {
    let all = order.samples
    return try samples.flatMap { sample -> [Picture] in
      let place = all.firstIndex(of: sample) ?? 0
      let batch = try data.batch([sample], at: place..<place + 1, of: order, epoch: epoch)
      return Picture.pictures(try batch.inputs.floats(), batch.inputs.shape, nil)
    }
  }
}
