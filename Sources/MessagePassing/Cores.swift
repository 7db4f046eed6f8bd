import Foundation

/// The cores of this host.
public enum Cores {
  /// How many there are.
  public static var all: Int { ProcessInfo.processInfo.processorCount }
  /// Those that this process may use.
  public static var own: Int { ProcessInfo.processInfo.activeProcessorCount }
  /// Whether a launcher has bound this process to some of them.
  public static var areBound: Bool { own < all }

  /// This process's part of those that so many processes share: where each has cores of its own already, all of these.
  public static func own(of processes: Int) -> Int { areBound ? own : max(1, own / max(processes, 1)) }
}
