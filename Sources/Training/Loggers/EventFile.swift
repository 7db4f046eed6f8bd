import Foundation
import HDF5Files

/// An event file as TensorBoard reads it: records of protocol buffers, each with its length and two checksums.
///
/// Source: TensorFlow's `event.proto`, `summary.proto` and `record_writer.cc`; the tags are those that PyTorch's `SummaryWriter`
/// would be given, so that curves of both lie in one picture.
struct EventFile: LogFile {
  private let file: LineFile
  /// Seconds since 1970.
  private let clock: () -> Double

  /// A file of its own in the folder; what an earlier one there says of later steps no longer counts.
  init(in folder: String, resumingAt step: Int?, clock: @escaping () -> Double = { Date().timeIntervalSince1970 })
    throws
  {
    let host = ProcessInfo.processInfo.hostName.replacingOccurrences(of: "/", with: "-")
    let seconds = String(format: "%010d", Int(clock()))
    let name = "events.out.tfevents.\(seconds).\(host).\(ProcessInfo.processInfo.processIdentifier).0"
    file = try LineFile("\(folder)/\(name)", isAppending: false)
    self.clock = clock
    try append { $0.set(3, "brain.Event:2") }
    guard let step else { return }
    try append { event in
      event.set(2, step + 1)
      // A session that starts: what was logged for this step and later ones is gone.
      event.set(7) { $0.set(1, 1) }
    }
  }

  func write(_ entry: LogEntry) throws {
    switch entry {
    case .numbers(_, let step, _, let values):
      try summarize(step) { summary in
        for number in values where number.value.isFinite {
          summary.set(1) { value in
            value.set(1, Self.tag(number))
            value.set(2, Float(number.value))
          }
        }
      }
    case .configuration(let configuration, let step): try write(configuration, step)
    case .picture(let name, let picture, let step):
      try summarize(step) { summary in
        summary.set(1) { value in
          value.set(1, name)
          value.set(4) { image in
            image.set(1, picture.size.height)
            image.set(2, picture.size.width)
            image.set(3, picture.channels)
            image.set(4, picture.png())
          }
        }
      }
    case .histogram(let name, let histogram, let step): try write(name, histogram, step)
    }
  }

  /// `loss/train` beside `loss/test`: what belongs together stands together.
  private static func tag(_ number: LogValue) -> String {
    number.split.isEmpty ? number.name : "\(number.name)/\(number.split)"
  }

  /// A table in Markdown, which the page's "text" shows.
  private func write(_ configuration: Configuration, _ step: Int) throws {
    let rows = configuration.table.flatMap { group in
      group.settings.map { "| \(group.name) | \($0.option) | \($0.value) |" }
    }
    let text = (["| | setting | value |", "|---|---|---|", "| | model | \(configuration.model) |"] + rows)
    try summarize(step) { summary in
      summary.set(1) { value in
        value.set(1, "configuration/text_summary")
        value.set(8) { tensor in
          // A string, in a list of one.
          tensor.set(1, 7)
          tensor.set(2) { shape in shape.set(2) { $0.set(1, 1) } }
          tensor.set(8, text.joined(separator: "\n"))
        }
        value.set(9) { metadata in metadata.set(1) { $0.set(1, "text") } }
      }
    }
  }

  private func write(_ name: String, _ histogram: Histogram, _ step: Int) throws {
    try summarize(step) { summary in
      summary.set(1) { value in
        value.set(1, name)
        value.set(5) { message in
          message.set(1, histogram.least)
          message.set(2, histogram.most)
          message.set(3, Double(histogram.counts.reduce(0, +)))
          message.set(4, histogram.sum)
          message.set(5, histogram.sumOfSquares)
          // Each bucket by its end: the first has the beginning of the others, and nothing in it.
          message.set(6, histogram.edges)
          message.set(7, [0] + histogram.counts.map(Double.init))
        }
      }
    }
  }

  private func summarize(_ step: Int, _ fill: (inout ProtocolMessage) -> Void) throws {
    try append { event in
      event.set(2, step)
      event.set(5, fill)
    }
  }

  private func append(_ fill: (inout ProtocolMessage) -> Void) throws {
    var event = ProtocolMessage()
    event.set(1, clock())
    fill(&event)
    try file.append(Self.record(event.bytes))
  }

  static func record(_ bytes: [UInt8]) -> [UInt8] {
    func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: number.littleEndian, Array.init)
    }
    let length = littleEndian(UInt64(bytes.count))
    return length + littleEndian(CRC32C.masked(length)) + bytes + littleEndian(CRC32C.masked(bytes))
  }
}
