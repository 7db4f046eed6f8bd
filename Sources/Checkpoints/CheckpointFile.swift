import Foundation
import HDF5Files
import Tensors

/// The layout of a checkpoint: `/model/<name>`, `/optimizer/<slot>/<name>`, where there is a moving average `/ema/<name>`, words
/// under `/texts/<name>` and the attributes of `/training`, in an HDF5 file followed by one line with the SHA-256 digest of all bytes before it.
///
/// HDF5 ignores what follows its end, so h5py reads the file as it is; here the digest is compared before libhdf5 sees a
/// byte, so that no truncated or damaged file is ever parsed.
public enum CheckpointFile {
  /// The `lockstep_format` of the files that this version writes.
  public static let formatVersion: Int64 = 1
  /// What is counted goes on being counted: this leaves room for the steps and samples of any training.
  private static let mostCounted = 1 << 53
  private static let seal = "\nlockstep "
  static let sealCount = seal.utf8.count + "sha256:".utf8.count + 64 + 1

  /// Replaces the file at `path` as a whole; on any failure the old one stays.
  public static func save(_ checkpoint: Checkpoint, to path: String) throws {
    try AtomicFile.write(encode(checkpoint), to: path)
  }

  /// The bytes of a checkpoint's file, seal included. The same checkpoint gives the same bytes.
  public static func encode(_ checkpoint: Checkpoint) throws -> [UInt8] {
    let file = try HDF5File.inMemory()
    try file.createGroup("/model")
    try file.createGroup("/optimizer")
    for (name, tensor) in checkpoint.model { try write(tensor, to: "/model/\(name)", file) }
    for (slot, tensors) in checkpoint.optimizer.sorted(by: { $0.key < $1.key }) {
      for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
        try write(tensor, to: "/optimizer/\(slot)/\(name)", file)
      }
    }
    for (name, tensor) in checkpoint.average { try write(tensor, to: "/ema/\(name)", file) }
    try file.createGroup("/texts")
    for (name, words) in checkpoint.metadata.texts.sorted(by: { $0.key < $1.key }) {
      try file.write(words, to: "/texts/\(name)")
    }
    try file.createGroup("/training")
    if let carried = checkpoint.carried { try write(carried, to: "/training/carried", file) }
    let position = checkpoint.position
    let numbers: KeyValuePairs<String, Int> = [
      "lockstep_format": Int(formatVersion), "epoch": position.epoch, "step": position.step,
      "step_in_epoch": position.stepInEpoch, "samples_seen": position.samplesSeen,
      "optimizer_steps": checkpoint.optimizerSteps, "seed": Int(bitPattern: UInt(position.seed)),
    ]
    if position.skippedInEpoch > 0 {
      try file.setAttribute("skipped_in_epoch", of: "/training", to: .int(Int64(position.skippedInEpoch)))
    }
    for (name, number) in numbers { try file.setAttribute(name, of: "/training", to: .int(Int64(number))) }
    for (name, waiting) in [("early_stopping", position.stopping), ("plateau", position.plateau)]
    where waiting != Waiting() {
      try file.setAttribute(name, of: "/training", to: .doubles(waiting.numbers))
    }
    try file.setAttribute("epoch_totals", of: "/training", to: .doubles(position.totals))
    try file.setAttribute("configuration", of: "/training", to: .string(checkpoint.configuration))
    if let score = checkpoint.score {
      try file.setAttribute("score", of: "/training", to: .doubles([score.value]))
      try file.setAttribute("score_of", of: "/training", to: .string(score.name))
    }
    return sealed(try file.image())
  }

  /// An HDF5 image with its digest behind it.
  static func sealed(_ image: [UInt8]) -> [UInt8] { image + Array("\(seal)\(SHA256.digest(of: image))\n".utf8) }

  private static func write(_ tensor: Tensor, to path: String, _ file: HDF5File) throws {
    try tensor.withRowMajor(as: Float.self) { try file.write($0, shape: tensor.shape.extents, to: path) }
  }

  /// Whether the file ends as a checkpoint does; its content is another matter.
  static func isSealed(_ file: InputFile) throws -> Bool {
    guard file.byteCount > sealCount else { return false }
    return try file.bytes(at: file.byteCount - sealCount, count: sealCount).starts(with: Array(seal.utf8))
  }

  /// Reads and verifies the checkpoint at `path`.
  public static func load(_ path: String) throws -> Checkpoint { try load(path, advice: "") }

  /// `advice` follows the line with which the process ends where libhdf5 dies of the file.
  static func load(_ path: String, advice: String) throws -> Checkpoint {
    try decode(InputFile.bytes(of: path), path, advice)
  }

  /// Reads and verifies the bytes of a checkpoint's file, of which errors speak as `path`.
  public static func decode(_ bytes: [UInt8], _ path: String, _ advice: String = "") throws -> Checkpoint {
    let end = bytes.count - sealCount
    guard end > 0, bytes[end...].starts(with: Array(seal.utf8)), bytes.last == UInt8(ascii: "\n") else {
      throw unsealed(bytes, path)
    }
    let stated = String(decoding: bytes[(end + seal.utf8.count)...].dropLast(), as: UTF8.self)
    let found = bytes.withUnsafeBytes { SHA256.digest(of: UnsafeRawBufferPointer(rebasing: $0[..<end])) }
    guard stated == found else {
      throw CheckpointError(path, "is damaged: its digest is \(found), \(stated) was stored")
    }
    return try read(HDF5File.open(image: Array(bytes[..<end]), name: path, advice: advice), path)
  }

  /// What a file without a seal is: a dataset, a checkpoint that was cut short, or something else. Told by its bytes
  /// alone: it may be damaged, and libhdf5 must not see it.
  private static func unsealed(_ bytes: [UInt8], _ path: String) -> CheckpointError {
    guard bytes.starts(with: [0x89, 0x48, 0x44, 0x46]) else {
      return CheckpointError(path, "is no Lockstep checkpoint")
    }
    let isDataset = Data(bytes).range(of: Data("source_sha256".utf8)) != nil
    return CheckpointError(
      path, isDataset ? "is a dataset, not a checkpoint" : "is truncated, or no Lockstep checkpoint: its end is missing"
    )
  }

  private static func read(_ file: HDF5File, _ path: String) throws -> Checkpoint {
    func number(_ name: String) throws -> Int {
      guard case .int(let value)? = try file.attribute(name, of: "/training") else {
        throw CheckpointError(path, "/training has no attribute \(name)")
      }
      return Int(value)
    }
    func count(_ name: String) throws -> Int {
      let value = try number(name)
      guard (0...mostCounted).contains(value) else {
        throw CheckpointError(path, "/training@\(name): expected a number from 0 to 2^53, found \(value)")
      }
      return value
    }
    guard try file.exists("/training"), try number("lockstep_format") == Int(formatVersion) else {
      throw CheckpointError(path, "is no checkpoint of format \(formatVersion)")
    }
    var position = TrainingPosition()
    (position.epoch, position.step) = (try count("epoch"), try count("step"))
    (position.stepInEpoch, position.samplesSeen) = (try count("step_in_epoch"), try count("samples_seen"))
    guard position.stepInEpoch <= position.step else {
      throw CheckpointError(path, "/training: step_in_epoch is \(position.stepInEpoch), but step \(position.step)")
    }
    if try file.attribute("skipped_in_epoch", of: "/training") != nil {
      position.skippedInEpoch = try count("skipped_in_epoch")
    }
    position.seed = UInt64(UInt(bitPattern: try number("seed")))
    if case .doubles(let totals)? = try file.attribute("epoch_totals", of: "/training") {
      guard totals.count <= 64, totals.allSatisfy(\.isFinite) else {
        throw CheckpointError(
          path, "/training@epoch_totals: expected finite numbers, 64 at most, found \(totals.prefix(64))")
      }
      position.totals = totals
    }
    position.stopping = try waiting("early_stopping", file, path)
    position.plateau = try waiting("plateau", file, path)
    guard case .string(let configuration)? = try file.attribute("configuration", of: "/training") else {
      throw CheckpointError(path, "/training has no attribute configuration")
    }
    var optimizer: [String: [String: Tensor]] = [:]
    for slot in try file.names(in: "/optimizer") { optimizer[slot] = try tensors(in: "/optimizer/\(slot)", file) }
    var result = Checkpoint(
      model: try tensors(in: "/model", file).sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) },
      optimizer: optimizer, optimizerSteps: try count("optimizer_steps"), position: position,
      configuration: configuration, metadata: Metadata(texts: try texts(file)),
      carried: try tensors(in: "/training", file)["carried"])
    if try file.exists("/ema") {
      result.average = try tensors(in: "/ema", file).sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
    }
    if case .doubles(let value)? = try file.attribute("score", of: "/training"), value.count == 1,
      case .string(let name)? = try file.attribute("score_of", of: "/training")
    {
      result.score = CheckpointScore(name, value[0])
    }
    return result
  }

  private static func waiting(_ name: String, _ file: HDF5File, _ path: String) throws -> Waiting {
    guard case .doubles(let numbers)? = try file.attribute(name, of: "/training") else { return Waiting() }
    guard let waiting = Waiting(numbers) else {
      throw CheckpointError(
        path, "/training@\(name): expected epochs, a factor and a best value, found \(numbers.prefix(3))")
    }
    return waiting
  }

  private static func texts(_ file: HDF5File) throws -> [String: [String]] {
    guard try file.exists("/texts") else { return [:] }
    return Dictionary(
      uniqueKeysWithValues: try file.names(in: "/texts").map { ($0, try file.readStrings("/texts/\($0)")) })
  }

  private static func tensors(in group: String, _ file: HDF5File) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for name in try file.names(in: group) {
      let path = "\(group)/\(name)"
      result[name] = try Tensor(file.read(path, as: Float.self), shape: Shape(file.shape(of: path)))
    }
    return result
  }
}

extension Waiting {
  /// As attributes keep it: epochs, factor, and the best value once there is one.
  fileprivate var numbers: [Double] { [Double(epochs), factor] + (best.map { [$0] } ?? []) }

  fileprivate init?(_ numbers: [Double]) {
    guard (2...3).contains(numbers.count), numbers.allSatisfy(\.isFinite), (0...1e9).contains(numbers[0]),
      (0...1).contains(numbers[1])
    else { return nil }
    (epochs, factor) = (Int(numbers[0]), numbers[1])
    best = numbers.count == 3 ? numbers[2] : nil
  }
}
