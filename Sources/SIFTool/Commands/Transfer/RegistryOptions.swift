import ArgumentParser
import CommandKit
import Gcrypt
import Glibc
import ImageFetch
import OCI
import Registry
import Transport

/// Who asks registries.
struct CredentialOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The file with the credentials of registries.",
      discussion: """
        The default is docker-config.json in ~/.singularity, then in ~/.apptainer, then Docker's own in ~/.docker. \
        `siftool registry login` writes it.
        """, valueName: "file"))
  var authfile: PathArgument?
  @Option(
    help: ArgumentHelp(
      "Log in with this name, for this run.",
      discussion: """
        The password is read from DOCKER_PASSWORD or SINGULARITY_DOCKER_PASSWORD, or asked for with --docker-login. \
        DOCKER_USERNAME and SINGULARITY_DOCKER_USERNAME stand for this option.
        """, valueName: "name"))
  var dockerUsername: String?
  @Flag(help: "Ask for the name and the password on the terminal.") var dockerLogin = false

  /// What they ask for.
  var request: CredentialRequest {
    CredentialRequest(file: authfile, user: dockerUsername, asks: dockerLogin)
  }
}

/// Who asks registries: what was given for this run, and the files of logins.
struct CredentialRequest {
  var file: PathArgument?
  var user: String?
  /// Whether name and password are asked for.
  var asks = false

  /// The files.
  var store: CredentialStore { CredentialStore(file: (file ?? Self.fileOfEnvironment)?.path) }

  static var fileOfEnvironment: PathArgument? {
    for name in ["APPTAINER_AUTHFILE", "SINGULARITY_AUTHFILE", "REGISTRY_AUTH_FILE"] {
      if let value = getenv(name), value.pointee != 0 {
        return PathArgument(argument: String(cString: value))
      }
    }
    return nil
  }

  private static let passwordVariables = [
    "APPTAINER_DOCKER_PASSWORD", "SINGULARITY_DOCKER_PASSWORD", "DOCKER_PASSWORD",
  ]

  /// Removes passwords from the environment, so that no started program inherits them.
  static func forgetPasswords() {
    for name in passwordVariables where getenv(name) != nil { _ = try? SecretInput.environment(name) }
  }

  /// What was given for this run; nil to look into files.
  func credential() throws -> RegistryCredential? {
    var user = user
    for name in ["APPTAINER_DOCKER_USERNAME", "SINGULARITY_DOCKER_USERNAME", "DOCKER_USERNAME"]
    where user == nil {
      if let value = getenv(name), value.pointee != 0 { user = String(cString: value) }
    }
    var secret: String?
    for name in Self.passwordVariables {
      // All of them are taken out of the environment, whichever counts.
      if let bytes = try SecretInput.environment(name) { secret = secret ?? bytes.text }
    }
    if asks {
      if user == nil {
        guard SecretInput.canPrompt else { throw ToolFailure.usage("--docker-login needs a terminal") }
        Console.prompt("User name: ")
        user = readLine(strippingNewline: true)
      }
      guard let bytes = try SecretInput.prompt("Password or token: ") else {
        throw ToolFailure.usage("--docker-login needs a terminal")
      }
      secret = bytes.text
    }
    guard let user else { return nil }
    guard let secret else {
      throw ToolFailure.usage(
        "--docker-username needs a password: DOCKER_PASSWORD in the environment, or --docker-login")
    }
    return .password(user: user, secret: secret)
  }
}

extension SecureBytes {
  /// The bytes as text. What becomes a field of a request is not kept from memory that others could see after a crash.
  var text: String {
    var bytes: [UInt8] = []
    for index in 0..<count { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Which image of several.
struct PlatformOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The architecture of an image that exists for several, such as arm64 (default: this machine's).",
      valueName: "name"))
  var arch: String?
  @Option(
    help: ArgumentHelp("The same with a variant, such as linux/arm/v7.", valueName: "platform"))
  var platform: String?

  func validate() throws {
    guard arch == nil || platform == nil else {
      throw ValidationError("--arch and --platform exclude each other")
    }
  }

  /// The platform; nil for this machine's.
  func chosen() throws -> OCIPlatform? {
    guard let text = platform ?? arch else { return nil }
    return try ToolFailure.reading(platform == nil ? "--arch" : "--platform") { try OCIPlatform(text) }
  }
}

/// The options of commands that fetch images.
struct FetchOptions: ParsableArguments {
  @OptionGroup var choice: PlatformOptions
  @Option(
    help: ArgumentHelp(
      "Ask this registry first, which holds copies. May be repeated.", valueName: "host"))
  var mirror: [String] = []
  @Flag(help: "Do not use the cache of images.") var disableCache = false
  @OptionGroup var credentials: CredentialOptions
  @OptionGroup var library: LibraryOptions
  @OptionGroup var server: ServerOptions

  /// How images are fetched.
  func settings(_ reporter: Reporter) throws -> FetchSettings {
    var settings = try FetchSettings(
      server.settings(reporter), plainHTTP: server.noHttps, credentials.request, reporter)
    settings.platform = try choice.chosen()
    settings.mirrors = mirror
    settings.library = LibraryOptions.find(library.library, settings.http)
    settings.cache = disableCache || Self.isCacheDisabled ? nil : ImageCache()
    return settings
  }

  private static var isCacheDisabled: Bool {
    for name in ["APPTAINER_DISABLE_CACHE", "SINGULARITY_DISABLE_CACHE"] {
      if let value = getenv(name), TruthValue.read(String(cString: value)) == true { return true }
    }
    return false
  }
}
