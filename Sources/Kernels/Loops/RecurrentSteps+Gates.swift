// The cells with gates. `memory` holds per step, one block after the other: a GRU's r and z (rows of two), n, and the
// hidden share of n; an LSTM's four gates (rows of four), c and tanh c.

extension RecurrentSteps {
  func gruForward(
    _ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats, _ memory: Floats
  ) throws {
    let products = Floats.allocate(capacity: gatesCount)
    defer { products.deallocate() }
    for index in 0..<steps {
      let step = step(index)
      let before = previous(outputs, index, inputs.hidden)
      try multiply(before, weight, into: products, accumulating: false)
      let (own, kept) = (gates + step * gatesCount, memory + step * 4 * stateCount)
      let (switches, fresh, shares) = (kept, kept + 2 * stateCount, kept + 3 * stateCount)
      for row in 0..<batch {
        let (a, p, s) = (own + row * gateWidth, products + row * gateWidth, switches + row * 2 * hidden)
        let share = shares + row * hidden
        if let bias = inputs.bias { for i in 0..<gateWidth { p[i] += bias[i] } }
        for i in 0..<2 * hidden { s[i] = a[i] + p[i] }
        for i in 0..<hidden { share[i] = p[2 * hidden + i] }
      }
      try kernels.apply(.sigmoid, switches, into: switches, count: 2 * stateCount)
      for row in 0..<batch {
        let (a, r, n) = (own + row * gateWidth + 2 * hidden, switches + row * 2 * hidden, fresh + row * hidden)
        let share = shares + row * hidden
        for i in 0..<hidden { n[i] = a[i] + r[i] * share[i] }
      }
      try kernels.apply(.tanh, fresh, into: fresh, count: stateCount)
      let h = outputs + step * stateCount
      for row in 0..<batch {
        let (z, n, h) = (switches + row * 2 * hidden + hidden, fresh + row * hidden, h + row * hidden)
        if let before = before.map({ $0 + row * hidden }) {
          for i in 0..<hidden { h[i] = n[i] + z[i] * (before[i] - n[i]) }
        } else {
          for i in 0..<hidden { h[i] = n[i] - z[i] * n[i] }
        }
      }
    }
  }

  func gruBackward(
    _ step: Int, _ before: UnsafePointer<Float>?, _ memory: UnsafePointer<Float>, _ result: Derivatives
  ) {
    let kept = memory + step * 4 * stateCount
    for row in 0..<batch {
      let (r, n) = (kept + row * 2 * hidden, kept + 2 * stateCount + row * hidden)
      let (z, share) = (r + hidden, kept + 3 * stateCount + row * hidden)
      let (d, gates) = (result.hidden + row * hidden, result.gates + step * gatesCount + row * gateWidth)
      let products = result.products + step * gatesCount + row * gateWidth
      let (ofReset, ofUpdate, ofFresh) = (gates, gates + hidden, gates + 2 * hidden)
      for i in 0..<hidden { ofFresh[i] = d[i] * (1 - z[i]) * (1 - n[i] * n[i]) }
      for i in 0..<hidden { ofReset[i] = ofFresh[i] * share[i] * r[i] * (1 - r[i]) }
      let ofShare = products + 2 * hidden
      for i in 0..<hidden { ofShare[i] = ofFresh[i] * r[i] }
      if let before = before.map({ $0 + row * hidden }) {
        for i in 0..<hidden { ofUpdate[i] = d[i] * (before[i] - n[i]) * z[i] * (1 - z[i]) }
      } else {
        for i in 0..<hidden { ofUpdate[i] = -d[i] * n[i] * z[i] * (1 - z[i]) }
      }
      products.update(from: gates, count: 2 * hidden)
      for i in 0..<hidden { d[i] *= z[i] }
    }
  }

  func lstmForward(
    _ inputs: Inputs, _ weight: Factor, _ gates: Floats, _ outputs: Floats, _ cells: Floats?, _ memory: Floats
  ) throws {
    for index in 0..<steps {
      let step = step(index)
      let (own, kept) = (gates + step * gatesCount, memory + step * 6 * stateCount)
      try multiply(previous(outputs, index, inputs.hidden), weight, into: own, accumulating: true)
      // One function for all gates: tanh x is 2 σ(2x) - 1.
      for row in 0..<batch {
        let g = own + row * gateWidth + 2 * hidden
        for i in 0..<hidden { g[i] *= 2 }
      }
      try kernels.apply(.sigmoid, own, into: kept, count: gatesCount)
      let (c, squashed) = (kept + 4 * stateCount, kept + 5 * stateCount)
      let before = previousCell(memory, index, inputs.cell)
      for row in 0..<batch {
        let (i, c) = (kept + row * gateWidth, c + row * hidden)
        let (f, g) = (i + hidden, i + 2 * hidden)
        for k in 0..<hidden { g[k] = 2 * g[k] - 1 }
        if let before = before.map({ $0 + row * hidden }) {
          for k in 0..<hidden { c[k] = f[k] * before[k] + i[k] * g[k] }
        } else {
          for k in 0..<hidden { c[k] = i[k] * g[k] }
        }
      }
      try kernels.apply(.tanh, c, into: squashed, count: stateCount)
      for row in 0..<batch {
        let (o, h) = (kept + row * gateWidth + 3 * hidden, outputs + step * stateCount + row * hidden)
        let squashed = squashed + row * hidden
        for k in 0..<hidden { h[k] = o[k] * squashed[k] }
      }
      if index == steps - 1 { cells?.update(from: c, count: stateCount) }
    }
  }

  /// The cell state that the `index`-th computed step started from; nil for zeros.
  func previousCell(
    _ memory: UnsafePointer<Float>, _ index: Int, _ first: UnsafePointer<Float>?
  ) -> UnsafePointer<Float>? {
    index == 0 ? first : memory + (step(index - 1) * 6 + 4) * stateCount
  }

  func lstmBackward(
    _ step: Int, _ before: UnsafePointer<Float>?, _ memory: UnsafePointer<Float>, _ result: Derivatives
  ) {
    let kept = memory + step * 6 * stateCount
    for row in 0..<batch {
      let (i, squashed) = (kept + row * gateWidth, kept + 5 * stateCount + row * hidden)
      let (f, g, o) = (i + hidden, i + 2 * hidden, i + 3 * hidden)
      let (dh, dc) = (result.hidden + row * hidden, result.cell + row * hidden)
      let di = result.gates + step * gatesCount + row * gateWidth
      let (df, dg, `do`) = (di + hidden, di + 2 * hidden, di + 3 * hidden)
      // Loops of one result each, which the compiler makes vectors of.
      for k in 0..<hidden { dc[k] += dh[k] * o[k] * (1 - squashed[k] * squashed[k]) }
      for k in 0..<hidden { `do`[k] = dh[k] * squashed[k] * o[k] * (1 - o[k]) }
      for k in 0..<hidden { di[k] = dc[k] * g[k] * i[k] * (1 - i[k]) }
      for k in 0..<hidden { dg[k] = dc[k] * i[k] * (1 - g[k] * g[k]) }
      for k in 0..<hidden { df[k] = dc[k] * f[k] * (1 - f[k]) }
      for k in 0..<hidden { dc[k] *= f[k] }
      if let before = before.map({ $0 + row * hidden }) {
        for k in 0..<hidden { df[k] *= before[k] }
      } else {
        df.update(repeating: 0, count: hidden)
      }
    }
  }
}
