import Glibc
import HDF5Files

/// Turns Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) into an HDF5 file for classification.
///
/// The data come from Debian's package `dataset-fashion-mnist`, or from the same four files in another folder.
public struct FashionMNISTConverter: Sendable {
  /// By label, as the book names them (chapter 3.5).
  public static let classNames = [
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
  ]
  /// Where Debian's package puts the files.
  public static let systemFolder = "/usr/share/datasets/fashion-mnist"
  /// The system package that brings the files.
  public static let package = "dataset-fashion-mnist"

  /// The folder that holds the four files.
  public let source: String
  /// How arrays are kept.
  public var storage = ArrayStorage()
  /// Is told which share of the work is done.
  public var progress: @Sendable (Double) -> Void = { _ in }

  /// - Parameter source: the folder with the files; nil stands for `$LOCKSTEP_DATASETS/fashion-mnist` where that is
  ///   a folder, else for Debian's.
  public init(source: String? = nil) {
    self.source = source ?? FashionMNISTConverter.defaultFolder
  }

  /// Reads and checks everything, then writes the file at `output` as a whole.
  /// - Throws: as `IDXConverter.convert` does; `FileError` that names the package when the folder is missing, and
  ///   `InputError` when the files hold other data, such as MNIST.
  public func convert(to output: String) throws -> IDXConverter.Summary {
    guard FashionMNISTConverter.isFolder(source) else {
      let help = "apt-get install \(FashionMNISTConverter.package) brings it to \(FashionMNISTConverter.systemFolder)"
      throw FileError(.missing, path: source, "no such folder; \(help)")
    }
    let sources = [("train", "train"), ("test", "t10k")].map { name, prefix in
      IDXConverter.Source(
        name: name, images: file("\(prefix)-images-idx3-ubyte"), labels: file("\(prefix)-labels-idx1-ubyte"))
    }
    var converter = IDXConverter(sources: sources, classNames: FashionMNISTConverter.classNames) { [source] splits in
      for (split, count) in zip(splits, [60_000, 10_000]) {
        try FashionMNISTConverter.check(split, count: count, folder: source)
      }
    }
    (converter.storage, converter.progress) = (storage, progress)
    return try converter.convert(to: output)
  }

  /// Throws unless `split` has the shape and balance of Fashion-MNIST; MNIST's classes differ in size.
  private static func check(_ split: IDXConverter.Found, count: Int, folder: String) throws {
    let found = [split.count, split.channels, split.height, split.width]
    guard found == [count, 1, 28, 28] else {
      throw InputError(folder, "is not Fashion-MNIST: expected images of \([count, 1, 28, 28]), found \(found)")
    }
    let sizes = split.perClass + [Int](repeating: 0, count: max(classNames.count - split.perClass.count, 0))
    let expected = count / classNames.count
    guard let odd = sizes.firstIndex(where: { $0 != expected }) else { return }
    throw InputError(folder, "is not Fashion-MNIST: expected \(expected) images of class \(odd), found \(sizes[odd])")
  }

  /// The path of the file `name`: gzipped as Debian has it, or plain.
  private func file(_ name: String) -> String {
    let plain = "\(source)/\(name)"
    let packed = "\(plain).gz"
    return access(packed, F_OK) != 0 && access(plain, F_OK) == 0 ? plain : packed
  }

  private static var defaultFolder: String {
    if let root = getenv("LOCKSTEP_DATASETS") {
      let folder = "\(String(cString: root))/fashion-mnist"
      if isFolder(folder) { return folder }
    }
    return systemFolder
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
