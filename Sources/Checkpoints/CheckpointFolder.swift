import Foundation
import HDF5Files

/// A folder with one file per save, `checkpoint-<step>.h5`. The folder itself stands for its newest good one.
public struct CheckpointFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// Makes the folder if only its last part is missing, and checks that files can be written there.
  public func prepare() throws {
    if !FileManager.default.fileExists(atPath: path) {
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      } catch {
        throw FileError(.folderMissing, path: path, "this folder can't be made: does the folder above it exist?")
      }
    }
    try AtomicFile.check(path + "/checkpoint")
  }

  @discardableResult
  public func save(_ checkpoint: Checkpoint) throws -> String {
    let digits = String(checkpoint.position.step)
    let name = "checkpoint-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".h5"
    try CheckpointFile.save(checkpoint, to: path + "/" + name)
    return path + "/" + name
  }

  /// The files of the folder, newest first.
  public func files() throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { step(of: $0) != nil }.sorted { (step(of: $0) ?? 0) > (step(of: $1) ?? 0) }
      .map { path + "/" + $0 }
  }

  private func step(of name: String) -> Int? {
    guard name.hasPrefix("checkpoint-"), name.hasSuffix(".h5") else { return nil }
    return Int(name.dropFirst("checkpoint-".count).dropLast(".h5".count))
  }

  /// Loads a checkpoint by its file, or the newest good one of a folder.
  ///
  /// - Parameter warn: is told of each newer file that was passed over because it is damaged.
  public static func load(_ path: String, warn: (String) -> Void = { _ in }) throws -> (
    path: String, checkpoint: Checkpoint
  ) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw FileError(.missing, path: path, "no such checkpoint")
    }
    guard isFolder.boolValue else { return (path, try CheckpointFile.load(path)) }
    let files = try CheckpointFolder(path).files()
    var firstFault: (any Error)?
    for file in files {
      do {
        let checkpoint = try CheckpointFile.load(file)
        return (file, checkpoint)
      } catch {
        firstFault = firstFault ?? error
        if file != files.last { warn("\(error); trying the one before") }
      }
    }
    throw firstFault ?? FileError(.missing, path: path, "this folder holds no checkpoint")
  }
}
