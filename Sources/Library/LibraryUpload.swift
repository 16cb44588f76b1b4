public import Bytes
import Gcrypt
import StrictJSON
import Transport

/// An image that is sent to a library.
public struct LibraryUpload {
  /// Its bytes.
  public let file: any RandomAccess
  /// How many there are.
  public let byteCount: Int64
  /// Its architecture, as Go calls it.
  public let architecture: String
  /// What it is, in its owner's words.
  public let text: String
  /// Told about bytes that were sent.
  public var progress: (@Sendable (Int64) -> Void)?

  /// An image.
  public init(_ file: any RandomAccess, architecture: String, description: String) throws {
    self.file = file
    self.architecture = architecture
    byteCount = Int64(try file.byteCount)
    text = description
  }
}

/// What a library says after an upload.
public struct LibraryReceipt: Sendable {
  /// The digits of the SHA-256 of the image.
  public let sha256: String
  /// The length of the image.
  public let byteCount: Int64
  /// Whether the bytes had to be sent.
  public let wasSent: Bool
  /// The bytes that are used and allowed; nil if the library does not say. An allowance of 0 is none.
  public let quota: (used: Int64, total: Int64)?
  /// The path of the container's page.
  public let page: String?
}

extension LibraryClient {
  /// Files up to this length are sent in one part.
  private static let onePartLimit: Int64 = 64 << 20
  /// The most parts: storage services take no more.
  private static let mostParts: Int64 = 10_000

  /// Sends an image, and gives it the tags of a reference.
  public func push(_ upload: LibraryUpload, to reference: LibraryReference) throws(LibraryError)
    -> LibraryReceipt
  {
    try reference.checkPush()
    try requireToken("push to")
    let (sha256, md5) = try digests(upload)
    let version = try version()
    let container = try container(reference)
    var image = try call(
      .get, "v1/images/\(reference.pathText):sha256.\(sha256)", [("arch", upload.architecture)],
      purpose: "look for the image in the library")
    if image == nil {
      image = try make(
        "images",
        [
          JSONMember("hash", .string("sha256.\(sha256)")), JSONMember("description", .string(upload.text)),
          JSONMember("container", .string(container)),
        ], "the image")
    }
    let record = try LibraryImage(image ?? .null)
    try Self.checkID(record.id)
    var answer: JSONValue?
    if !record.isUploaded {
      if version.map({ $0 >= .signedUploads }) ?? false {
        answer = try send(upload, record.id, sha256: sha256, md5: md5)
      } else {
        try sendOldWay(upload, record.id)
      }
    }
    try tag(record.id, reference.tags, container, upload.architecture, version)
    let quota = answer?.member("quota")
    return LibraryReceipt(
      sha256: sha256, byteCount: upload.byteCount, wasSent: !record.isUploaded,
      quota: quota?.member("quotaUsage")?.integer.map { ($0, quota?.member("quotaTotal")?.integer ?? 0) },
      page: answer?.member("containerUrl")?.text)
  }

  /// An id becomes a part of paths.
  private static func checkID(_ id: String) throws(LibraryError) {
    let isRight =
      !id.isEmpty && id.utf8.count <= 512 && !id.contains("..")
      && id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#%\\".utf8.contains($0) }
    guard isRight else { throw LibraryError(.answer, "the library gave the id \"\(id.printable)\"") }
  }

  private func digests(_ upload: LibraryUpload) throws(LibraryError) -> (sha256: String, md5: String) {
    do {
      var long = try HashContext(.sha256)
      var short = try HashContext(.md5)
      try upload.forEachBlock(0..<upload.byteCount) { block in
        long.update(block)
        short.update(block)
      }
      return (Hexadecimal.text(long.finalize()), Hexadecimal.text(short.finalize()))
    } catch { throw Self.fault(error) }
  }

  /// A fault of the file, or of libgcrypt.
  private static func fault(_ error: any Error) -> LibraryError {
    let fault = error as? any Fault
    return LibraryError(.file, "the image cannot be read: \(fault?.description ?? "\(error)")", fault)
  }

  // MARK: Records

  /// The id of the container of a reference. What is missing on the way to it is made.
  private func container(_ reference: LibraryReference) throws(LibraryError) -> String {
    let names = reference.path
    var path = ""
    var parent: (key: String, id: String)?
    for (kind, name, key) in [
      ("entities", names[0], "entity"), ("collections", names[1], "collection"),
      ("containers", names[2], "container"),
    ] {
      path += path.isEmpty ? name : "/\(name)"
      var record = try call(.get, "v1/\(kind)/\(path)", purpose: "find \(path) in the library")
      if record == nil {
        var members = [JSONMember("name", .string(name)), JSONMember("description", "No description")]
        if let parent { members.append(JSONMember(parent.key, .string(parent.id))) }
        record = try make(kind, members, path)
      }
      let id = record?.text("id") ?? ""
      try Self.checkID(id)
      parent = (key, id)
    }
    return parent?.id ?? ""
  }

  private func make(_ kind: String, _ members: [JSONMember], _ name: String) throws(LibraryError) -> JSONValue
  {
    guard
      let record = try call(.post, "v1/\(kind)", [], .object(members), purpose: "make \(name) in the library")
    else { throw LibraryError(.refused, "\(service.address.origin) does not let anybody make \(name)") }
    return record
  }

  private func tag(
    _ image: String, _ tags: [String], _ container: String, _ architecture: String, _ version: LibraryVersion?
  ) throws(LibraryError) {
    let hasArchitectures = version.map { $0 >= .architectureTags } ?? false
    for tag in tags {
      let members =
        (hasArchitectures ? [JSONMember("Arch", .string(architecture))] : [])
        + [JSONMember("Tag", .string(tag)), JSONMember("ImageID", .string(image))]
      let path = "\(hasArchitectures ? "v2" : "v1")/tags/\(container)"
      guard try call(.post, path, [], .object(members), purpose: "set the tag \(tag)") != nil else {
        throw LibraryError(.refused, "\(service.address.origin) knows no tags of the container")
      }
    }
  }

  // MARK: Bytes

  /// The oldest way: the whole file to the library itself.
  private func sendOldWay(_ upload: LibraryUpload, _ id: String) throws(LibraryError) {
    let purpose = "send the image to the library"
    let request = HTTPRequest(
      .post, service.address.appending("v1/imagefile/\(id)"), purpose: purpose,
      authorization: service.token.map { "Bearer \($0)" },
      body: .source(upload.file, byteCount: upload.byteCount))
    try requireSuccess(try send(request), purpose)
    upload.progress?(upload.byteCount)
  }

  /// To addresses that the library signs: in one part, or if the file is long and the library can, in several.
  private func send(
    _ upload: LibraryUpload, _ id: String, sha256: String, md5: String
  ) throws(LibraryError) -> JSONValue? {
    let path = "v2/imagefile/\(id)"
    if upload.byteCount > Self.onePartLimit,
      let plan = try call(
        .post, "\(path)/_multipart", [], ["filesize": .integer(upload.byteCount)],
        purpose: "begin to send the image in parts")
    {
      return try sendParts(upload, path, plan)
    }
    let answer = try call(
      .post, path, [],
      [
        "filesize": .integer(upload.byteCount), "sha256sum": .string(sha256), "md5sum": .string(md5),
      ], purpose: "begin to send the image")
    let address = try address(answer?.member("uploadURL"))
    _ = try put(
      upload.file, upload.byteCount, to: address, sha256: address.signs("x-amz-content-sha256") ? sha256 : nil
    )
    upload.progress?(upload.byteCount)
    return try call(.put, "\(path)/_complete", [], [:], purpose: "end sending the image")
  }

  private func sendParts(
    _ upload: LibraryUpload, _ path: String, _ plan: JSONValue
  ) throws(LibraryError) -> JSONValue? {
    let id = plan.text("uploadID")
    guard let size = plan.member("partSize")?.integer, let count = plan.member("totalParts")?.integer,
      size > 0,
      count > 0, count <= Self.mostParts, (upload.byteCount - 1) / size + 1 == count
    else { throw LibraryError(.answer, "the library's plan for the parts of the image does not add up") }
    let compliance = plan.member("options")?.member("s3compliant")?.text ?? ""
    let hasDigests = compliance.isEmpty || compliance == "true"
    var done: [JSONValue] = []
    do throws(LibraryError) {
      for number in 1...count {
        let start = (number - 1) * size
        let part = Window(upload.file, start..<min(start + size, upload.byteCount))
        let digest: String
        do {
          var context = try HashContext(.sha256)
          try upload.forEachBlock(start..<start + part.byteCount) { context.update($0) }
          digest = Hexadecimal.text(context.finalize())
        } catch { throw Self.fault(error) }
        let answer = try call(
          .put, "\(path)/_multipart", [],
          [
            "partSize": .integer(part.byteCount), "uploadID": .string(id), "partNumber": .integer(number),
            "sha256sum": .string(hasDigests ? digest : ""),
          ], purpose: "begin to send part \(number) of the image")
        let fields = try put(
          part, part.byteCount, to: try address(answer?.member("presignedURL")),
          sha256: hasDigests ? digest : nil)
        done.append(["partNumber": .integer(number), "token": .string(fields["ETag"] ?? "")])
        upload.progress?(part.byteCount)
      }
      return try call(
        .put, "\(path)/_multipart_complete", [], ["uploadID": .string(id), "completedParts": .array(done)],
        purpose: "end sending the image")
    } catch {
      _ = try? call(
        .put, "\(path)/_multipart_abort", [], ["uploadID": .string(id)], purpose: "give up sending the image")
      throw error
    }
  }

  private func address(_ value: JSONValue?) throws(LibraryError) -> HTTPAddress {
    guard let text = value?.text else {
      throw LibraryError(.answer, "the library names no address to send the image to")
    }
    do {
      let address = try HTTPAddress(text)
      guard address.scheme == .https || service.address.scheme == .http else {
        throw LibraryError(
          .answer, "the library wants the image sent to \(address.origin), which is not encrypted")
      }
      return address
    } catch let error as TransportError {
      throw LibraryError(.answer, error.description, error)
    } catch let error as LibraryError {
      throw error
    } catch { throw Self.fault(error) }
  }

  /// Puts bytes to an address that carries its own permission, so that no token goes along.
  private func put(
    _ file: any RandomAccess, _ byteCount: Int64, to address: HTTPAddress, sha256: String?
  ) throws(LibraryError) -> HTTPFields {
    let purpose = "send the image to \(address.origin)"
    var request = HTTPRequest(
      .put, address, purpose: purpose, fields: HTTPFields([("Content-Type", "application/octet-stream")]),
      body: .source(file, byteCount: byteCount))
    if let sha256 { request.fields.set("x-amz-content-sha256", sha256) }
    request.redirects = .none
    let answer = try send(request)
    guard (200...299).contains(answer.status) else {
      throw LibraryError(
        .refused, "cannot \(purpose): \(answer.status) \(HTTPStatus.name(answer.status))")
    }
    return answer.fields
  }
}

extension LibraryReference {
  /// Refuses a reference that nothing can be pushed to.
  public func checkPush() throws(LibraryError) {
    guard path.count == 3 else {
      throw LibraryError(
        .reference, "\(self): a push needs all three names, library://entity/collection/container:tag")
    }
    guard tags.allSatisfy({ !$0.hasPrefix("sha256.") }) else {
      throw LibraryError(.reference, "\(self): a push goes to tags, not to a hash")
    }
  }
}

extension HTTPAddress {
  /// Whether the signature of the address covers a field of the request.
  fileprivate func signs(_ field: String) -> Bool {
    for parameter in (query ?? "").split(separator: "&") {
      let parts = parameter.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0] == "X-Amz-SignedHeaders" else { continue }
      let fields = parts[1].replacing("%3B", with: ";").replacing("%3b", with: ";")
      return fields.split(separator: ";").contains { $0 == field }
    }
    return false
  }
}

extension LibraryUpload {
  fileprivate func forEachBlock(
    _ range: Range<Int64>, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    var position = range.lowerBound
    while position < range.upperBound {
      let wanted = Int(min(Int64(block.count), range.upperBound - position))
      let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: block[..<wanted]), at: position)
      guard count > 0 else { throw LibraryError(.file, "the image became shorter while it was read") }
      try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
      position += Int64(count)
    }
  }
}
