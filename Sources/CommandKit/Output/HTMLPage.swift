import Bytes

/// A page of HTML, built from plain text: all text is escaped here, and nowhere else.
package struct HTMLPage {
  private var body = ""
  private let title: String

  /// A page with nothing on it yet.
  package init(title: String) { self.title = title }

  /// Text for an element or an attribute: controls for a terminal become visible, and markup becomes text.
  package static func escape(_ text: String) -> String { text.printable.markupEscaped }

  /// The whole page. Nothing in it is loaded from elsewhere, and browsers are told to load nothing.
  package var document: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="referrer" content="no-referrer">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <title>\(Self.escape(title))</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    \(body)</main>
    </body>
    </html>

    """
  }

  private static let style = """
    :root { color-scheme: light; }
    body { margin: 0; background: #fff; color: #1f2328; font: 15px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
    main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.5rem 5rem; }
    h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid #1f2328; }
    h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
    p { margin: .4rem 0; max-width: 48rem; }
    .lead { color: #59636e; }
    .note { color: #59636e; font-size: .9rem; }
    ul.summary { list-style: none; margin: 1.2rem 0 0; padding: 0; display: grid;
      grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .7rem; }
    ul.summary li { border: 1px solid #d1d9e0; border-left: 5px solid #8c959f; padding: .45rem .7rem; }
    ul.summary li.good { border-left-color: #2e8555; }
    ul.summary li.warn { border-left-color: #d29922; }
    ul.summary li.bad { border-left-color: #c0392b; }
    ul.summary b { display: block; font-size: .78rem; font-weight: 600; color: #59636e; }
    table { border-collapse: collapse; width: 100%; font-size: .88rem; }
    th, td { text-align: left; vertical-align: top; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid #e4e8ec;
      overflow-wrap: anywhere; }
    thead th { color: #59636e; font-weight: 600; border-bottom: 1px solid #8c959f; white-space: nowrap; }
    tbody th { font-weight: 400; color: #59636e; width: 13rem; }
    .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
    .short { white-space: nowrap; }
    .wide { width: 50%; }
    .code, pre { font: .82rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
    pre { background: #f6f8fa; border: 1px solid #d1d9e0; padding: .7rem .9rem; white-space: pre-wrap;
      overflow-wrap: anywhere; }
    .bad { color: #a32a1e; } .warn { color: #7d5700; } .good { color: #1f6b41; }
    ul.summary li { color: #1f2328; }
    svg.map { display: block; width: 100%; height: auto; margin: .8rem 0; }
    @media print { body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
      h2 { break-after: avoid; } tr, svg, li { break-inside: avoid; } thead { display: table-header-group; } }
    """

  // MARK: Elements

  package mutating func heading(_ text: String, level: Int = 2) {
    body += "<h\(level)>\(Self.escape(text))</h\(level)>\n"
  }

  package mutating func paragraph(_ text: String, style: String? = nil) {
    body += "<p\(style.map { " class=\"\($0)\"" } ?? "")>\(Self.escape(text))</p>\n"
  }

  /// Whether a fact is good or bad news.
  package enum Mood: String {
    case plain
    case good
    case warn
    case bad
  }

  package mutating func summary(_ items: [(title: String, text: String, mood: Mood)]) {
    body += "<ul class=\"summary\">\n"
    for item in items {
      body +=
        "<li class=\"\(item.mood.rawValue)\"><b>\(Self.escape(item.title))</b>\(Self.escape(item.text))</li>\n"
    }
    body += "</ul>\n"
  }

  /// A column of a table.
  package struct Column {
    let title: String
    var style: String?

    package static func text(_ title: String) -> Column { Column(title: title) }
    package static func number(_ title: String) -> Column { Column(title: title, style: "number") }
    package static func short(_ title: String) -> Column { Column(title: title, style: "short") }
    package static func wide(_ title: String) -> Column { Column(title: title, style: "wide") }
    package static func code(_ title: String) -> Column { Column(title: title, style: "code") }

    fileprivate var attribute: String { style.map { " class=\"\($0)\"" } ?? "" }
  }

  package mutating func table(_ columns: [Column], _ rows: [[String]]) {
    body += "<table>\n<thead><tr>"
    for column in columns { body += "<th\(column.attribute)>\(Self.escape(column.title))</th>" }
    body += "</tr></thead>\n<tbody>\n"
    for row in rows {
      body += "<tr>"
      for (column, cell) in zip(columns, row) { body += "<td\(column.attribute)>\(Self.escape(cell))</td>" }
      body += "</tr>\n"
    }
    body += "</tbody>\n</table>\n"
  }

  /// Facts by name.
  package mutating func facts(_ facts: [(String, String)]) {
    body += "<table>\n<tbody>\n"
    for (name, value) in facts {
      body += "<tr><th scope=\"row\">\(Self.escape(name))</th><td>\(Self.escape(value))</td></tr>\n"
    }
    body += "</tbody>\n</table>\n"
  }

  /// Lines as they are.
  package mutating func preformatted(_ bytes: [UInt8]) {
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
      line.split(separator: 0x09, omittingEmptySubsequences: false)
        .map { Array($0).printable.markupEscaped }.joined(separator: "\t")
    }
    body += "<pre>" + lines.joined(separator: "\n") + "</pre>\n"
  }

  /// A drawing, which escapes its own text.
  package mutating func drawing(_ element: String) { body += element }
}
