import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageFetch
import LinuxSystem
import SystemPackage
import Transport

/// What an image argument that is an address needs: who asks, and how.
struct ImageFetchOptions: SeparateGroup {
  @Flag(help: "Ask registries without encryption.") var noHttps = false
  @Option(help: ArgumentHelp("The file with the credentials of registries.", valueName: "file"))
  var authfile: PathArgument?
  @Option(
    help: ArgumentHelp(
      "Log in to the registry with this name; the password is in DOCKER_PASSWORD.", valueName: "name"))
  var dockerUsername: String?
  @Flag(help: "Ask for the name and the password for the registry.") var dockerLogin = false

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }

  /// What they ask for.
  var request: ImageFetchRequest {
    ImageFetchRequest(
      noHttps: noHttps,
      credentials: CredentialRequest(file: authfile, user: dockerUsername, asks: dockerLogin))
  }
}

/// How an image is fetched whose address is in the place of a path.
struct ImageFetchRequest {
  var noHttps = false
  var credentials = CredentialRequest()

  /// An image that can be opened.
  struct Fetched {
    let image: PathArgument
    /// Whether it was made for this one use.
    var isTemporary = false

    /// Removes the file, if it was made for one use. It may be open.
    func remove() {
      if isTemporary { _ = image.path.withPlatformString { unlink($0) } }
    }
  }

  /// The file of an image argument. One that is an address is fetched first, into the cache if that can be used.
  ///
  /// A process of its own does that, so that this one stays as it is: namespaces are for processes of one thread.
  func fetch(_ image: PathArgument, usesCache: Bool) throws -> Fetched {
    guard let text = image.address, access(image.path.string, F_OK) != 0, let address = try ImageAddress(text)
    else { return Fetched(image: image) }
    let helper = try Helper(.child) { channel in
      do {
        let (path, isTemporary) = try file(of: address, usesCache: usesCache)
        let answer = (isTemporary ? "T" : "C") + path.string
        try SystemError.writeAll(Array(answer.utf8).span.bytes, to: channel.rawValue)
        return 0
      } catch {
        let failure = ToolFailure(error)
        Console.say(failure.message, .failure)
        return failure.status.rawValue
      }
    }
    CredentialRequest.forgetPasswords()
    let answer = try helper.channel?.readToEnd(limit: 1 << 16) ?? []
    let status = try helper.wait()
    guard status == 0, let kind = answer.first else {
      throw ToolFailure(ExitStatus(rawValue: status) ?? .failure, code: "fetch", "")
    }
    let path = FilePath(String(decoding: answer.dropFirst(), as: UTF8.self))
    return Fetched(image: PathArgument(path), isTemporary: kind == UInt8(ascii: "T"))
  }

  private func file(of address: ImageAddress, usesCache: Bool) throws -> (FilePath, isTemporary: Bool) {
    let reporter = Reporter(showsProgress: Console.isTerminal(STDERR_FILENO))
    var http = ServerOptions.defaults(reporter)
    http.allowsPlainHTTP = noHttps
    var settings = try FetchSettings(http, plainHTTP: noHttps, credentials, reporter)
    settings.library = LibraryOptions.find(nil, settings.http)
    settings.cache = usesCache ? usableCache(reporter) : nil
    var temporary: FilePath?
    let path = try ImageFetcher(settings).cached(address) {
      let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
      let path = FilePath(directory).appending("siftool-\(getpid())-\(UInt32.random(in: 0 ... .max)).sif")
      temporary = path
      return path
    }
    return (path, path == temporary)
  }

  /// The cache, if this user can write to it.
  private func usableCache(_ reporter: Reporter) -> ImageCache? {
    let cache = ImageCache()
    do throws(SystemError) {
      for kind in [ImageCache.Kind.oras, .library, .net, .ociTemporary] { try cache.makeDirectory(kind) }
      return cache
    } catch {
      reporter.warn("the cache is not used: \(error)")
      return nil
    }
  }
}

extension FetchSettings {
  /// How images are fetched and sent: what options say about servers and about who asks.
  init(
    _ http: HTTPSettings, plainHTTP: Bool, _ credentials: CredentialRequest, _ reporter: Reporter
  ) throws {
    self.init()
    self.http = http
    self.plainHTTP = plainHTTP
    self.credentials = credentials.store
    credential = try credentials.credential()
    notice = { reporter.note($0) }
    progress = { total in
      let bar = reporter.bar(total: total)
      return { bar.advance(by: $0) }
    }
  }
}
