import Glibc
import TestSupport
import Testing

/// Options that name a file for a stream: a FIFO and a device are written to, only a regular file is replaced.
@Suite struct OutputFileTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    try Tool.check(["mkdir", "-p", directory.file("rootfs/etc")])
    try directory.write("rootfs/etc/one", Array("one\n".utf8))
    image = directory.file("image.sif")
    try Siftool.check("pack", directory.file("rootfs"), image, "--arch", "amd64", "--deterministic")
  }

  private var commands: [(words: [String], option: String)] {
    [(["tar", image], "-o"), (["map", image], "--svg"), (["report", image, "--deterministic"], "-o")]
  }

  @Test func fifos() throws {
    for (words, option) in commands {
      let command = "siftool \(words.joined(separator: " ")) \(option) file > out"
      let answer = try Shell.check(
        "\(command); mv file wanted; mkfifo file; cat file > got & \(command); wait; test -p file; rm file",
        in: directory)
      #expect(answer.errors.isEmpty, "\(words): \(answer.errors)")
      #expect(try directory.read("got") == (try directory.read("wanted")), "\(words)")
    }
  }

  @Test func devices() throws {
    for (words, option) in commands {
      try Siftool.check(words + [option, "/dev/null"])
      #expect(try Tool.check(["stat", "-c", "%F", "/dev/null"]).text == "character special file\n")
      let full = try Siftool.run(words + [option, "/dev/full"])
      #expect(full.status == 7 && full.errors.contains("No space left"), "\(words): \(full.errors)")
      // A reader that a shell gives a name to.
      let pipe = try Shell.check(
        "siftool \(words.joined(separator: " ")) \(option) /dev/fd/3 3>&1 > /dev/null | wc -c", in: directory)
      #expect(pipe.text != "0\n", "\(words)")
    }
  }

  @Test func whatCannotBeWrittenTo() throws {
    let socket = directory.file("socket")
    try Tool.check([
      "python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", socket,
    ])
    for (words, option) in commands {
      for (place, words2) in [(directory.path, "Is a directory"), (socket, "socket")] {
        let answer = try Siftool.run(words + [option, place])
        #expect(answer.status == 7, "\(words) \(place)")
        #expect(answer.errors.contains(words2) || answer.errors.contains("File exists"), "\(answer.errors)")
        #expect(answer.errors.split(separator: "\n").count == 1)
      }
    }
    let tar = try Siftool.run("tar", image, "-o", socket)
    #expect(tar.errors.contains("cannot write to the socket"))
  }

  /// The manifest of an extraction, which is written last.
  @Test func manifests() throws {
    let answer = try Shell.check(
      """
      mkfifo fifo; cat fifo > got & siftool extract image.sif -C out --manifest fifo; wait; test -p fifo
      siftool extract image.sif -C out2 --manifest /dev/null; test -c /dev/null; cat out/etc/one out2/etc/one
      """, in: directory)
    #expect(answer.text == "one\none\n", "\(answer.errors)")
  }
}
