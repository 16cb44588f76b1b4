import ArgumentParser
import Gcrypt
import LinuxSystem
import SystemPackage

/// The options that give a passphrase.
package struct PassphraseOptions: ParsableArguments {
  /// The descriptor to read it from.
  @Option(help: ArgumentHelp("Read the passphrase from an open file descriptor.", valueName: "n"))
  package var passphraseFd: DescriptorArgument?

  /// The file to read it from.
  @Option(
    help: ArgumentHelp("Read the passphrase from a file; one final newline is ignored.", valueName: "file"))
  package var passphraseFile: PathArgument?

  /// Options with nothing given.
  package init() {}

  /// Refuses two places at once.
  package func validate() throws {
    try Self.refuseBoth("--passphrase-fd", passphraseFd, "--passphrase-file", passphraseFile)
  }

  /// Refuses a passphrase from a descriptor and a file at once.
  package static func refuseBoth(
    _ first: String, _ descriptor: DescriptorArgument?, _ second: String, _ file: PathArgument?
  ) throws {
    guard descriptor == nil || file == nil else {
      throw ValidationError("\(first) and \(second) exclude each other")
    }
  }

  /// The same values, independent of ArgumentParser.
  package var source: PassphraseSource {
    PassphraseSource(descriptor: passphraseFd?.number, file: passphraseFile)
  }

  /// Whether an option gives it.
  package var isGiven: Bool { source.isNamed }

  /// The passphrase: from a descriptor, a file, the environment, or a prompt; nil if there is none.
  package func read(prompt question: String) throws -> SecureBytes? { try source.read(prompt: question) }

  /// The passphrase without asking for it. Descriptors and variables give it once.
  package func readGiven() throws -> SecureBytes? { try source.readGiven() }
}

/// The place that a passphrase comes from: a descriptor, a file, the environment, or a prompt, in this order.
package struct PassphraseSource {
  /// The descriptor that an option names.
  package var descriptor: Int32?
  /// The file that an option names.
  package var file: PathArgument?
  /// The variables that may hold it; the first that is set counts.
  package var variables: [String]

  /// A source.
  package init(
    descriptor: Int32? = nil, file: PathArgument? = nil, variables: [String] = ["SIFTOOL_PASSPHRASE"]
  ) {
    self.descriptor = descriptor
    self.file = file
    self.variables = variables
  }

  /// Whether an option gives it.
  package var isNamed: Bool { descriptor != nil || file != nil }

  /// The passphrase that options name, or nil.
  package func readNamed() throws -> SecureBytes? {
    if let descriptor {
      return try Self.withoutNewline(
        try SecretInput.readPassphrase(from: descriptor, FilePath("file descriptor \(descriptor)")))
    }
    if let file { return try Self.withoutNewline(try SecretInput.readPassphrase(file.path)) }
    return nil
  }

  /// The passphrase in the environment, or nil.
  package func readEnvironment() throws -> SecureBytes? {
    for name in variables {
      if let value = try SecretInput.environment(name) { return value }
    }
    return nil
  }

  /// The passphrase: from a descriptor, a file, the environment, or a prompt; nil if there is none.
  package func read(prompt question: String) throws -> SecureBytes? {
    if let given = try readGiven() { return given }
    return try SecretInput.prompt(question)
  }

  /// The passphrase without asking for it. Descriptors and variables give it once.
  package func readGiven() throws -> SecureBytes? {
    if let named = try readNamed() { return named }
    return try readEnvironment()
  }

  private static func withoutNewline(_ bytes: consuming SecureBytes) throws -> SecureBytes {
    let endsInNewline = bytes.count > 0 && bytes.span[bytes.count - 1] == 0x0A
    return try bytes.copy(0..<bytes.count - (endsInNewline ? 1 : 0))
  }
}

/// A passphrase that is given for several keys: a descriptor or a variable gives it only once.
package final class PassphraseOnce {
  private final class Given {
    let bytes: SecureBytes

    init(_ bytes: consuming SecureBytes) { self.bytes = bytes }
  }

  /// Where it comes from.
  package let source: PassphraseSource
  private var given: Given?
  private var wasRead = false

  /// A passphrase that is not read yet.
  package init(_ source: PassphraseSource) { self.source = source }

  /// A copy of the passphrase; nil if none was given. This never asks for one.
  package func readGiven() throws -> SecureBytes? {
    if !wasRead, let bytes = try source.readGiven() { given = Given(bytes) }
    wasRead = true
    return try given.map { try $0.bytes.copy(0..<$0.bytes.count) }
  }
}
