import Bytes
import CommandKit
import Forensics
import LUKS
import SIF
import Squash
import StrictJSON

/// A report as one page of HTML.
struct ReportPage {
  private let report: ExaminedImage
  private var page: HTMLPage
  /// The most objects and regions that the page lists; `map` and `list` have all of them.
  static let mostRows = 1000

  init(_ report: ExaminedImage) {
    self.report = report
    let name = report.path.lastComponent?.string ?? report.path.string
    page = HTMLPage(title: "Examination of \(name)")
    page.heading("Examination of \(name)", level: 1)
    page.paragraph(
      "A report of siftool \(ToolVersion.number)\(report.time.map { ", \($0.iso8601)" } ?? ""). The file was only read.",
      style: "lead")
    page.summary(summary)
    acquisition()
    drawing()
    header()
    objects()
    signatures()
    encryption()
    texts()
    for partition in report.partitions { files(partition) }
    times()
    check()
    carved()
    regions()
  }

  /// The page.
  var document: String { page.document }

  // MARK: Summary

  private typealias Item = (title: String, text: String, mood: HTMLPage.Mood)

  private var summary: [Item] {
    var items: [Item] = [
      ("Size", "\(ByteText.decimal(report.size)), \(report.lenient.descriptors.count) objects", .plain)
    ]
    switch report.findings.map(\.severity).max() {
    case .error?:
      items.append(("Structure", counted(report.findings.count { $0.severity == .error }, "error"), .bad))
    case .warning?:
      items.append(
        ("Structure", counted(report.findings.count { $0.severity == .warning }, "warning"), .warn))
    case .note?: items.append(("Structure", "sound, \(counted(report.findings.count, "note"))", .good))
    case nil: items.append(("Structure", "sound", .good))
    }
    items.append(signatureSummary)
    let encrypted = report.page?.volumes.count ?? 0
    if encrypted > 0 { items.append(("Encryption", counted(encrypted, "encrypted partition"), .plain)) }
    let sure = report.carving.items.count { $0.confidence > .low }
    if !report.carving.items.isEmpty {
      items.append(
        (
          "Outside of objects", "\(counted(report.carving.items.count, "find")), \(sure) of them likely",
          .warn
        ))
    }
    let odd =
      report.implausible.count + report.partitions.reduce(0) { $0 + ($1.files?.implausible.count ?? 0) }
    if odd > 0 { items.append(("Times", counted(odd, "implausible time"), .warn)) }
    if report.hasChanged { items.append(("Integrity", "the file changed while it was examined", .bad)) }
    return items
  }

  private var signatureSummary: Item {
    let count = report.lenient.descriptors.count { $0.dataType == .signature }
    guard let verification = report.verification else {
      return ("Signatures", count == 0 ? "none" : "\(count), not verified: no key was given", .plain)
    }
    let mood: HTMLPage.Mood =
      switch verification.verdict {
      case .ok: .good
      case .tampered: .bad
      default: .warn
      }
    return ("Signatures", "verdict: \(verification.verdict.rawValue)", mood)
  }

  private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  // MARK: Sections

  private mutating func acquisition() {
    page.heading("Acquisition")
    page.facts(report.acquisition.map { ($0.label, $0.text) })
  }

  private mutating func drawing() {
    page.heading("Map of the file")
    page.drawing(MapDrawing(report.map).element)
    if !report.map.isVerified, report.map.regions.contains(where: { $0.coverage.state == .claimed }) {
      page.paragraph(
        "\u{201C}claimed\u{201D}: a signature is linked to it, but cannot be verified without keys.",
        style: "note")
    }
    for overlap in report.map.overlaps.prefix(20) {
      page.paragraph(
        "Object \(overlap.objectID) shares \(overlap.length) bytes at byte \(overlap.offset) with \(overlap.with)."
      )
    }
  }

  private mutating func header() {
    page.heading("Header")
    guard let header = report.lenient.header else {
      return page.paragraph("No header was found.", style: "bad")
    }
    page.facts(
      header.fieldTable.fields.compactMap { field in
        field.label.flatMap { label in field.text.map { (label, $0) } }
      })
  }

  private mutating func objects() {
    let objects = report.lenient.descriptors
    page.heading("Objects")
    guard !objects.isEmpty else { return page.paragraph("There are none.") }
    page.table(
      [
        .number("id"), .text("type"), .text("name"), .number("offset"), .number("size"), .short("group"),
        .short("link"), .short("created"), .short("changed"),
      ],
      objects.prefix(Self.mostRows).map { object in
        let link =
          switch object.link {
          case .object(let id): "object \(id)"
          case .group(let group): "group \(group)"
          case nil: ""
          }
        return [
          "\(object.id)", object.dataType.name + InspectPage.detail(of: object), object.name.printable,
          "\(object.offset)", "\(object.size)", object.group.map { "\($0)" } ?? "", link,
          object.createdAt.shown, object.modifiedAt.shown,
        ]
      })
    more(objects.count)
  }

  private mutating func more(_ count: Int) {
    if count > Self.mostRows { page.paragraph("\(count - Self.mostRows) more are not shown.", style: "note") }
  }

  private mutating func signatures() {
    page.heading("Signatures and what they cover")
    let signatures = report.lenient.descriptors.filter { $0.dataType == .signature }
    guard !signatures.isEmpty else { return page.paragraph("There are none: nothing is signed.") }
    if let verification = report.verification {
      page.paragraph("Verified with the given keys: \(verification.verdict.rawValue).")
      for reason in verification.reasons.prefix(50) { page.paragraph(reason) }
      page.table(
        [.number("id"), .short("format"), .text("outcome"), .text("signer"), .short("signed at")],
        verification.signatures.prefix(Self.mostRows).map { result in
          let signer = result.validSigners.first ?? result.signers.first
          return [
            "\(result.id)", result.format.description, result.summary,
            ([signer?.identity ?? signer?.fingerprint ?? ""] + (signer?.userIDs ?? [])).joined(
              separator: " "),
            signer?.signedAt?.iso8601 ?? "",
          ]
        })
    } else {
      page.paragraph("As they describe themselves. No key was given, so nothing is verified.", style: "note")
      page.table(
        [.number("id"), .text("over"), .code("fingerprint it states")],
        signatures.prefix(Self.mostRows).map { object in
          let over =
            switch object.link {
            case .object(let id): "object \(id)"
            case .group(let group): "group \(group)"
            case nil: "nothing"
            }
          guard case .signature(let metadata) = object.metadata else { return ["\(object.id)", over, ""] }
          return ["\(object.id)", over, metadata.fingerprint?.hexadecimal.uppercased() ?? "none"]
        })
    }
    let covered = report.map.regions.filter { $0.kind == .object && $0.coverage.state != .none }
    let bytes = covered.reduce(0) { $0 + $1.length - $1.coverage.uncoveredBytes }
    let word = report.map.isVerified ? "covered by good signatures" : "claimed by signatures"
    page.paragraph(
      "\(ByteText.part(bytes, of: report.size)) are bytes of objects that are \(word); header and descriptors are covered "
        + "in part, padding, gaps and signatures themselves never.")
  }

  private mutating func encryption() {
    let volumes = report.page?.volumes ?? []
    guard !volumes.isEmpty else { return }
    page.heading("Encryption")
    page.paragraph("The headers of the volumes, which can be read without a key.", style: "note")
    for volume in volumes {
      page.heading("Object \(volume.object)", level: 3)
      switch volume.facts {
      case .luks(let facts): encryption(facts)
      case .gocryptfs(let facts):
        let configuration = facts.configuration
        page.facts([
          ("Format", "gocryptfs"), ("Made by", configuration.creator), ("Cipher", VolumeFields.fileCipher),
          ("Features", configuration.features.joined(separator: " ")),
          ("Key", VolumeFields.text(of: configuration.cost)), ("File", facts.fileName.printable),
          ("Length of the file", "\(facts.fileByteCount) bytes"),
        ])
      }
    }
  }

  private mutating func encryption(_ facts: VolumeFacts) {
    page.facts(
      [
        ("Format", "LUKS\(facts.version)"), ("UUID", facts.uuid), ("Cipher", facts.cipher),
        ("Key", facts.keyBits.map { "\($0) bits" } ?? "unknown"), ("Sectors", "\(facts.sectorSize) bytes"),
        ("Data begins at", "byte \(facts.dataOffset)"),
      ]
        + facts.keySlots.map { slot in
          let title = VolumeFields.title(of: slot)
          return (title.prefix(1).uppercased() + title.dropFirst(), VolumeFields.text(of: slot))
        })
  }

  private mutating func texts() {
    page.heading("Definition file\(report.page?.origin(of: .definitionFile) ?? "")")
    if let text = report.page?.definition {
      page.preformatted(text)
    } else if let text = report.inner.definition {
      page.paragraph(
        "From inside the primary partition: no object holds one, or it is not clear which of several does.",
        style: "note")
      page.preformatted(text)
    } else {
      page.paragraph("There is none, or it is too long for a page.")
    }
    page.heading("Labels\(report.page?.origin(of: .labels) ?? "")")
    let own = report.page?.labels ?? []
    let labels = own.isEmpty ? report.inner.labels : own
    if labels.isEmpty {
      page.paragraph("There are none.")
    } else {
      if own.isEmpty { page.paragraph("From inside the primary partition.", style: "note") }
      page.facts(labels.prefix(Self.mostRows).map { ($0.key, $0.value.shown) })
    }
    page.heading("Environment")
    if report.environment == nil, report.inner.environment.isEmpty { page.paragraph("There is none.") }
    if let text = report.environment { page.preformatted(text) }
    for script in report.inner.environment {
      page.heading("/.singularity.d/env/\(script.name.printable)", level: 3)
      page.preformatted(script.text)
    }
  }

  private mutating func times() {
    page.heading("Implausible times")
    guard !report.implausible.isEmpty else {
      return page.paragraph("None in header and descriptors.")
    }
    page.table(
      [.text("what"), .short("time"), .text("why")],
      report.implausible.map { [$0.what, $0.time.iso8601, $0.why] })
  }

  private mutating func check() {
    page.heading("Check")
    guard !report.findings.isEmpty else { return page.paragraph("The image is sound: no findings.") }
    page.table(
      [.short("severity"), .text("code"), .number("byte"), .wide("finding")],
      report.findings.prefix(Self.mostRows).map {
        [$0.severity.rawValue, $0.code.rawValue, "\($0.offset)", $0.sentence]
      })
  }

  private mutating func carved() {
    page.heading("Outside of objects")
    let items = report.carving.items
    guard !items.isEmpty else {
      return page.paragraph("Gaps, padding and trailing bytes hold only zeros, or do not exist.")
    }
    page.paragraph(
      "Deleted objects, or bytes that somebody put there. siftool carve --extract writes them into files.",
      style: "note")
    page.table(
      [.number("offset"), .number("length"), .short("looks like"), .short("confidence"), .wide("reason")],
      items.prefix(Self.mostRows).map {
        ["\($0.offset)", "\($0.length)", $0.kind.rawValue, $0.confidence.rawValue, $0.reason]
      })
    more(items.count)
  }

  private mutating func regions() {
    page.heading("Every byte")
    page.paragraph(
      "\(report.map.regions.count) regions, which add up to the file's \(report.size) bytes.", style: "note")
    page.table(
      [
        .number("offset"), .number("length"), .text("what"), .short("looks like"), .number("bits/byte"),
        .code("SHA-256"),
      ],
      report.map.regions.prefix(Self.mostRows).map { region in
        [
          "\(region.offset)", "\(region.length)", region.what, region.measure.content.rawValue,
          region.measure.entropy.fixed(2), region.measure.sha256?.hexadecimal ?? "not computed",
        ]
      })
    more(report.map.regions.count)
  }

  // MARK: Files

  private mutating func files(_ partition: Examination.Partition) {
    page.heading("Files of object \(partition.object)")
    guard let files = partition.files else {
      return page.paragraph(
        "They cannot be listed: \(partition.fault.map { ToolFailure($0).message } ?? "").")
    }
    let order: [FileType] = [
      .regular, .directory, .symlink, .characterDevice, .blockDevice, .fifo, .socket,
    ]
    page.facts(
      [
        ("Made", files.madeAt.iso8601),
        ("Content", "\(ByteText.decimal(files.contentBytes)) in regular files"),
      ]
        + order.compactMap { type in files.counts[type].map { (type.name, "\($0)") } })
    list("Largest", files.largest, count: nil)
    list("Set-id", files.setID.files, count: files.setID.count)
    list("World-writable", files.worldWritable.files, count: files.worldWritable.count)
    list("Device nodes", files.devices.files, count: files.devices.count)
    list("Changed last", files.latest, count: nil)
    list(
      "Changed after the file system was made, or in the future", files.implausible.files,
      count: files.implausible.count)
    if files.faultCount > 0 {
      page.heading("Damage (\(files.faultCount))", level: 3)
      for fault in files.faults { page.paragraph(fault.description) }
    }
  }

  private mutating func list(_ title: String, _ files: [FileStatistics.File], count: Int?) {
    guard !files.isEmpty else { return }
    page.heading(count.map { "\(title) (\($0))" } ?? title, level: 3)
    page.table(
      [.short("mode"), .number("owner"), .number("size"), .short("changed"), .wide("path")],
      files.map { file in
        [
          file.inode.modeText, "\(file.inode.userID):\(file.inode.groupID)", file.inode.sizeText,
          file.inode.modificationTime.utcTime, file.path.escapedName,
        ]
      })
    if let count, count > files.count { page.paragraph("\(count - files.count) more.", style: "note") }
  }
}

extension Timestamp {
  /// ISO 8601, or nothing for no time.
  fileprivate var shown: String { self == .none ? "" : iso8601 }
}
