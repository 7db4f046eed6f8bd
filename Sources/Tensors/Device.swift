/// Where a tensor's storage lives. Today Lockstep computes on the CPU alone; `count` says how many GPUs it can use.
public enum Device: Hashable, Sendable, CustomStringConvertible {
  /// The processor and its memory.
  case cpu
  /// The GPU of that number, from 0.
  case cuda(Int = 0)

  /// GPUs that tensors can live on.
  public static var cudaCount: Int { 0 }

  /// The GPU of that number if it is there, else the CPU (the book's `try_gpu`).
  public static func tryGPU(_ index: Int = 0) -> Device { (0..<cudaCount).contains(index) ? .cuda(index) : .cpu }

  /// All GPUs, or the CPU alone where there is none (the book's `try_all_gpus`).
  public static func tryAllGPUs() -> [Device] { cudaCount > 0 ? (0..<cudaCount).map { .cuda($0) } : [.cpu] }

  /// Whether this machine has it.
  public var isAvailable: Bool {
    switch self {
    case .cpu: true
    case .cuda(let index): (0..<Device.cudaCount).contains(index)
    }
  }

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let index): "cuda:\(index)"
    }
  }
}

extension Tensor {
  /// This tensor on another device: itself where it is there already.
  /// A fault for a device that is not there.
  public final func to(_ device: Device) -> Tensor {
    attempt {
      guard device.isAvailable else {
        throw TensorError("to", "there is no device \(device): this Lockstep has \(Device.cudaCount) GPUs and the cpu")
      }
      return self
    }
  }
}
