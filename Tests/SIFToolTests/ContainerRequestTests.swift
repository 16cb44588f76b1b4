import ArgumentParser
import CommandKit
import SIFRuntime
import Testing

@testable import SIFTool

/// A command that starts a program parses only the groups of options that are given, with the same result as all of them.
struct ContainerRequestTests {
  /// Values for the options of `exec` whose values are not any text.
  private static let values = [
    "bind": "/a:/b:ro", "mount": "type=bind,source=/a,target=/b", "no-mount": "tmp", "scratch": "/s",
    "env": "A=1,B=$HOME", "device": "a.com/b=c", "network": "none", "dns": "192.0.2.1",
    "netns-path": "/proc/self/ns/net", "add-caps": "CAP_CHOWN", "drop-caps": "all", "security": "uid:5",
    "memory": "1G", "memory-reservation": "64M", "memory-swap": "-1", "cpus": "1.5", "cpu-shares": "512",
    "cpuset-cpus": "0", "pids-limit": "-1", "blkio-weight": "10", "tmpdir": "/t", "runscript-timeout": "30s",
    "hostname": "-h", "app": "a",
  ]

  /// The options that only the parser of the whole command reads: those on keys and signatures, those that it refuses, and
  /// those that here need another option or a file.
  private static let others: Set<String> = [
    "id", "passphrase-fd", "passphrase-file", "pem-path", "allow-kdf-cost", "allow-cipher", "verify", "key",
    "keyring", "signer", "threshold", "group-id", "sif-id", "all", "legacy-insecure", "strict", "fusemount",
    "oom-kill-disable", "network-args", "version",
  ]

  private func line(_ words: [String]) throws -> CommandLineGrammar.Line {
    try CommandLineGrammar(.siftool).read(["exec"] + words + ["image", "program"])
  }

  /// What a request makes of the options, as text: the values, or the error where the host lacks what an option needs.
  private func text(_ request: ContainerRequest) -> String {
    var text = ""
    do {
      var root = RootRequest("image")
      try request.set(&root)
      dump(root, to: &text)
      dump(try request.options(.exec([]), nil), to: &text)
    } catch { text += "\(error)" }
    return text
  }

  private func isEqual(_ words: [String]) throws -> Bool {
    let line = try line(words)
    guard let parts = ContainerRequest(line.options) else { return false }
    let command = try #require(
      try ExecCommand.parseAsRoot(Array(line.arguments.dropFirst())) as? ExecCommand)
    return text(parts) == text(command.container.request)
  }

  @Test func noOption() throws { #expect(try isEqual([])) }

  @Test func eachOption() throws {
    var parsed: Set<String> = []
    for option in try #require(OptionTable.siftool.command(at: ["exec"])).options {
      let words =
        option.value == .none
        ? ["--\(option.name)"] : ["--\(option.name)=\(Self.values[option.name] ?? "/dev/null")"]
      guard ContainerRequest(try line(words).options) == nil else {
        #expect(try isEqual(words), "\(words)")
        continue
      }
      parsed.insert(option.name)
    }
    #expect(parsed == Self.others)
  }

  @Test(arguments: [
    ["--compat", "--no-pid"], ["-B", "/a", "-B", "/b", "--contain", "--env", "X=1"], ["--contain=false"],
    ["--network", "user", "--network-args", "portmap=8080:80/tcp"],
    ["-e", "--no-eval", "-c", "-p", "-i", "-u", "--pwd", "/x"],
  ]) func several(_ words: [String]) throws { #expect(try isEqual(words)) }

  @Test(arguments: [
    ["--unsquash", "--no-tmp-sandbox"], ["--writable", "--overlay", "x"], ["--cpus", "x"],
    ["--keep-privs", "--no-privs"],
  ]) func whatCannotBeMeant(_ words: [String]) throws {
    #expect(ContainerRequest(try line(words).options) == nil)
  }
}
