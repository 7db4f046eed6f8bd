import CVectors
import Glibc

/// Instructions for vectors, of which native kernels take the widest that the processor has. All give the same bits.
public enum InstructionSet: String, Sendable, CaseIterable {
  /// 16 float32 at once.
  case avx512
  /// 8 at once, with fused multiply-adds.
  case avx2
  /// Arm's: 4 at once.
  case neon
  /// C alone: slow, right, and on any processor.
  case plain

  /// Those of this processor, the widest first.
  public static let available = allCases.filter { native_kernels_named($0.rawValue) != nil }

  /// The widest, or what `LOCKSTEP_ISA` names; an error where the processor has nothing of that name.
  public static let chosen: Result<InstructionSet, KernelOptionsError> = {
    guard let name = getenv("LOCKSTEP_ISA").map({ String(cString: $0) }) else { return .success(available[0]) }
    if let named = InstructionSet(rawValue: name), available.contains(named) { return .success(named) }
    let names = available.map(\.rawValue).joined(separator: ", ")
    return .failure(KernelOptionsError("LOCKSTEP_ISA is \"\(name)\", but this processor has \(names)"))
  }()

  /// Those that compute: the chosen ones, or the plain ones where there was an error that nobody asked for.
  public static let inUse = (try? chosen.get()) ?? .plain

  /// Looked up once: every kernel's call asks. Tables are constants of the program.
  private nonisolated(unsafe) static let tables = available.reduce(
    into: [InstructionSet: UnsafePointer<native_kernels>]()
  ) { $0[$1] = native_kernels_named($1.rawValue) }

  /// Its kernels; the plain ones where the processor has none of that name.
  var kernels: UnsafePointer<native_kernels> { Self.tables[self] ?? native_plain_kernels() }
}
