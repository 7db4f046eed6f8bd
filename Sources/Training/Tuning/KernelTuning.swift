import Foundation
import HDF5Files
import Kernels
import MessagePassing

extension KernelOptions {
  /// The same with a plan for each kernel that `rehearsal` asks for, where kernels are to be `tuned`: known from earlier jobs on rank
  /// 0's machine, or measured on it now. All ranks take these, whatever their own machines would choose: what is computed on each of
  /// them alike must have the same bits. Collective, before the first step, and never again in a job.
  ///
  /// - Parameters:
  ///   - communicator: the ranks of the job.
  ///   - folder: where plans are kept; nil to keep none.
  ///   - rehearsal: computes what the job will, on rank 0 alone.
  func tuned(
    over communicator: Communicator, keptIn folder: String? = PlanFile.usualFolder, _ rehearsal: () throws -> Void
  ) throws -> KernelOptions {
    guard backend == .tuned, plans == nil else { return self }
    let own = try communicator.agreeing("tune", at: .computing) {
      try JSONEncoder().encode(communicator.isRoot ? measured(keptIn: folder, rehearsal) : [])
    }
    let text = try communicator.tellAll(String(decoding: own, as: UTF8.self))[0]
    var result = self
    result.plans = KernelPlans(try JSONDecoder().decode([KernelPlan].self, from: Data(text.utf8)))
    return result
  }

  private func measured(keptIn folder: String?, _ rehearsal: () throws -> Void) throws -> [KernelPlan] {
    func warn(_ text: String) { StandardOutput.error("warning: \(text)") }
    var asking = self
    let asked = KernelPlans([])
    asking.plans = asked
    try asking.run(rehearsal)
    let file = try PlanFile(in: folder, PlanFile.Machine(threads: asking.run { KernelOptions.threadsInUse }))
    let known = file?.read(warn: warn) ?? []
    var (all, new): ([KernelPlan], [KernelPlan]) = ([], [])
    for (problem, batch) in asked.unknown {
      let batch = problem.trialBatch(of: batch)
      if let plan = known.first(where: { $0.problem == problem && $0.batch == batch }) {
        all.append(plan)
      } else {
        new.append(KernelPlan(problem, batch: batch, problem.fastest(batch: batch, self)))
      }
    }
    if !new.isEmpty { file?.add(new, warn: warn) }
    return all + new
  }
}
