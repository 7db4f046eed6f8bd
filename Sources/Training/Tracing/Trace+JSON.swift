import Foundation
import MessagePassing

/// A trace as Chrome and Perfetto read it (ui.perfetto.dev, chrome://tracing): one process a rank, one thread a row.
extension Trace {
  /// The JSON object format, with complete events in microseconds since the earliest of them.
  public var json: [UInt8] {
    let origin = ranks.flatMap(\.spans).map(\.start).min() ?? 0
    var text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
    var separator = ""
    func add(_ fields: String) {
      text += separator + "{" + fields + "}"
      separator = ",\n"
    }
    for (number, rank) in ranks.enumerated() {
      let name = Self.quoted("rank \(number) on \(rank.host)")
      add("\"ph\":\"M\",\"pid\":\(number),\"name\":\"process_name\",\"args\":{\"name\":\(name)}")
      add("\"ph\":\"M\",\"pid\":\(number),\"name\":\"process_sort_index\",\"args\":{\"sort_index\":\(number)}")
      for (index, row) in rank.rows.enumerated() {
        let place = "\"pid\":\(number),\"tid\":\(index + 1)"
        add("\"ph\":\"M\",\(place),\"name\":\"thread_name\",\"args\":{\"name\":\"\(row.name)\"}")
        add("\"ph\":\"M\",\(place),\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":\(index)}")
        for span in row.spans {
          let bytes = span.bytes > 0 ? ",\"bytes\":\(span.bytes)" : ""
          let (start, length) = (Self.micros(span.start - origin), Self.micros(span.end - span.start))
          add(
            "\"ph\":\"X\",\(place),\"ts\":\(start),\"dur\":\(length),\"name\":\(Self.quoted(span.name)),"
              + "\"args\":{\"step\":\(span.step)\(bytes)}")
        }
      }
    }
    return Array((text + "\n]}\n").utf8)
  }

  /// Nanoseconds as microseconds, exactly.
  private static func micros(_ nanoseconds: Int) -> String {
    let digits = String(nanoseconds % 1000 + 1000).dropFirst()
    return "\(nanoseconds / 1000).\(digits)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 32: result += String(format: "\\u%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension TracedRank {
  /// What was noted of each thread, in the order of time, what is around others first. Messages that were on their way at once
  /// have rows of their own: in a row spans lie beside or within each other.
  var rows: [(name: String, spans: [Timeline.Span])] {
    let sorted = spans.sorted { ($0.start, $1.end) < ($1.start, $0.end) }
    var lanes: [[Timeline.Span]] = []
    for span in sorted where span.row == .messages {
      if let lane = lanes.firstIndex(where: { ($0.last?.end ?? 0) <= span.start }) {
        lanes[lane].append(span)
      } else {
        lanes.append([span])
      }
    }
    let messages = lanes.enumerated().map { index, lane in (index == 0 ? "messages" : "messages \(index + 1)", lane) }
    let saved = sorted.filter { $0.row == .saving }
    return [("training", sorted.filter { $0.row == .training })] + messages + (saved.isEmpty ? [] : [("saving", saved)])
  }
}
