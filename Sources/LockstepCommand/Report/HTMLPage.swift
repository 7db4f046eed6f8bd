import Foundation
import Lockstep

/// A page that needs nothing beside itself: no script, no other file, light or dark as its reader likes it.
struct HTMLPage {
  private let title: String
  private var body = ""

  init(_ title: String) { self.title = title }

  /// A part under a heading; nothing where it is empty.
  mutating func add(_ heading: String, _ html: String) {
    if !html.isEmpty { body += "<section>\n<h2>\(Self.escaped(heading))</h2>\n\(html)\n</section>\n" }
  }

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(Self.escaped(title))</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(Self.escaped(title))</h1>
    \(body)</main>
    </body>
    </html>

    """
  }

  static func escaped(_ text: some StringProtocol) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #1d232b; --soft: #5c6670; --paper: #fbfbfa; --card: #ffffff; --line: #dfe2e6;
      --heat: 31, 94, 168; --c0: #1f5ea8; --c1: #c8551b; --c2: #2e8540; --c3: #8a4fb0; --c4: #a8812a; --c5: #6b7480; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e4e8ec; --soft: #9aa5b0; --paper: #14181d; --card: #1b2027; --line: #333b45;
        --heat: 92, 158, 232; --c0: #6aa9f0; --c1: #f0935a; --c2: #6cc07c; --c3: #c08fe4; --c4: #d8b45c; --c5: #9aa5b0; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
    main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 64px; }
    h1 { font-size: 26px; margin: 8px 0 20px; overflow-wrap: anywhere; }
    h2 { font-size: 18px; margin: 0 0 12px; }
    h3 { font-size: 15px; margin: 18px 0 6px; }
    section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px; margin: 0 0 18px;
      overflow-x: auto; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    th, td { padding: 3px 10px; text-align: left; border-bottom: 1px solid var(--line); }
    th { font-weight: 600; color: var(--soft); }
    td.number, th.number { text-align: right; }
    .tiles { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 0; }
    .tiles div { min-width: 90px; }
    .tiles dt { color: var(--soft); font-size: 13px; }
    .tiles dd { margin: 0; font-size: 20px; font-variant-numeric: tabular-nums; }
    .charts { display: flex; flex-wrap: wrap; gap: 12px; }
    .charts svg { flex: 1 1 420px; min-width: 300px; max-width: 640px; height: auto; }
    svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
    svg .title { fill: var(--ink); font-weight: 600; }
    svg .grid { stroke: var(--line); }
    svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .bar { display: flex; height: 22px; border-radius: 4px; overflow: hidden; margin: 0 0 10px; }
    .key { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 7px; }
    .heat { font-size: 12px; }
    .heat td { min-width: 30px; text-align: center; padding: 4px 5px; border: 1px solid var(--card); }
    .heat th { white-space: nowrap; border: 0; padding: 2px 8px; }
    .heat thead th { writing-mode: vertical-rl; transform: rotate(180deg); padding: 6px 2px; text-align: left; }
    .heat .full { color: var(--card); }
    .pictures { display: flex; flex-wrap: wrap; gap: 12px; }
    .pictures figure { margin: 0; width: 112px; }
    .pictures img { display: block; max-width: 112px; image-rendering: pixelated; outline: 1px solid var(--line); }
    figcaption { font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; }
    figcaption b { font-weight: 600; }
    figcaption i { font-style: normal; color: var(--c1); }
    pre, blockquote { margin: 0 0 12px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
    blockquote { border-left: 3px solid var(--c0); padding-left: 12px; }
    blockquote b { color: var(--c0); font-weight: 600; }
    details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); }
    p { margin: 0 0 10px; } p.note { color: var(--soft); }
    """
}

/// What pages are made of.
extension HTMLPage {
  /// A table; columns from `numbers` on stand to the right.
  static func table(_ head: [String], _ rows: [[String]], numbersFrom numbers: Int = .max) -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      cells.enumerated().map { "<\(tag)\($0 >= numbers ? " class=\"number\"" : "")>\(escaped($1))</\(tag)>" }.joined()
    }
    let title = head.isEmpty ? "" : "<thead><tr>\(row(head, "th"))</tr></thead>\n"
    return "<table>\n\(title)" + rows.map { "<tr>\(row($0, "td"))</tr>" }.joined(separator: "\n") + "\n</table>"
  }

  /// Figures in large type, each with its name.
  static func tiles(_ figures: [(name: String, value: String)]) -> String {
    "<dl class=\"tiles\">"
      + figures.map { "<div><dt>\(escaped($0.name))</dt><dd>\(escaped($0.value))</dd></div>" }.joined() + "</dl>"
  }

  /// A matrix as colours, shares in 0…1, with texts in its cells.
  static func heat(_ shares: [[Double]], _ texts: [[String]], rows: [String], columns: [String]) -> String {
    let head = columns.map { "<th>\(escaped($0))</th>" }.joined()
    let body = shares.enumerated().map { y, row in
      let cells = row.enumerated().map { x, share in
        let strength = String(format: "%.3f", min(max(share, 0), 1))
        return "<td\(share > 0.55 ? " class=\"full\"" : "") style=\"background: rgba(var(--heat), \(strength))\">"
          + "\(escaped(texts[y][x]))</td>"
      }
      return "<tr><th>\(escaped(y < rows.count ? rows[y] : ""))</th>\(cells.joined())</tr>"
    }
    return "<table class=\"heat\">\n<thead><tr><td></td>\(head)</tr></thead>\n\(body.joined(separator: "\n"))\n</table>"
  }

  /// A bar cut by shares, and a table of what they are.
  static func shares(_ parts: [(name: String, seconds: Double)]) -> String {
    let whole = max(parts.reduce(0) { $0 + $1.seconds }, 1e-12)
    let pieces = parts.enumerated().map { index, part in
      "<div style=\"width: \(String(format: "%.2f", part.seconds / whole * 100))%; background: var(--c\(index % 6))\" "
        + "title=\"\(escaped(part.name))\"></div>"
    }
    let rows = parts.enumerated().map { index, part in
      "<tr><td><span class=\"key\" style=\"background: var(--c\(index % 6))\"></span>\(escaped(part.name))</td>"
        + "<td class=\"number\">\(String(format: "%.1f s", part.seconds))</td>"
        + "<td class=\"number\">\(String(format: "%.1f %%", part.seconds / whole * 100))</td></tr>"
    }
    return "<div class=\"bar\">\(pieces.joined())</div>\n<table>\(rows.joined(separator: "\n"))</table>"
  }

  /// A picture within the page.
  static func image(_ picture: Picture, _ description: String) -> String {
    let bytes = Foundation.Data(picture.png()).base64EncodedString()
    return "<img alt=\"\(escaped(description))\" src=\"data:image/png;base64,\(bytes)\">"
  }
}
