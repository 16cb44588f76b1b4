import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import LinuxSystem

/// The kernel's list of mounts, and names of capabilities.
@Suite struct MountTableTests {
  private func entry(_ line: String) -> MountEntry? { MountEntry(line: Array(line.utf8)[...]) }

  @Test func lines() throws {
    let plain = try #require(
      entry(#"36 35 98:0 / /a\040b\134c rw,nosuid shared:1 master:2 - fuse.siftool /x\040y\011z ro,fd=3"#))
    #expect(plain.id == 36 && plain.device == "98:0" && plain.target == #"/a b\c"#)
    #expect(plain.type == "fuse.siftool" && plain.source == Array("/x y\tz".utf8))
    #expect(plain.options == ["rw", "nosuid"])
    #expect(try #require(entry("1 1 0:1 / / rw - proc none rw")).target == "/")
    #expect(try #require(entry("1 1 0:1 / /mnt rw - tmpfs  rw")).source.isEmpty)
    for bad in [
      "", "36 35 98:0 / /mnt rw shared:1", "x 35 98:0 / /mnt rw - a b c", "36 35 98:0 / /mnt rw shared:1 x -",
    ] {
      #expect(entry(bad) == nil, "\(bad)")
    }
    #expect(try #require(entry(#"1 1 0:1 / /\0 rw - a b c"#)).target == #"/\0"#)
  }

  @Test func whatTheSystemHas() throws {
    #expect(try MountTable.read().contains { $0.target == "/proc" && $0.type == "proc" })
    // Others mount and unmount meanwhile: between two equal readings of the file there is one of ours.
    func lines() throws -> [UInt8] { try Tool.check(["cat", "/proc/self/mountinfo"]).output }
    for _ in 0..<1000 {
      let before = try lines()
      let count = try MountTable.read().count
      guard try lines() == before else { continue }
      #expect(count == before.count { $0 == 0x0A })
      return
    }
    Issue.record("the mounts change all the time")
  }

  @Test func theMountOfAnOpenFile() throws {
    let mounts = try MountTable.read()
    for path: FilePath in ["/proc", "/proc/self/mountinfo", "/sys", "/dev"] {
      let id = try OwnedDescriptor(opening: path, flags: 0).mountID()
      let mount = try #require(mounts.first { $0.id == id })
      #expect(path.starts(with: mount.target) && mount.target != "/", "\(path)")
    }
    // A pipe is on a mount that nobody sees.
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let pipe = OwnedDescriptor(adopting: ends[0], path: "pipe")
    _ = OwnedDescriptor(adopting: ends[1], path: "pipe")
    let id = try pipe.mountID()
    #expect(id != nil && !mounts.contains { $0.id == id })
  }

  @Test func capabilities() throws {
    #expect(
      Capabilities(named: "CHOWN")?.rawValue == 1 && Capabilities(named: "cap_sys_admin")?.rawValue == 1 << 21
    )
    #expect(
      Capabilities(named: "checkpoint_restore")?.rawValue == 1 << 40 && Capabilities(named: "CAP_") == nil)
    #expect(Capabilities.ownContainer.rawValue == 0x8004_05FB)
    let text = try Tool.check(["sh", "-c", "sed -n 's/^CapEff:.//p' /proc/self/status"]).text
    #expect(try Capabilities.effective().rawValue == UInt64(text.filter(\.isHexDigit), radix: 16))
  }
}
