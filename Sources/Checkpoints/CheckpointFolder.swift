import Foundation
import HDF5Files

/// A folder with one file per save of one run, `checkpoint-<step>.h5`. The folder itself stands for its newest good one.
public struct CheckpointFolder: Sendable {
  /// Where the folder lies.
  public let path: String

  /// Names a folder, which need not be there yet: see `prepare()`.
  public init(_ path: String) { self.path = path }

  /// Makes the folder if only its last part is missing, checks that files can be written there, and clears away what killed
  /// saves left.
  public func prepare() throws {
    if !FileManager.default.fileExists(atPath: path) {
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      } catch {
        throw FileError(.folderMissing, path: path, "this folder can't be made: does the folder above it exist?")
      }
      try AtomicFile.sync(parentOf: path)
    }
    try AtomicFile.check(path + "/checkpoint")
    AtomicFile.removeLeftovers(in: path, of: "checkpoint-")
  }

  /// Throws where `prepare()` would; makes and removes nothing.
  public func check() throws {
    let isThere = FileManager.default.fileExists(atPath: path)
    try AtomicFile.check(isThere ? path + "/checkpoint" : path)
  }

  /// Files in here that a run does not go on from, newest first: all of them, or those that are newer than the file
  /// `resumed`. Where a folder is resumed, what is newer than the file taken is damaged, and counts for nothing.
  public func strangers(resuming resumed: (place: String, file: String)? = nil) throws -> [String] {
    let files = try files()
    guard let resumed, let index = files.firstIndex(where: { Self.isSame($0, resumed.file) }) else { return files }
    return Self.isSame(resumed.place, path) ? [] : Array(files[..<index])
  }

  /// Throws where the folder belongs to another run than the one that is about to begin, or go on.
  public func checkOwned(resuming resumed: (place: String, file: String)? = nil) throws {
    let strangers = try strangers(resuming: resumed)
    guard let newest = strangers.first else { return }
    let name = newest.split(separator: "/").last ?? ""
    let more = strangers.count > 1 ? " and \(strangers.count - 1) more" : ""
    let whose = strangers.count < (try files().count) ? "newer than the one that is resumed" : "of another run"
    throw CheckpointError(
      path, "holds checkpoints \(whose) (\(name)\(more)): --resume \(path) goes on with it, --overwrite removes them",
      kind: .usage)
  }

  /// Removes what `checkOwned` objects to, and nothing else.
  public func removeStrangers(resuming resumed: (place: String, file: String)? = nil) throws {
    var strangers = try strangers(resuming: resumed)
    // The best one of a run that is gone.
    if try strangers.count == files().count, (try? CheckpointFile.load(best)) != nil { strangers.append(best) }
    for file in strangers {
      do { try FileManager.default.removeItem(atPath: file) } catch {
        throw FileError(.notWritable, path: file, "can't be removed")
      }
    }
  }

  /// Saves what is finite, or else nothing.
  @discardableResult
  public func save(_ checkpoint: Checkpoint) throws -> String {
    if !FileManager.default.fileExists(atPath: path) { try prepare() }
    if let fault = try checkpoint.firstNotFinite() {
      throw CheckpointError(
        path, "not saved: \(fault) after step \(checkpoint.position.step); the last good checkpoint stays",
        kind: .internalError)
    }
    AtomicFile.removeLeftovers(in: path, of: "checkpoint-")
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

  private static func isSame(_ first: String, _ second: String) -> Bool {
    func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
    return resolved(first) == resolved(second)
  }

  /// Loads a checkpoint by its file, or the newest good one of a folder; `warn` is told of each newer file that was
  /// passed over because it is damaged.
  ///
  /// - Returns: the file that was taken, and what it holds.
  /// - Throws: `FileError` where there is no such file; `CheckpointError` where none is good.
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
        let advice = file == files.last ? "" : "; move it away to go on with the checkpoint before it"
        return (file, try CheckpointFile.load(file, advice: advice))
      } catch {
        firstFault = firstFault ?? error
        if file != files.last { warn("\(error); trying the one before") }
      }
    }
    throw firstFault ?? FileError(.missing, path: path, "this folder holds no checkpoint")
  }
}
