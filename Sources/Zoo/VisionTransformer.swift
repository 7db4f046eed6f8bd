import Networks
import Tensors
import Training

/// Patches of an image as steps: a convolution whose kernel is its stride, `[batch, channels, height, width]` to
/// `[batch, patches, width]`. The book's `PatchEmbedding`.
public final class PatchEmbedding: Module {
  private let conv: Conv2D

  /// Of images with so many channels, to so many numbers for each square of that side.
  public init(_ channels: Int, _ width: Int, patch: Int) {
    conv = Conv2D(channels, width, kernel: Extent([patch]), stride: Extent([patch]))
  }

  public override func forward(_ input: Tensor) -> Tensor {
    let patches = conv(input)
    guard patches.rank == 4 else { return patches }
    return patches.reshaped([patches.shape[0], patches.shape[1], patches.shape[2] * patches.shape[3]]).transposed()
  }
}

/// Two dense layers with GELU between them: the book's `ViTMLP`.
final class VisionPerceptron: Module {
  private let dense1, dense2: Linear
  private let dropout: Double

  init(_ width: Int, hidden: Int, dropout: Double) {
    (dense1, dense2) = (Linear(width, hidden), Linear(hidden, width))
    self.dropout = dropout
  }

  override func forward(_ input: Tensor) -> Tensor { dropped(dense2(dropped(dense1(input).gelu()))) }

  private func dropped(_ value: Tensor) -> Tensor { isTraining ? value.droppedOut(dropout) : value }
}

/// Attention and dense layers, each beside its input and behind a normalisation of it: the book's `ViTBlock`.
final class VisionBlock: Module {
  private let ln1: LayerNorm
  private let attention: MultiHeadAttention
  private let ln2: LayerNorm
  private let mlp: VisionPerceptron

  init(_ width: Int, heads: Int, hidden: Int, dropout: Double) {
    (ln1, ln2) = (LayerNorm(width), LayerNorm(width))
    attention = MultiHeadAttention(width, heads: heads, dropout: dropout)
    mlp = VisionPerceptron(width, hidden: hidden, dropout: dropout)
  }

  override func forward(_ input: Tensor) -> Tensor {
    let attended = input + attention(ln1(input))
    return attended + mlp(ln2(attended))
  }
}

/// A vision Transformer as the book's `ViT`: an image's patches and a step of their own for the class, with learnt positions,
/// through blocks of attention. `[batch, channels, side, side]` to `[batch, classes]`. Source: Dosovitskiy et al. 2021.
public final class VisionTransformer: Module {
  private let embedding: PatchEmbedding
  private let classToken, positions: Parameter
  private let blocks: [VisionBlock]
  private let head: Sequential
  private let dropout: Double

  /// For square images whose side is a multiple of `patch`; heads must divide the width.
  public init(
    side: Int, patch: Int, width: Int, hidden: Int, heads: Int, layers: Int, dropout: Double = 0, classes: Int = 10,
    channels: Int = 1
  ) {
    let patches = patch > 0 ? (side / patch) * (side / patch) : 0
    embedding = PatchEmbedding(channels, width, patch: patch).named("patch_embedding")
    classToken = .parameter([1, 1, width], named: "cls_token")
    positions = .parameter([1, patches + 1, width], named: "pos_embedding")
    blocks = (0..<max(layers, 0)).map { _ in VisionBlock(width, heads: heads, hidden: hidden, dropout: dropout) }
    head = Sequential(LayerNorm(width), Linear(width, classes))
    self.dropout = dropout
    super.init()
    initialize(RandomKey(seed: 0, .initialization))
  }

  /// The class' step begins as 0, positions normal.
  public override func initialize(_ key: RandomKey) {
    classToken.fill(0)
    Initializer.normal(standardDeviation: 1).fill(positions, key: key)
  }

  public override func forward(_ input: Tensor) -> Tensor {
    let patches = embedding(input)
    let first = classToken.expanded(to: [patches.shape.first ?? 1, 1, classToken.shape[2]])
    let steps = Tensor.concatenate([first, patches], axis: 1) + positions
    let begun = isTraining ? steps.droppedOut(dropout) : steps
    return head(blocks.reduce(begun) { $1($0) }[.all, 0])
  }
}

/// The blocks go by the book's name.
extension VisionTransformer: CustomReflectable {
  public var customMirror: Mirror {
    let pieces: [(label: String?, value: Any)] = [
      (label: "embedding", value: embedding), (label: "classToken", value: classToken),
      (label: "positions", value: positions), (label: "blks", value: blocks), (label: "head", value: head),
    ]
    return Mirror(self, children: pieces)
  }
}

/// The book's vision Transformer: images of 96 pixels in patches of 16, two blocks of 512 numbers, or of other sizes.
/// `[batch, 1, side, side]` to `[batch, 10]`.
public func visionTransformer(_ sizes: ModelSizes) -> VisionTransformer {
  let width = sizes.width ?? 512
  return VisionTransformer(
    side: sizes.side ?? 96, patch: sizes.patch ?? 16, width: width, hidden: sizes.hidden?.first ?? 4 * width,
    heads: sizes.heads ?? 8, layers: sizes.layers ?? 2, dropout: sizes.dropout ?? 0.1, classes: sizes.classes,
    channels: sizes.channels)
}
