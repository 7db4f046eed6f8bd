import Tensors

/// What a module's properties hold, found by reflection: those of its superclasses first, each in the order in which they are
/// declared, private ones too.
struct Structure {
  private(set) var children: [(key: String, value: Module)] = []
  private(set) var parameters: [(key: String, value: Tensor)] = []
  private(set) var buffers: [(key: String, value: Tensor)] = []
  /// Numbers, texts and containers of them.
  private(set) var plain: [(key: String, value: Any)] = []
  /// What is held where nobody looks for it, such as in a struct: the path to it, and the module or tensor itself.
  private(set) var hidden: [(path: String, object: AnyObject)] = []

  init(of module: Module) {
    var levels: [Mirror] = []
    var level: Mirror? = Mirror(reflecting: module)
    while let mirror = level, mirror.subjectType != Module.self {
      levels.append(mirror)
      level = mirror.superclassMirror
    }
    for property in levels.reversed().flatMap(\.children) {
      collect(property.value, named: Self.name(of: property.label ?? ""))
    }
  }

  /// A lazy property is stored under a name of the compiler's.
  private static func name(of label: String) -> String {
    let lazy = "$__lazy_storage_$_"
    return label.hasPrefix(lazy) ? String(label.dropFirst(lazy.count)) : label
  }

  private mutating func collect(_ value: Any, named name: String) {
    switch value {
    case let module as Module: children.append((module.ownName ?? name, module))
    case let tensor as Tensor: collect(tensor, named: name)
    default:
      if isPlain(type(of: value)) {
        plain.append((name, value))
      } else {
        collectElements(of: value, named: name)
      }
    }
  }

  private mutating func collect(_ tensor: Tensor, named name: String) {
    switch tensor.role?.kind {
    case .parameter: parameters.append((tensor.role?.name ?? name, tensor))
    case .buffer: buffers.append((tensor.role?.name ?? name, tensor))
    // Who asks for its gradient wants it trained, so that it must not be passed over in silence.
    case nil: if tensor.requiresGradient { hidden.append((name, tensor)) }
    }
  }

  /// Of arrays `name.0`, of tuples too, of dictionaries `name.key`; optionals and property wrappers add nothing to the name.
  private mutating func collectElements(of value: Any, named name: String) {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional: for element in mirror.children { collect(element.value, named: name) }
    case .collection:
      for (index, element) in mirror.children.enumerated() { collect(element.value, named: "\(name).\(index)") }
    case .tuple:
      for element in mirror.children {
        let label = element.label ?? ""
        collect(element.value, named: "\(name).\(label.hasPrefix(".") ? String(label.dropFirst()) : label)")
      }
    case .dictionary:
      for (key, element) in Self.sorted(mirror) { collect(element, named: "\(name).\(key)") }
    default:
      if name.hasPrefix("_"), let wrapped = mirror.descendant("wrappedValue") {
        collect(wrapped, named: String(name.dropFirst()))
      } else {
        var search = HiddenSearch()
        search.visit(value, at: name)
        hidden += search.found
      }
    }
  }

  /// A dictionary's entries by their keys, since it has no order of its own.
  private static func sorted(_ dictionary: Mirror) -> [(key: String, value: Any)] {
    dictionary.children.compactMap { entry in
      let pair = Mirror(reflecting: entry.value).children.map(\.value)
      return pair.count == 2 ? ("\(pair[0])", pair[1]) : nil
    }.sorted { $0.key < $1.key }
  }
}

/// Looks for modules and parameters in structs, enumerations, sets and objects: not to train them, but to tell of them.
private struct HiddenSearch {
  private(set) var found: [(path: String, object: AnyObject)] = []
  private var seen: Set<ObjectIdentifier> = []
  /// What a property can lead to is without bound. What a closure holds can't be seen at all.
  private var visitsLeft = 10_000

  mutating func visit(_ value: Any, at path: String, depth: Int = 0) {
    visitsLeft -= 1
    if visitsLeft < 0 || depth > 8 || isPlain(type(of: value)) { return }
    switch value {
    case let module as Module: found.append((path, module))
    case let tensor as Tensor: if tensor.role != nil || tensor.requiresGradient { found.append((path, tensor)) }
    default:
      var level: Mirror? = Mirror(reflecting: value)
      if level?.displayStyle == .class, !seen.insert(ObjectIdentifier(value as AnyObject)).inserted { return }
      while let mirror = level {
        for (index, property) in mirror.children.enumerated() where visitsLeft > 0 {
          visit(property.value, at: path + "." + (property.label ?? "\(index)"), depth: depth + 1)
        }
        level = mirror.superclassMirror
      }
    }
  }
}

/// Whether values of that type, numbers and texts and containers of them, hold no tensor: a table of a million numbers is not
/// worth a look at each.
private func isPlain(_ type: Any.Type) -> Bool {
  if let container = type as? any Container.Type { return isPlain(container.element) }
  return type is any Numeric.Type || type == String.self || type == Bool.self || type == Character.self
}

/// A type whose values hold others of one type.
private protocol Container {
  static var element: Any.Type { get }
}

extension Array: Container { static var element: Any.Type { Element.self } }
extension ArraySlice: Container { static var element: Any.Type { Element.self } }
extension Set: Container { static var element: Any.Type { Element.self } }
extension Dictionary: Container { static var element: Any.Type { Value.self } }
extension Optional: Container { static var element: Any.Type { Wrapped.self } }
