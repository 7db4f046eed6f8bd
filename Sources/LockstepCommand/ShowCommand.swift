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

  func validate() throws {
    if !(1...400).contains(count) { throw ValidationError("--count is \(count), but must be in 1…400") }
    if output == nil && confusion == nil {
      throw ValidationError("Missing --output, a picture to draw, or --confusion")
    }
    if data == nil && (misses || confusion != nil) {
      throw ValidationError("--misses and --confusion are for a checkpoint with --data")
    }
  }

  func run() throws {
    for path in [output, confusion].compactMap({ $0 }) { try Gnuplot.check(path) }
    guard let data else { return try showData() }
    let model = try OpenedModel(source, Tool.registry())
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
    let answers = Answers(logits, width, images, classNames)
    if let output { try draw(answers.order(misses: misses), of: images, answers: answers, split, to: output) }
    if let confusion {
      try answers.requireLabels(data, split)
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
    let names = try file.names(split)
    try draw(Array(0..<images.count), of: images, split, to: output) { sample in
      images.isLabelled ? file.classNames[Int(images.labels[sample])] : names?[sample] ?? "\(sample + 1)"
    }
  }

  private func draw(
    _ order: [Int], of images: ImageSplit, answers: Answers, _ split: String, to path: String
  ) throws {
    if misses { try answers.requireLabels(data ?? "", split) }
    try draw(
      order, of: images, split, to: path,
      isWrong: { images.isLabelled && answers.predicted[$0] != images.labels[$0] }, title: answers.title)
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
}

/// What a model says of labelled images.
private struct Answers {
  /// The class of each image's largest logit.
  let predicted: [Int32]
  private let losses: [Double]
  private let images: ImageSplit
  private let classNames: [String]

  init(_ logits: [Float], _ width: Int, _ images: ImageSplit, _ classNames: [String]) {
    predicted = Classification.classes(of: logits, width).map { Int32($0) }
    losses = images.labels.indices.map { row in
      let values = logits[row * width..<(row + 1) * width].map(Double.init)
      let most = values.max() ?? 0
      return most + log(values.reduce(0) { $0 + exp($1 - most) }) - values[Int(images.labels[row])]
    }
    (self.images, self.classNames) = (images, classNames)
  }

  var hits: Int { zip(predicted, images.labels).count { $0 == $1 } }

  func requireLabels(_ path: String, _ split: String) throws {
    if !images.isLabelled { throw InputError(path, "/\(split) has no labels to compare with") }
  }

  /// The data's order, or mistakes, those of the largest loss first.
  func order(misses: Bool) -> [Int] {
    guard misses else { return Array(losses.indices) }
    return losses.indices.filter { predicted[$0] != images.labels[$0] }
      .sorted { (-losses[$0], $0) < (-losses[$1], $1) }
  }

  func title(_ sample: Int) -> String {
    let found = name(predicted[sample])
    return images.isLabelled ? "\(name(images.labels[sample]))\n\(found)" : found
  }

  private func name(_ label: Int32) -> String {
    classNames.indices.contains(Int(label)) ? classNames[Int(label)] : "\(label)"
  }

  /// How many images of each class (row) are taken for each class (column).
  var counts: [[Int]] {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: classNames.count), count: classNames.count)
    for (label, found) in zip(images.labels, predicted) where Int(found) < classNames.count {
      counts[Int(label)][Int(found)] += 1
    }
    return counts
  }
}
