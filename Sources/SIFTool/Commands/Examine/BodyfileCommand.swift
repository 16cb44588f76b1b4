import ArgumentParser
import CommandKit
import Forensics
import Glibc
import SIF
import Squash
import StrictJSON

struct BodyfileCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "bodyfile", abstract: "Write the times of an image and of every file in its partitions.",
    discussion: """
      Writes a body file of the Sleuth Kit, from which mactime makes a timeline. The times of the image itself, its \
      objects and its file systems are entries too, marked ($SIF_HEADER), ($SIF_DESCRIPTOR) and ($SQUASHFS).

      siftool bodyfile app.sif | mactime -d -z UTC
      siftool bodyfile app.sif --dfxml > app.dfxml
      """)

  @OptionGroup var evidence: EvidenceOptions
  @OptionGroup(title: "Output") var output: JSONLinesOption
  @OptionGroup(title: "Output") var progress: ProgressOptions
  @Flag(
    help:
      "Write Digital Forensics XML instead, with digests, and with the places of bytes that are not compressed."
  )
  var dfxml = false
  @Option(
    help: ArgumentHelp(
      "The algorithm of the digests in DFXML: sha256, sha1 or md5 (default: sha256).", valueName: "name"))
  var algorithm: DigestName?

  var printsJSON: Bool { false }

  func validate() throws {
    guard !dfxml || !output.isGiven else {
      throw ValidationError("--dfxml excludes --json and --ndjson")
    }
    guard dfxml || algorithm == nil else {
      throw ValidationError("--algorithm needs --dfxml; siftool hash writes lists of digests")
    }
    guard algorithm.map({ DFXML.algorithms.contains($0.name) }) ?? true else {
      throw ValidationError("DFXML only knows the digests sha256, sha1 and md5")
    }
  }

  func execute(_ reporter: Reporter) throws {
    let listing = TimelineListing(
      dfxml ? .dfxml : output.json ? .document : output.ndjson ? .lines : .body, algorithm ?? .standard)
    do {
      let (image, opened) = try evidence.open(reporter)
      var budget = opened
      if let damage = image.damage { listing.faults.note(damage, in: nil) }
      try list(image, &budget, listing, reporter)
      try listing.end(nil)
    } catch {
      let failure = ToolFailure(error)
      try listing.end(failure)
      throw failure
    }
    if let failure = listing.faults.report(reporter) { throw failure }
  }

  private func list(
    _ image: EvidenceImage, _ budget: inout HashBudget, _ listing: TimelineListing, _ reporter: Reporter
  ) throws {
    try listing.begin(evidence.imageName)
    if let header = image.header {
      try listing.add(
        TimelineEntry(header, fileSize: image.fileSize, name: evidence.imageName), object: nil, path: nil)
    }
    let partitions = try evidence.partitions(of: image)
    var headers = ContentBudget(fileSize: image.fileSize)
    for object in image.descriptors {
      try listing.add(
        TimelineEntry(object, name: evidence.name(of: object)), object: object, path: nil)
      guard partitions.contains(object.slot),
        let (squash, offset) = try evidence.files(
          of: object, image, &listing.faults, &headers, reporter,
          leaveOut: { try listing.leaveOut($0, at: object.offset) })
      else { continue }
      do {
        try list(squash, offset, object, &budget, listing)
      } catch let error as SquashError {
        listing.faults.note(error, in: object)
      }
    }
    if dfxml { try addObjects(of: image, &budget, listing) }
  }

  private func list(
    _ squash: SquashImage, _ offset: Int64?, _ object: Descriptor, _ budget: inout HashBudget,
    _ listing: TimelineListing
  ) throws {
    try listing.add(
      TimelineEntry(squash.superblock, object: object.id, name: evidence.name(of: object)), object: object,
      path: nil)
    let reader = try SquashReader(squash)
    try listing.beginVolume(squash, at: offset)
    let hasher = EntryHasher(squash, listing.algorithm, threads: evidence.threads.count)
    do {
      try hasher.run(budget: &budget) { event in
        switch event {
        case .fault(let fault): listing.faults.note(fault, in: object)
        case .entry(let hashed):
          if let fault = hashed.fault { listing.faults.note(fault, in: object) }
          try listing.add(hashed, object, evidence.name(of: hashed.entry.path, in: object), reader)
        }
      }
    } catch {
      // The volume is closed, so that the document is well-formed.
      try listing.endVolume()
      throw error
    }
    try listing.endVolume()
  }

  /// Adds the objects with their digests and places, which in DFXML come after the volumes.
  private func addObjects(
    of image: EvidenceImage, _ budget: inout HashBudget, _ listing: TimelineListing
  ) throws {
    var extents: [(Descriptor, Range<Int64>?)] = []
    for object in image.descriptors {
      do throws(SIFError) {
        extents.append((object, try image.extent(of: object)))
      } catch {
        listing.faults.note(error, in: object)
        extents.append((object, nil))
      }
    }
    let pass = try ImagePass(
      image.storage, [extents.compactMap(\.1)], (algorithm ?? .standard).algorithm, budget: &budget)
    var digests = pass.digests[0].makeIterator()
    for (object, range) in extents {
      try listing.add(
        object, evidence.name(of: object), range: range, digest: range == nil ? nil : digests.next())
    }
  }
}
