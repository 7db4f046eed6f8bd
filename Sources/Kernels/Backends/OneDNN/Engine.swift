import CDNNL
import Failures

/// A kernel that oneDNN refused, with what was asked of it.
public struct KernelError: Failure {
  /// What was to be computed: `convolution`, `matrix product` and so on.
  public let operation: String
  /// Its shapes, and what the library answered.
  public let detail: String
  public var description: String { "\(operation): \(detail)" }
}

/// oneDNN's CPU engine and stream, made at first use and kept for the life of the process.
final class Engine: @unchecked Sendable {
  static let shared = Result { try Engine() }

  let handle: dnnl_engine_t
  let stream: dnnl_stream_t

  private init() throws {
    var engine: dnnl_engine_t?
    var stream: dnnl_stream_t?
    guard dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success, let engine,
      dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)) == dnnl_success, let stream
    else { throw KernelError(operation: "oneDNN", detail: "can't create a CPU engine") }
    self.handle = engine
    self.stream = stream
  }
}

/// The version of oneDNN in use.
public var kernelLibraryVersion: String {
  "oneDNN \(lockstep_dnnl_major()).\(lockstep_dnnl_minor()).\(lockstep_dnnl_patch())"
}
