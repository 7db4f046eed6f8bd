import Glibc

/// What each thread has one of, made when the thread first asks for it.
protocol PerThreadValue: AnyObject { init() }

/// The place of such values, which go when their threads end. A task-local value costs more to look up than an operation on a few
/// numbers.
struct PerThread<Value: PerThreadValue>: Sendable {
  private let key: pthread_key_t

  init() {
    var key = pthread_key_t()
    pthread_key_create(&key) { if let value = $0 { Unmanaged<AnyObject>.fromOpaque(value).release() } }
    self.key = key
  }

  /// The calling thread's own.
  var value: Value {
    if let known = pthread_getspecific(key) { return Unmanaged<Value>.fromOpaque(known).takeUnretainedValue() }
    let fresh = Value()
    pthread_setspecific(key, Unmanaged.passRetained(fresh).toOpaque())
    return fresh
  }
}
