import Definition
import LinuxSystem
import OCI
import SystemPackage

/// What the header of a stage says about its base.
struct StageReference {
  private let stage: DefinitionFile.Stage
  private let settings: BuildSettings

  init(_ stage: DefinitionFile.Stage, _ settings: BuildSettings) {
    self.stage = stage
    self.settings = settings
  }

  /// A value of the header.
  func value(_ keyword: String) throws -> [UInt8] {
    guard let value = stage.header[keyword], !value.bytes.isEmpty else {
      throw ImageBuildError(.invalidArgument, "line \(stage.line): the agent \(stage.agent) needs \(keyword)")
    }
    return value.bytes
  }

  /// The path of a file, which may be relative to the caller's directory.
  func path(_ bytes: [UInt8]) -> FilePath { FilePath(bytes: absolute(bytes)) }

  private func absolute(_ bytes: [UInt8]) -> [UInt8] {
    bytes.first == 0x2F ? bytes : settings.directory.bytes + [0x2F] + bytes
  }

  /// Where the image is, for those in files of OCI and Docker.
  func location() throws -> OCILocation? {
    try OCILocation(Array("\(stage.agent):".utf8) + absolute(try value("from")))
  }

  /// What is asked of servers.
  func request() throws -> BaseRequest {
    var reference = String(decoding: try value("from"), as: UTF8.self)
    if stage.agent == "docker" {
      for keyword in ["namespace", "registry"] {
        if let text = stage.header[keyword]?.text, !text.isEmpty {
          reference = "\(text.drop { $0 == "/" })/\(reference)"
        }
      }
    }
    return BaseRequest(agent: stage.agent, reference: reference, library: stage.header["library"]?.text)
  }
}
