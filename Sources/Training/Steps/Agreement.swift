import Failures
import MessagePassing

/// An error that every rank of the job knows of, so that all can end together.
public struct AgreedError: Failure {
  public let kind: FailureKind
  public let description: String
  public var isAgreed: Bool { true }
}

extension Communicator {
  /// Runs `body` and waits until all ranks have. Where it failed on any of them, all ranks throw the lowest one's error:
  /// so no rank goes on into a collective that another will never join.
  public func agreeing<Result>(
    _ action: String, at work: LocalWork = .other, _ body: () throws -> Result
  ) throws -> Result {
    let outcome = Swift.Result { try working(at: work, body) }
    if size == 1 { return try outcome.get() }
    var own: FailureReport?
    if case .failure(let error) = outcome { own = FailureReport(error) }
    let reports = try tellAll(own)
    guard let failed = reports.firstIndex(where: { $0 != nil }), let report = reports[failed] else {
      return try outcome.get()
    }
    let isCommon = reports.allSatisfy { $0 == report }
    throw AgreedError(
      kind: report.kind,
      description: isCommon || failed == 0 && action == "save" ? report.text : "rank \(failed): \(report.text)")
  }
}

/// What ranks tell each other of an error.
private struct FailureReport: Packable, Equatable {
  let kind: FailureKind
  let text: String

  init(_ error: any Error) { (kind, text) = (failureKind(of: error), "\(error)") }

  func pack(into packet: inout Packet) {
    packet.pack(Int(kind.rawValue))
    packet.pack(text)
  }
  init(from packet: inout Packet) throws {
    kind = FailureKind(rawValue: Int32(clamping: try packet.unpack(Int.self))) ?? .internalError
    text = try packet.unpack()
  }
}
