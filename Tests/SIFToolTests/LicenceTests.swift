import TestSupport
import Testing

/// NOTICE and the licences that are installed with it say of everything in the executable under which terms it is there.
@Suite struct LicenceTests {
  /// What the names of archives in the Makefile are called in NOTICE.
  private static let names = ["z": "zlib", "stdc++": "libstdc++"]

  @Test func noticeNamesEveryArchive() throws {
    let makefile = String(decoding: try Tool.read("\(Fixture.root)/Makefile"), as: UTF8.self)
    let line = try #require(makefile.split(separator: "\n").first { $0.hasPrefix("ARCHIVES = ") })
    let list = try #require(line.split(separator: ",").last { $0.contains("stdc++") })
    let archives = list.split(separator: " ").map { $0.filter { $0 != ")" } }
    #expect(archives.count >= 11)
    let notice = String(decoding: try Tool.read("\(Fixture.root)/NOTICE"), as: UTF8.self)
    for archive in archives {
      let name = Self.names[archive] ?? "lib\(archive)"
      #expect(notice.contains("\n  \(name)"), "\(name)")
    }
  }

  @Test func noticeNamesEveryPackage() throws {
    let package = String(decoding: try Tool.read("\(Fixture.root)/Package.swift"), as: UTF8.self)
    let notice = String(decoding: try Tool.read("\(Fixture.root)/NOTICE"), as: UTF8.self)
    let urls = package.split(separator: "\n").compactMap { line -> String? in
      guard line.contains(".package(url: ") else { return nil }
      return line.split(separator: "\"").first { $0.hasPrefix("https:") }.map(String.init)
    }
    // The plugin that makes the reference is in no executable.
    for url in urls where !url.hasSuffix("docc-plugin") { #expect(notice.contains(url), "\(url)") }
    #expect(urls.count >= 3)
  }
}
