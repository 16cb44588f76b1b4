import TestSupport
import Testing

/// A terminal is the program's as it would be without a container: what is typed reaches it once, the window's size
/// and its changes, and the shell's control of jobs.
@Suite struct TerminalTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    try Tool.check(["cp", "\(Fixture.root)/Tests/Oracle/terminal.py", fixture.directory.file("terminal.py")])
    try Tool.check(["chmod", "644", fixture.directory.file("terminal.py")])
  }

  private func type(_ steps: String, to command: String) throws -> ToolAnswer {
    try fixture.directory.write("steps", Array(steps.utf8))
    try Tool.check(["chmod", "644", fixture.directory.file("steps")])
    return try fixture.ordinary("/usr/bin/python3 terminal.py \(command) < steps")
  }

  @Test(arguments: ["", "--pid", "--containall", "--userns --fuse"]) func signals(options: String) throws {
    // A signal just before the call of read(2) does not end it, so the shell looks for signals every second.
    let program = """
      trap "echo in[t]" INT; trap "stty size; echo changed" WINCH; trap "echo qui[t]" QUIT
      stty size; echo read[y]; while :; do read -t 1 line && echo got:$line: && [ "$line" = bye ] && exit 5; done
      """
    try fixture.directory.write(
      "program", Array(program.replacing("[t]", with: "\"\"t").replacing("[y]", with: "\"\"y").utf8))
    try Tool.check(["chmod", "644", fixture.directory.file("program")])
    let answer = try type(
      """
      wait ready
      type one\\r
      wait got:one:
      type \\x03
      wait int
      type \\x1c
      wait quit
      size 33 77
      wait 33 77
      wait changed
      count int
      count quit
      count changed
      type bye\\r
      end
      """, to: "siftool exec \(options) --bind program:/program plain.sif sh /program")
    #expect(answer.text == "1\n1\n1\n5\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// A shell outside stops and continues the container; a shell inside does so with its own jobs.
  @Test(arguments: ["", "--pid"]) func jobs(options: String) throws {
    // The shells say which job they continue before they hand it the terminal: only its own word tells that it has it.
    let program = #"sh -c 'trap "echo on""ward" CONT; echo star""ted; while :; do sleep 0.1; done'"#
    let outside = try type(
      """
      type PS1=out''side:; stty -echo\\r
      wait outside:
      type siftool exec \(options) plain.sif \(program)\\r
      wait started
      type \\x1a
      wait Stopped
      wait outside:
      type jobs; echo listed\\r
      wait Stopped
      wait listed
      wait outside:
      type fg\\r
      wait onward
      type \\x03
      wait outside:
      type echo status=$?\\r
      wait status=130
      type exit 4\\r
      end
      """, to: "bash --norc --noprofile -i")
    #expect(outside.text == "4\n", "\(outside.text) \(outside.errors)")
    // Busybox may still count the job as stopped then, and has to be told twice.
    let inside = try type(
      """
      wait siftool>
      type \(program)\\r
      wait started
      type \\x1a
      wait Stopped
      wait siftool>
      type fg\\r
      wait onward
      type \\x03
      wait siftool>
      type echo status=$?; exit 6\\r
      wait status=130
      type exit 6\\r
      end
      """, to: "siftool shell \(options) plain.sif")
    #expect(inside.text == "6\n", "\(inside.text) \(inside.errors)")
    #expect(try fixture.leftovers() == "\n")
  }
}
