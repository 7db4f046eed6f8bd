import CDNNL
import Synchronization

/// A compiled oneDNN primitive with the memory objects of its arguments.
///
/// Compiling costs up to milliseconds and memory objects some hundred nanoseconds, so both are made once per shape; a
/// call only points the memory objects at its buffers. `run` holds a lock, since those pointers are shared.
final class Primitive: @unchecked Sendable {
  let descriptor: dnnl_primitive_desc_t
  private let handle: dnnl_primitive_t
  private let engine: Engine
  /// Scratch memory comes first where the primitive needs some, then the buffers in the order of `run`.
  private var arguments: [dnnl_exec_arg_t] = []
  private let scratchByteCount: Int
  private let lock = Mutex(())

  init(_ descriptor: dnnl_primitive_desc_t?, _ operation: @autoclosure () -> String) throws {
    engine = try Engine.shared.get()
    var primitive: dnnl_primitive_t?
    guard let descriptor else { throw KernelError(operation: operation(), detail: "oneDNN has no kernel for it") }
    guard dnnl_primitive_create(&primitive, descriptor) == dnnl_success, let primitive else {
      dnnl_primitive_desc_destroy(descriptor)
      throw KernelError(operation: operation(), detail: "oneDNN can't compile it")
    }
    self.descriptor = descriptor
    handle = primitive
    scratchByteCount = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0))
    if scratchByteCount > 0 { try argument(DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md) }
  }

  deinit {
    for argument in arguments { dnnl_memory_destroy(argument.memory) }
    dnnl_primitive_destroy(handle)
    dnnl_primitive_desc_destroy(descriptor)
  }

  /// Declares an argument in the layout that the primitive chose. Arguments are declared in the order of `run`'s buffers.
  func argument(_ kind: Int32, _ query: dnnl_query_t, _ index: Int32 = 0) throws {
    try add(kind, lockstep_memory_for(descriptor, query, index, engine.handle, nil))
  }

  /// Declares an argument in a layout of the caller's.
  func argument(_ kind: Int32, _ layout: MemoryDescriptor) throws {
    try add(kind, lockstep_memory(&layout.desc, engine.handle, nil))
  }

  private func add(_ kind: Int32, _ memory: dnnl_memory_t?) throws {
    guard let memory else { throw KernelError(operation: "argument \(kind)", detail: "has no memory layout") }
    arguments.append(dnnl_exec_arg_t(arg: kind, memory: memory))
  }

  /// How many bytes the argument takes in the layout that the primitive chose.
  func byteCount(_ query: dnnl_query_t, _ index: Int32 = 0) -> Int {
    dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(descriptor, query, index))
  }

  func run(_ buffers: UnsafeMutableRawPointer?...) throws { try run(buffers) }

  func run(_ buffers: [UnsafeMutableRawPointer?]) throws {
    if scratchByteCount == 0 { return try run(scratch: nil, buffers) }
    try ScratchMemory.with(scratchByteCount) { try run(scratch: $0, buffers) }
  }

  private func run(scratch: UnsafeMutableRawPointer?, _ buffers: [UnsafeMutableRawPointer?]) throws {
    try lock.withLock { _ in
      if let scratch { try point(arguments[0], at: scratch) }
      for (argument, buffer) in zip(arguments.dropFirst(scratch == nil ? 0 : 1), buffers) {
        try point(argument, at: buffer)
      }
      guard dnnl_primitive_execute(handle, engine.stream, Int32(arguments.count), arguments) == dnnl_success,
        dnnl_stream_wait(engine.stream) == dnnl_success
      else { throw KernelError(operation: "primitive", detail: "failed while running") }
    }
  }

  private func point(_ argument: dnnl_exec_arg_t, at buffer: UnsafeMutableRawPointer?) throws {
    guard dnnl_memory_set_data_handle(argument.memory, buffer) == dnnl_success else {
      throw KernelError(operation: "primitive", detail: "refused a buffer")
    }
  }
}

/// What was compiled, by what was asked for. Emptied when it grows past a thousand shapes.
final class PrimitiveCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let entries = Mutex<[Key: Value]>([:])

  func value(for key: Key, make: () throws -> Value) throws -> Value {
    if let known = entries.withLock({ $0[key] }) { return known }
    let made = try make()
    entries.withLock {
      if $0.count >= 1000 { $0.removeAll() }
      $0[key] = made
    }
    return made
  }
}
