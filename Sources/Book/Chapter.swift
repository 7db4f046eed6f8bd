/// A chapter of the book as a short program, its from-scratch code next to the library's.
public struct Chapter: Sendable {
  public let name: String
  public let title: String
  let run: @Sendable (Page) throws -> Void

  init(_ name: String, _ title: String, _ run: @escaping @Sendable (Page) throws -> Void) {
    (self.name, self.title, self.run) = (name, title, run)
  }

  /// Runs the chapter; what is off is told on the page.
  public func run(on page: Page) throws { try run(page) }
}

/// Every chapter, one line each, in the book's order.
public enum Book {
  public static let chapters: [Chapter] = [
    Chapter("convolution", "Convolutions: cross-correlation, an edge detector that is learnt", convolutionChapter),
    Chapter("padding", "Padding and stride", paddingChapter),
    Chapter("channels", "Several channels in and out, 1×1 convolutions", channelsChapter),
    Chapter("pooling", "Pooling", poolingChapter),
    Chapter("modern-networks", "AlexNet, VGG, NiN and GoogLeNet, layer by layer", modernNetworksChapter),
    Chapter("batch-normalization", "Batch normalisation, from scratch and concise", batchNormalizationChapter),
    Chapter("residual", "Residual blocks and ResNet", residualChapter),
  ]

  public static func chapter(_ name: String) -> Chapter? { chapters.first { $0.name == name } }
}
