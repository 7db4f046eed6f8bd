import DataParallel
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
  public func agreeing<Result>(_ action: String, _ body: () throws -> Result) throws -> Result {
    let outcome = Swift.Result { try body() }
    if size == 1 { return try outcome.get() }
    var report: [UInt8] = []
    if case .failure(let error) = outcome {
      report = [UInt8(clamping: failureKind(of: error).rawValue)] + Array("\(error)".utf8)
    }
    let reports = try allGather(report)
    guard let failed = reports.firstIndex(where: { !$0.isEmpty }) else { return try outcome.get() }
    let isCommon = reports.allSatisfy { $0 == reports[failed] }
    let text = String(decoding: reports[failed].dropFirst(), as: UTF8.self)
    throw AgreedError(
      kind: FailureKind(rawValue: Int32(reports[failed][0])) ?? .internalError,
      description: isCommon || failed == 0 && action == "save" ? text : "rank \(failed): \(text)")
  }
}
