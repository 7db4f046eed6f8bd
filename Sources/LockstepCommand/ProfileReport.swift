import Foundation
import Kernels
import Lockstep

/// Where the time of this rank's steps went, in words and as JSON; with the bare kernels' time where they were measured.
struct ProfileReport {
  let profile: TimeProfile
  /// Milliseconds of a step's bare kernels, in all and of each layer.
  private(set) var bare: (all: Double, ofLayers: [Double])?
  /// What the kernels are compared with: a step's time in the median.
  private var medianSeconds = 0.0

  init(_ profile: TimeProfile) { self.profile = profile }

  /// Measures the bare kernels, which takes some seconds.
  mutating func measureRoof(_ options: KernelOptions, medianSeconds: Double) throws {
    var kernels = BareKernels(options)
    let seconds = try profile.bareSeconds(by: &kernels)
    bare = (seconds.reduce(0, +) * 1e3, seconds.map { $0 * 1e3 })
    self.medianSeconds = medianSeconds
  }

  /// Of the time of a step, what its sums of products take in bare kernels.
  var share: Double? { bare.map { $0.all * 1e-3 / max(medianSeconds, 1e-12) } }

  /// What a step's time goes to, each kind of work once.
  func partLines(rank: Int, of ranks: Int) -> [String] {
    let whose = ranks > 1 ? ", rank \(rank) of \(ranks)" : ""
    var lines = [Self.line("where a step's time goes\(whose)", ["ms", "share"])]
    for work in StepWork.allCases {
      guard let seconds = profile.parts[work], seconds > 0 || work == .other else { continue }
      let count = work == .reorder ? "  (\(Self.count(profile.reorders)) a step)" : ""
      lines.append(Self.line("  " + work.rawValue, [Self.milliseconds(seconds), percent(seconds)]) + count)
    }
    let whole = [Self.milliseconds(profile.seconds), percent(profile.seconds)]
    lines.append(Self.line("  step, mean of \(profile.steps)", whole))
    if let bare, let share {
      let step = Self.milliseconds(medianSeconds)
      lines.append(
        "share of the roof: \(Self.percent(share)) (bare kernels \(Self.milliseconds(bare.all * 1e-3)) ms of "
          + "\(step) ms, the median step)")
    }
    return lines
  }

  /// A line for each layer that takes time.
  var layerLines: [String] {
    let width = (profile.layers.map(\.name.count).max() ?? 0) + 4
    var heads = ["forward", "backward", "share", "kernels"]
    if bare != nil { heads.append("bare") }
    var lines = [Self.line("layer (ms)", heads + ["reorders"], width: width)]
    for (index, layer) in profile.layers.enumerated() {
      var cells = [layer.forwardSeconds, layer.backwardSeconds].map(Self.milliseconds)
      cells += [percent(layer.seconds), Self.milliseconds(layer.kernelSeconds)]
      if let bare { cells.append(Self.milliseconds(bare.ofLayers[index] * 1e-3)) }
      lines.append(Self.line("  " + layer.name, cells + [Self.count(layer.reorders)], width: width))
    }
    return lines
  }

  private func percent(_ seconds: Double) -> String { Self.percent(seconds / max(profile.seconds, 1e-12)) }

  private static func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
  private static func milliseconds(_ seconds: Double) -> String { String(format: "%.3f", seconds * 1e3) }
  private static func count(_ number: Double) -> String { String(format: "%g", (number * 10).rounded() / 10) }

  private static func line(_ name: String, _ cells: [String], width: Int = 44) -> String {
    name.padding(toLength: max(width, name.count), withPad: " ", startingAt: 0)
      + cells.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
  }
}

/// Names and units as in the benchmark's line.
extension ProfileReport: Encodable {
  private enum Keys: String, CodingKey {
    case steps, reorders, multiplications, layers
    case step = "step_ms"
    case parts = "parts_ms"
    case bare = "bare_kernels_ms"
    case share = "share_of_roof"
  }

  private struct Layer: Encodable {
    let name: String
    let forward, backward, kernels: Double
    let bare: Double?
    let reorders: Double

    enum CodingKeys: String, CodingKey {
      case name, reorders
      case forward = "forward_ms"
      case backward = "backward_ms"
      case kernels = "kernels_ms"
      case bare = "bare_ms"
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(profile.steps, forKey: .steps)
    try container.encode(profile.seconds * 1e3, forKey: .step)
    let parts = profile.parts.map { ($0.key.rawValue, $0.value * 1e3) }
    try container.encode(Dictionary(uniqueKeysWithValues: parts), forKey: .parts)
    try container.encode(profile.reorders, forKey: .reorders)
    try container.encode(profile.multiplications, forKey: .multiplications)
    let layers = profile.layers.enumerated().map { index, layer in
      Layer(
        name: layer.name, forward: layer.forwardSeconds * 1e3, backward: layer.backwardSeconds * 1e3,
        kernels: layer.kernelSeconds * 1e3, bare: bare?.ofLayers[index], reorders: layer.reorders)
    }
    try container.encode(layers, forKey: .layers)
    try container.encodeIfPresent(bare?.all, forKey: .bare)
    try container.encodeIfPresent(share, forKey: .share)
  }
}
