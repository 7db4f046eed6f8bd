import Glibc
import HDF5Files

/// The image files of one split and what is known of their classes.
struct ImageFolder: Sendable {
  struct Entry: Sendable {
    let path: String
    /// The path below the folder, without the ending.
    let name: String
    /// The class; nil for an image that is to be predicted.
    let label: String?
  }

  let path: String
  /// In the order of the data set: by class, then by name.
  var entries: [Entry]
  /// Files that are no images by their names.
  let otherFiles: Int

  /// A folder for each class, its name the class's; or, for a test, images of no known class: in the folder itself, or in
  /// one folder `unknown`.
  init(_ path: String, mayBeUnlabelled: Bool) throws {
    self.path = path
    let top = try FolderListing(path)
    if mayBeUnlabelled, let inside = top.images.isEmpty && top.folders == ["unknown"] ? "unknown/" : nil {
      let listing = try FolderListing(path + "/" + inside)
      entries = listing.named.map { Entry(path: "\(path)/\(inside)\($0)", name: $1, label: nil) }
      otherFiles = top.otherFiles + listing.otherFiles
    } else if top.folders.isEmpty && mayBeUnlabelled {
      entries = top.named.map { Entry(path: "\(path)/\($0)", name: $1, label: nil) }
      otherFiles = top.otherFiles
    } else {
      guard let stray = top.images.first else {
        (entries, otherFiles) = try Self.classes(path, top)
        return
      }
      let hint = top.folders.isEmpty ? "give --labels, a CSV file of id,label, or a folder for each class" : "not here"
      throw InputError("\(path)/\(stray)", "has no class: images belong into the folders of their classes; \(hint)")
    }
    if entries.isEmpty { throw InputError(path, "holds no PNG or JPEG image") }
  }

  /// A folder of images whose classes a CSV file says. All of its rows must name an image, and all images have a row.
  init(_ path: String, labels: LabelTable) throws {
    self.path = path
    let listing = try FolderListing(path)
    if let heading = labels.heading, listing.images.contains(where: { $0 == heading || Self.stem($0) == heading }) {
      throw InputError(
        labels.path, "line 1: expected headings such as id,label, found the label of the image \"\(heading)\"")
    }
    var files: [String: [String]] = [:]
    for image in listing.images {
      files[image, default: []].append(image)
      files[Self.stem(image), default: []].append(image)
    }
    var labelOf: [String: LabelTable.Row] = [:]
    for row in labels.rows {
      guard let named = files[row.id], let image = named.first else {
        throw InputError(labels.path, "line \(row.line): there is no image \"\(row.id)\" in \(path)")
      }
      guard named.count == 1 else {
        throw InputError(
          labels.path, "line \(row.line): \"\(row.id)\" may be \(named[0]) or \(named[1]); give the ending")
      }
      if let first = labelOf.updateValue(row, forKey: image) {
        throw InputError(labels.path, "line \(row.line): \"\(row.id)\" has a label already, in line \(first.line)")
      }
    }
    entries = try listing.named.map { image, name in
      guard let row = labelOf[image] else { throw InputError("\(path)/\(image)", "has no label in \(labels.path)") }
      return Entry(path: "\(path)/\(image)", name: name, label: row.label)
    }
    otherFiles = listing.otherFiles
    if entries.isEmpty { throw InputError(path, "holds no PNG or JPEG image") }
  }

  private static func classes(_ path: String, _ top: FolderListing) throws -> ([Entry], Int) {
    var (entries, others) = ([Entry](), top.otherFiles)
    for name in top.folders {
      let listing = try FolderListing("\(path)/\(name)")
      guard !listing.images.isEmpty else {
        throw InputError("\(path)/\(name)", "holds no PNG or JPEG image, so class \"\(name)\" is empty")
      }
      entries += listing.named.map { Entry(path: "\(path)/\(name)/\($0)", name: "\(name)/\($1)", label: name) }
      others += listing.otherFiles
    }
    if entries.isEmpty { throw InputError(path, "holds neither PNG or JPEG images nor folders of them") }
    return (entries, others)
  }

  /// A file's name without its ending.
  fileprivate static func stem(_ name: String) -> String {
    name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
  }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

/// What lies directly in a folder, in the order of the names' bytes; hidden things are passed over.
struct FolderListing {
  let folders: [String]
  /// Files that end in .png, .jpg or .jpeg.
  let images: [String]
  let otherFiles: Int

  /// The images with their names in the data set: without the ending, unless that tells two of them apart.
  var named: [(file: String, name: String)] {
    let uses = Dictionary(grouping: images, by: ImageFolder.stem).mapValues(\.count)
    return images.map { ($0, uses[ImageFolder.stem($0)] == 1 ? ImageFolder.stem($0) : $0) }
  }

  init(_ path: String) throws {
    guard let handle = opendir(path) else {
      let isMissing = errno == ENOENT
      throw FileError(
        isMissing ? .missing : .unreadable, path: path, isMissing ? "no such folder" : "can't be opened as a folder")
    }
    defer { closedir(handle) }
    var (folders, images, others) = ([String](), [String](), 0)
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(".") { continue }
      if ImageFolder.isFolder("\(path)/\(name)") {
        folders.append(name)
      } else if [".png", ".jpg", ".jpeg"].contains(where: name.lowercased().hasSuffix) {
        images.append(name)
      } else {
        others += 1
      }
    }
    func sorted(_ names: [String]) -> [String] { names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
    (self.folders, self.images, otherFiles) = (sorted(folders), sorted(images), others)
  }
}
