import Glibc
import TestSupport
import Testing

/// The command line as its users rely on it: exit codes, one sentence, and the image untouched.
@Suite struct CommandLineTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
  }

  /// One sentence on stderr, nothing on stdout, and the code.
  private func expectFailure(
    _ answer: ToolAnswer, _ status: Int32, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(answer.status == status, "\(answer.errors)", sourceLocation: sourceLocation)
    #expect(answer.output.isEmpty, sourceLocation: sourceLocation)
    #expect(answer.errors.contains(words), "\(answer.errors)", sourceLocation: sourceLocation)
    if status != 64 {
      #expect(
        answer.errors.split(separator: "\n").count == 1, "\(answer.errors)", sourceLocation: sourceLocation)
    }
  }

  /// A shell finds the tool along PATH, in a directory of somebody else's: nothing there is its own, least of all a
  /// program to run.
  @Test func theWorkingDirectoryIsNotSearched() throws {
    let log = directory.file("log")
    let bin = Fixture.siftool.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    let answer = try Tool.run(
      ["sh", "-c", "PATH=\(bin):$PATH exec strace -f -qq -e trace=%file -o \(log) siftool list \(image)"],
      in: directory.path)
    #expect(answer.status == 0, "\(answer.errors)")
    let calls = String(decoding: try directory.read("log"), as: UTF8.self).split(separator: "\n")
    #expect(calls.contains { $0.contains(image) })
    for call in calls where !call.contains("execve(") {
      let path = call.split(separator: "\"", omittingEmptySubsequences: false).dropFirst().first ?? ""
      #expect(path.isEmpty || path.hasPrefix("/"), "\(call)")
    }
  }

  @Test func filesThatAreNoImages() throws {
    let fifo = directory.file("fifo")
    try #require(mkfifo(fifo, 0o644) == 0)
    for command in ["list", "header", "check", "inspect"] {
      expectFailure(try Siftool.run(command, fifo), 5, "a FIFO")
      expectFailure(try Siftool.run(command, directory.path), 5, "a directory")
      expectFailure(try Siftool.run(command, "/dev/zero"), 5, "a character device")
      expectFailure(try Siftool.run(command, directory.file("nothing")), 7, "No such file or directory")
    }
    expectFailure(try Siftool.run("del", "1", fifo), 5, "a FIFO")
    expectFailure(try Siftool.run("new", fifo), 7, "it is a FIFO")
    expectFailure(try Siftool.run("add", image, directory.path, "--datatype", "7"), 7, "directory")
    for count in [0, 1, 31, 32, 41, 42, 100, 127] {
      let cut = try directory.write("cut.sif", Array(try Tool.read(image).prefix(count)))
      expectFailure(try Siftool.run("list", cut), 5, count < 41 ? "not a SIF image" : "truncated")
      #expect(try Siftool.run("check", cut).status == 5)
    }
  }

  @Test func unreadableFiles() throws {
    // Root may read everything: as somebody else.
    try Tool.check(["chmod", "700", directory.path])
    let other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Fixture.siftool]
    let tool = directory.file("siftool")
    try Tool.check(["cp", Fixture.siftool, tool])
    try Tool.check(["chmod", "755", directory.path, tool])
    try Tool.check(["chmod", "000", image])
    let answer = try Tool.run(other.dropLast() + [tool, "list", image])
    expectFailure(answer, 7, "Permission denied")
    try Tool.check(["chmod", "444", image])
    #expect(try Tool.run(other.dropLast() + [tool, "list", image]).status == 0)
    expectFailure(try Tool.run(other.dropLast() + [tool, "del", "1", image]), 7, "Permission denied")
    expectFailure(
      try Tool.run(other.dropLast() + [tool, "new", directory.file("new.sif")]), 7, "Permission denied")
  }

  @Test func usage() throws {
    let before = try Tool.read(image)
    for arguments in [
      ["list"], ["list", image, image], ["nonsense"], ["info", "one", image], ["info", "-1", image],
      ["info", "4294967296", image], ["add", image, image], ["add", image, image, "--datatype", "12"],
      ["add", image, image, "--datatype", "4"], ["add", image, image, "--datatype", "5", "--signhash", "1"],
      ["add", image, image, "--datatype", "9", "--sbomformat", "nonsense"],
      ["add", image, image, "--datatype", "4", "--partfs", "1", "--parttype", "1", "--partarch", "14"],
      ["add", image, image, "--datatype", "7", "--link", "0"],
      ["add", image, image, "--datatype", "7", "--filename", String(repeating: "n", count: 129)],
      ["new", directory.file("x.sif"), "--id", "nonsense"],
      ["new", directory.file("x.sif"), "--capacity", "-1"],
      ["new", directory.file("x.sif"), "--launch", String(repeating: "x", count: 32)],
      ["grow", image, "--capacity", "5"],
    ] {
      let answer = try Siftool.run(arguments)
      expectFailure(answer, 64, "")
      #expect(!answer.errors.isEmpty)
    }
    #expect(try Tool.read(image) == before)
    let epoch = try Siftool.run(
      "new", directory.file("x.sif"), environment: ["SOURCE_DATE_EPOCH": "yesterday"])
    expectFailure(epoch, 64, "SOURCE_DATE_EPOCH")
  }

  @Test func otherFailures() throws {
    let before = try Tool.read(image)
    expectFailure(try Siftool.run("info", "7", image), 1, "no object has the id 7")
    expectFailure(try Siftool.run("del", "7", image), 1, "no object has the id 7")
    expectFailure(try Siftool.run("setprim", "7", image), 1, "no object")
    let second = [
      "add", image, "/etc/passwd", "--datatype", "4", "--partfs", "1", "--parttype", "2", "--partarch", "2",
    ]
    expectFailure(try Siftool.run(second), 1, "already has a primary")
    #expect(try Tool.read(image) == before)
  }

  @Test func negativeAndEnormousCountsNameTheirField() throws {
    for (value, words) in [(Int64(-1), "negative"), (Int64.max, "impossible"), (1 << 31, "less than")] {
      var bytes = try Tool.read(image)
      withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(88..<96, with: $0) }
      let hostile = try directory.write("hostile.sif", bytes)
      for command in [["list", hostile], ["del", "1", hostile], ["setprim", "1", hostile]] {
        let answer = try Siftool.run(command)
        expectFailure(answer, 5, words)
        #expect(
          answer.errors.contains("number of descriptors") || answer.errors.contains("size of the descriptors")
        )
        #expect(answer.errors.contains("at byte 88") || answer.errors.contains("at byte 104"))
      }
      #expect(try Tool.read(hostile) == bytes)
    }
  }

  @Test func aFullDisk() throws {
    // A file system of 1 MiB, in a mount namespace that goes with the command.
    let script = """
      set -e
      mount -t tmpfs -o size=1m tmpfs \(directory.path)
      cd \(directory.path)
      \(Fixture.siftool) new image.sif
      echo small > small
      \(Fixture.siftool) add image.sif small --datatype 7
      sha256sum image.sif > before
      head -c 700000 /dev/zero > large
      set +e
      \(Fixture.siftool) add image.sif large --datatype 7 2> errors; echo "status $?"
      cat errors
      sha256sum -c before
      \(Fixture.siftool) compact image.sif 2>/dev/null; echo "status $?"
      ls -A
      rm large
      \(Fixture.siftool) add image.sif small --datatype 7; echo "status $?"
      """
    let answer = try Tool.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script])
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(
      answer.text.hasPrefix(
        "status 7\nsiftool: cannot write image.sif: No space left on device\nimage.sif: OK\nstatus 0\nbefore\nerrors\nimage.sif\nlarge\nsmall\n"
      ),
      "\(answer.text)")
    #expect(answer.text.hasSuffix("status 0\n"))
  }

  @Test func outputThatCannotBeWritten() throws {
    for command in [
      ["list", image], ["header", image], ["dump", "1", image], ["list", "--json", image], ["--help"],
    ] {
      let words = ([Fixture.siftool] + command).joined(separator: " ")
      let answer = try Tool.run(["sh", "-c", "\(words) > /dev/full"])
      #expect(answer.status == 7, "\(command)")
      #expect(answer.errors.contains("No space left"), "\(command): \(answer.errors)")
      // A reader that has gone away is no signal's death.
      let pipe = try Tool.run(
        ["bash", "-c", "mkfifo pipe; exec 8<> pipe 9> pipe 8<&-; rm pipe; \(words) >&9; echo $? >&2"],
        in: directory.path)
      #expect(pipe.errors == "7\n", "\(command): \(pipe.errors)")
    }
  }

  @Test func hostileNamesPrintEscaped() throws {
    var bytes = try Tool.read(image)
    bytes.replaceSubrange(4096 + 73..<4096 + 80, with: [0x1B, 0x5B, 0x33, 0x31, 0x6D, 0x0A, 0xFF])
    bytes.replaceSubrange(0..<4, with: [0x1B, 0x5D, 0x30, 0x07])
    let hostile = try directory.write("hostile.sif", bytes)
    for command in [
      ["info", "1", hostile], ["header", hostile], ["inspect", hostile], ["check", hostile],
      ["info", "--json", "1", hostile], ["inspect", "--json", hostile], ["diff", hostile, image],
    ] {
      let answer = try Siftool.run(command)
      #expect(!answer.output.isEmpty)
      #expect(
        answer.output.allSatisfy { $0 == 0x0A || $0 >= 0x20 && $0 != 0x7F }, "\(command): \(answer.text)")
    }
    #expect(try Siftool.run("info", "1", hostile).text.contains("Name:             \\x1b[31m\\n\\xff\n"))
  }

  @Test func truncatedObjects() throws {
    let bytes = Array(try Tool.read(image).dropLast(2))
    let cut = try directory.write("cut.sif", bytes)
    let dump = try Siftool.run("dump", "2", cut)
    #expect(dump.status == 5)
    #expect(dump.text == "tw")
    #expect(dump.errors.contains("object 2 is truncated: 2 of its 4 bytes"))
    #expect(try Siftool.run("dump", "1", cut).text == "one\n")
    let check = try Siftool.run("check", cut)
    #expect(check.status == 5)
    #expect(check.text.contains("truncated: 36.9 of 36.9 kB present; object 1 is intact"), "\(check.text)")
    expectFailure(try Siftool.run("add", cut, image, "--datatype", "7"), 5, "truncated")
    #expect(try Tool.read(cut) == bytes)
  }

  @Test func sparseImages() throws {
    let sparse = directory.file("sparse.sif")
    try Tool.check(["cp", image, sparse])
    try Tool.check(["truncate", "-s", "1T", sparse])
    let check = try Siftool.run("check", sparse)
    #expect(check.status == 5 || check.status == 0)
    #expect(check.text.contains("trailing-bytes"))
    #expect(try Siftool.run("list", sparse).status == 0)
    // A table of as many empty slots as fit into 1 TiB, and an object at its end.
    var bytes = try Tool.read(image)
    let count = Int64(1 << 40) / 585 - 100
    for (offset, value) in [(88, count), (104, count * 585)] {
      withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + 8, with: $0) }
    }
    let hostile = try directory.write("hostile.sif", bytes)
    try Tool.check(["truncate", "-s", "1T", hostile])
    for command in ["list", "check", "inspect"] {
      let (answer, peakMemory) = try Siftool.measure([command, hostile])
      #expect(answer.status == 0 || answer.status == 5, "\(command): \(answer.errors)")
      #expect(peakMemory < 64 << 20, "\(command): \(peakMemory)")
    }
    try Siftool.check("compact", sparse)
    #expect(try Tool.check(["stat", "-c", "%s", sparse]).text == "36868\n")
  }

  @Test func manyObjects() throws {
    // 100,000 objects, their names as long as names on average may be.
    let count = 100_000
    var bytes = [UInt8](repeating: 0, count: 4096 + count * 585)
    bytes.replaceSubrange(0..<128, with: try Tool.read(image)[0..<128])
    for (offset, value) in [(80, 0), (88, count), (104, count * 585), (112, count * 585 + 4096), (120, 0)] {
      withUnsafeBytes(of: Int64(value).littleEndian) { bytes.replaceSubrange(offset..<offset + 8, with: $0) }
    }
    let name = [UInt8](repeating: 0x6E, count: 100)
    for slot in 0..<count {
      let start = 4096 + slot * 585
      bytes.replaceSubrange(start..<start + 5, with: [0x07, 0x40, 0, 0, 1])
      withUnsafeBytes(of: UInt32(slot + 1).littleEndian) {
        bytes.replaceSubrange(start + 5..<start + 9, with: $0)
      }
      bytes[start + 12] = 0xF0
      bytes.replaceSubrange(start + 73..<start + 173, with: name)
    }
    let large = try directory.write("large.sif", bytes)
    let list = try Siftool.run("list", large)
    #expect(list.output == (try Tool.check(["siftool", "list", large]).output))
    let commands = [
      ["list", large], ["list", "--json", large], ["check", large], ["info", "\(count)", large],
      ["inspect", large],
      ["inspect", "--json", large], ["setprim", "1", large],
    ]
    for command in commands {
      let (answer, peakMemory) = try Siftool.measure(command)
      #expect(answer.status == (command[0] == "setprim" ? 1 : 0), "\(answer.errors)")
      #expect(peakMemory < 64 << 20, "\(command): \(peakMemory)")
    }
    #expect(
      try Siftool.run("add", large, image, "--datatype", "7").errors.contains(
        "all 100000 descriptors are used"))
  }

  @Test func pathsThatAreNotText() throws {
    // A byte that is no UTF-8, as file names may have it.
    let script = #"cd "$1" && n=$(printf 'caf\351.sif') && "$2" new "$n" && "$2" list "$n" && ls -b"#
    let answer = try Tool.check(["bash", "-c", script, "sh", directory.path, Fixture.siftool])
    #expect(answer.text.contains("caf\\351.sif"))
  }

  @Test func existingFilesAreReplacedWhole() throws {
    let link = directory.file("link.sif")
    try Tool.check(["ln", "-s", image, link])
    try Tool.check(["chmod", "640", image])
    try Siftool.check("new", link)
    #expect(try Tool.check(["stat", "-c", "%F %a", link]).text == "symbolic link 777\n")
    #expect(try Tool.check(["stat", "-c", "%s %a", image]).text == "32176 640\n")
    #expect(try Tool.check(["ls", "-A", directory.path]).text == "image.sif\nlink.sif\n")
  }
}
