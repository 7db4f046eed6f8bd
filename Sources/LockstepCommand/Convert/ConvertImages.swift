import ArgumentParser
import Foundation
import HDF5Files
import Lockstep

extension ConvertCommand {
  struct Images: JobCommand {
    static let configuration = CommandConfiguration(
      commandName: "images", abstract: "PNG and JPEG files: a folder for each class, or a folder and a CSV of labels.",
      discussion: """
        FOLDER holds a folder for each class, or folders train and test that do, or with --labels the images themselves. \
        A test folder may hold images of no known class, to be predicted. Under mpirun the ranks share the work.
        """)

    @Argument(help: "The folder of images.", completion: .directory) var folder: String
    @Option(help: "The HDF5 file to write.", completion: .hdf5) var output: String
    @Option(
      help: "A CSV file of id,label: the names of files, with or without ending, and their classes.", completion: .csv)
    var labels: String?
    @Option(help: "A folder of test images, where FOLDER has none.", completion: .directory) var testFolder: String?
    @Option(parsing: .unconditional, help: "The share of the images that becomes the test split, such as 0.1.")
    var testFraction: Double?
    @Option(help: "Defines which images --test-fraction draws.") var seed: UInt64 = 0
    @Option(
      parsing: .unconditional, help: "Channels of all images: 1 for grey, 3 for colour; by default grey if all are.")
    var channels: Int?
    @Option(parsing: .unconditional, help: "Resizes all images to H,W pixels, without keeping their proportions.")
    var size: String?
    @Option(
      parsing: .unconditional,
      help:
        "Keeps images as JPEG files of this quality, 1…100, decoded when they are loaded; keep leaves JPEG files that fit as they are."
    )
    var quality: String?
    @Flag(help: "Leaves out files that can't be read, and counts them.") var skipCorrupt = false
    @OptionGroup var storage: StorageOptions

    func validate() throws {
      if let channels, channels != 1 && channels != 3 {
        throw ValidationError("--channels is \(channels), but must be 1 or 3")
      }
      if let testFraction, !(testFraction > 0 && testFraction < 1) {
        throw ValidationError("--test-fraction is \(testFraction), but must be between 0 and 1")
      }
      if testFraction != nil && testFolder != nil {
        throw ValidationError("--test-fraction and --test-folder exclude each other")
      }
      _ = try (wantedSize, encoding)
    }

    private var encoding: JPEGStorage? {
      get throws {
        guard let quality else { return nil }
        if storage.chunk != nil || storage.compression != .none {
          throw ValidationError(
            "--quality keeps images as files of their own: --chunk and --compression are for pixels")
        }
        if quality == JPEGStorage.keepingFiles.text { return .keepingFiles }
        guard let number = Int(quality), 1...100 ~= number else {
          throw ValidationError("--quality is '\(quality)', but must be in 1…100, or keep")
        }
        return JPEGStorage(quality: number)
      }
    }

    private var wantedSize: ImageSize? {
      get throws {
        guard let size else { return nil }
        let numbers = size.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard (1...2).contains(numbers.count), let height = numbers.first, let width = numbers.last,
          numbers.allSatisfy({ (1...16384).contains($0) })
        else { throw ValidationError("--size is '\(size)', but must be a height and a width such as 32,32") }
        return ImageSize(height, width)
      }
    }

    func run() throws {
      let communicator = try joinJob()
      var options = ImageFolderConverter.Options(folder: folder)
      (options.labels, options.testFolder, options.testFraction) = (labels, testFolder, testFraction)
      (options.channels, options.size, options.seed) = (channels, try wantedSize, seed)
      options.encoding = try encoding
      let converter = try communicator.agreeing("start", at: .starting) {
        if communicator.isRoot { try AtomicFile.check(output) }
        let converter = try ImageFolderConverter(options)
        if communicator.isRoot { try AtomicFile.check(output, from: converter.inputs) }
        return converter
      }
      try Replicas.agree(["files \(converter.identity)", "skip-corrupt \(skipCorrupt)"], over: communicator)
      let (rank, ranks) = (communicator.rank, communicator.size)
      let part = converter.count * rank / ranks..<converter.count * (rank + 1) / ranks
      let headers = try communicator.agreeing("reading headers", at: .converting) {
        try converter.headers(of: part) { if !skipCorrupt { throw $0 } }
      }
      let all = try communicator.allGather(headers).flatMap { $0 }
      let form = try communicator.agreeing("sizes") { try converter.form(all) }
      try write(converter, form.size, channels: form.channels, over: communicator)
    }

    /// Block by block, each rank decodes its share and rank 0 writes.
    private func write(
      _ converter: ImageFolderConverter, _ size: ImageSize, channels: Int, over communicator: Communicator
    ) throws {
      let ranks = communicator.size
      let threads = ranks == 1 ? Cores.own : 1
      let line = WorkLine("images", isShown: communicator.isRoot && isShownOnTerminal)
      defer { line.clear() }
      func convert(_ writer: ImageFolderWriter?) throws {
        for block in converter.blocks(size, channels: channels, threads: ranks * threads) {
          let share = try communicator.agreeing("decoding", at: .converting) {
            let part = Self.part(communicator.rank, of: ranks, block)
            return try converter.decode(part, size, channels: channels, skipsCorrupt: skipCorrupt, threads: threads) {
              line.draw(Double(block.lowerBound + $0 * ranks) / Double(converter.count))
            }
          }
          let shares = try Self.gather(share, communicator)
          try communicator.agreeing("writing", at: .converting) { for share in shares { try writer?.append(share) } }
        }
      }
      guard communicator.isRoot else {
        try communicator.agreeing("opening") {}
        try convert(nil)
        return try communicator.agreeing("write", at: .converting) {}
      }
      // The others are told what went wrong at the next word with them.
      var (isOpen, isThrough) = (false, false)
      do {
        let (summary, byteCount) = try HDF5File.create(at: output) { file in
          isOpen = true
          try communicator.agreeing("opening") {}
          let writer = ImageFolderWriter(file, converter, size, channels: channels, storage.storage)
          try convert(writer)
          isThrough = true
          return try writer.finish()
        }
        try communicator.agreeing("write", at: .converting) {}
        line.clear()
        report(summary, byteCount, converter)
      } catch {
        if !isOpen { try communicator.agreeing("opening") { throw error } }
        if isThrough { try communicator.agreeing("write", at: .converting) { throw error } }
        throw error
      }
    }

    private static func part(_ rank: Int, of ranks: Int, _ block: Range<Int>) -> Range<Int> {
      block.lowerBound + block.count * rank / ranks..<block.lowerBound + block.count * (rank + 1) / ranks
    }

    /// All ranks' shares, on rank 0.
    private static func gather(
      _ share: ImageFolderConverter.Share, _ communicator: Communicator
    ) throws -> [ImageFolderConverter.Share] {
      if communicator.size == 1 { return [share] }
      let images = try communicator.gather(share.images, to: 0) ?? []
      let lengths = try communicator.gather(share.lengths, to: 0) ?? []
      let kept = try communicator.gather(share.kept, to: 0) ?? []
      let digests = try communicator.gather(share.digests, to: 0) ?? []
      return images.indices.map {
        .init(images: images[$0], lengths: lengths[$0], kept: kept[$0], digests: digests[$0])
      }
    }

    private func report(
      _ summary: ImageFolderConverter.Summary, _ byteCount: Int, _ converter: ImageFolderConverter
    ) {
      let test = summary.testCount > 0 ? " + \(summary.testCount)" : ""
      let note = summary.isTestLabelled ? "" : " (the tests without labels)"
      print(
        "\(output): \(summary.trainCount)\(test) images of \(summary.channels)×\(summary.size)\(note), "
          + "\(converter.classNames.count) classes, \(byteCount) bytes")
      if summary.skipped > 0 { Console.warn("\(summary.skipped) corrupt files were left out") }
      if converter.otherFiles > 0 {
        Console.warn("\(converter.otherFiles) files that are no PNG or JPEG were passed over")
      }
    }
  }
}
