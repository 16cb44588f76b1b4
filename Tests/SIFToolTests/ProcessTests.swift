import TestSupport
import Testing

/// Processes around a program and a mount: streams that are closed, signals at every moment, and who waits for whom.
@Suite struct ProcessTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func python(_ script: String, _ arguments: [String] = []) throws -> ToolAnswer {
    try fixture.directory.write("script.py", Array(script.utf8))
    return try Tool.run(
      ["/usr/bin/python3", fixture.directory.file("script.py"), Fixture.siftool, fixture.directory.path]
        + arguments)
  }

  /// What is opened never gets the number of a standard stream.
  @Test(arguments: ["", "--fuse", "--containall"]) func closedStreams(options: String) throws {
    let script = """
      for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        eval "siftool exec \(options) plain.sif sh -c 'echo ran > /tmp/\(fixture.directory.path.dropFirst(5))-ran' $closed"
        echo $?; eval "siftool exec \(options) --bind . --bind $PWD plain.sif true $closed"; echo $?
      done
      siftool list plain.sif >&-; echo $?; siftool exec \(options) plain.sif echo x >&-; echo $?
      siftool exec \(options) plain.sif cat <&-; echo $?
      """.replacing("--bind . ", with: "")
    let answer = try fixture.ordinary(script)
    #expect(
      answer.text == String(repeating: "0\n0\n", count: 7) + "7\n1\n1\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("cannot write to standard output: Bad file descriptor"), "\(answer.errors)")
    _ = try fixture.root("rm -f \(fixture.directory.path)-ran")
  }

  /// Who waits for the tool sees the signal that ended the program, whatever is between the two.
  @Test(arguments: ["", "--pid", "--containall --fuse"]) func deathsBySignals(options: String) throws {
    let answer = try python(
      """
      import signal, subprocess, sys
      signal.signal(signal.SIGQUIT, signal.SIG_DFL)
      for name in ["TERM", "KILL", "SEGV", "USR1", "HUP"]:
          done = subprocess.run([sys.argv[1], "exec"] + sys.argv[3:]
              + [sys.argv[2] + "/plain.sif", "sh", "-c", "kill -%s $$" % name])
          print(name, done.returncode == -getattr(signal, "SIG" + name))
      print(subprocess.run([sys.argv[1], "exec"] + sys.argv[3:]
          + [sys.argv[2] + "/plain.sif", "sh", "-c", "exit 143"]).returncode)
      """, options.split(separator: " ").map(String.init))
    #expect(
      answer.text == "TERM True\nKILL True\nSEGV True\nUSR1 True\nHUP True\n143\n",
      "\(answer.text) \(answer.errors)")
  }

  /// Nothing of ours is left to somebody else to take in, where the tool itself is still there at the end.
  @Test(arguments: ["", "--containall", "--containall --fuse", "--pid --fuse --writable-tmpfs"])
  func nobodyToTakeIn(options: String) throws {
    let answer = try python(
      """
      import ctypes, os, subprocess, sys, time
      ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come here.
      print(subprocess.run([sys.argv[1], "exec"] + sys.argv[3:] + [sys.argv[2] + "/plain.sif", "true"]).returncode)
      time.sleep(0.3)
      try:
          print(os.waitpid(-1, os.WNOHANG))
      except ChildProcessError:
          print("nobody")
      """, options.split(separator: " ").map(String.init))
    #expect(answer.text == "0\nnobody\n", "\(answer.text) \(answer.errors)")
  }

  /// A signal to everybody in the group, at any moment of the start, ends everything.
  @Test(arguments: ["--containall", "--pid --fuse", ""]) func signalsAtTheStart(options: String) throws {
    let answer = try python(
      """
      import os, random, signal, subprocess, sys, time
      seed = random.randrange(1 << 32); random.seed(seed)
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      start = time.monotonic()
      subprocess.run([sys.argv[1], "exec"] + sys.argv[3:] + [sys.argv[2] + "/plain.sif", "true"])
      length = time.monotonic() - start
      for attempt in range(15):
          number = random.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
          tool = subprocess.Popen([sys.argv[1], "exec"] + sys.argv[3:] + [sys.argv[2] + "/plain.sif", "sleep", "300"],
              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
          time.sleep(random.random() * 1.2 * length)
          os.killpg(tool.pid, number)
          try:
              status = tool.wait(120)
          except subprocess.TimeoutExpired:
              status = "lost"
              os.killpg(tool.pid, signal.SIGKILL); tool.wait()
          # A helper may have been the first to get it: then siftool says what it misses, and nothing was started.
          if status not in (-number, 7): print("seed", seed, "attempt", attempt, number, status)
      print("done")
      """, options.split(separator: " ").map(String.init))
    #expect(answer.text == "done\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Whoever asks `mount` to end gets the whole mount and its status, or the signal and none.
  @Test(arguments: ["", "--fuse"]) func interruptedMounts(options: String) throws {
    let answer = try python(
      """
      import os, random, signal, subprocess, sys, time
      seed = random.randrange(1 << 32); random.seed(seed)
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      place = sys.argv[2] + "/place"; os.mkdir(place)
      command = [sys.argv[1], "mount"] + sys.argv[3:] + [sys.argv[2] + "/plain.sif", place]
      def is_mounted(): return (" " + place + " ") in open("/proc/self/mountinfo").read()
      start = time.monotonic(); subprocess.run(command); length = time.monotonic() - start
      subprocess.run([sys.argv[1], "unmount", place])
      for attempt in range(15):
          tool = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
          time.sleep(random.random() * 1.2 * length)
          number = random.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
          try:
              random.choice([os.kill, os.killpg])(tool.pid, number)
          except ProcessLookupError:
              pass
          status = tool.wait(120)
          time.sleep(0.05)
          if not (status == 0 and is_mounted() and len(os.listdir(place)) > 2
                  or status == -number and not is_mounted()):
              print("seed", seed, "attempt", attempt, number, status, is_mounted())
          if is_mounted(): subprocess.run([sys.argv[1], "unmount", "--lazy", place])
      print("done")
      """, options.split(separator: " ").map(String.init))
    #expect(answer.text == "done\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// The server of a mount ends with the namespace that has the mount, though nobody unmounts it.
  @Test(arguments: [false, true]) func namespacesThatEnd(isOrdinary: Bool) throws {
    let command = "siftool mount --fuse \(fixture.directory.path)/plain.sif work"
    let script = "\(command); ls work/bin/data; sleep 0.3; pgrep -xfc \"\(command)\""
    let answer =
      isOrdinary ? try fixture.ordinary(script) : try fixture.root("unshare -m sh -c '\(script)'")
    #expect(answer.text == "work/bin/data\n2\n", "\(answer.text) \(answer.errors)")
    let left = try fixture.root(
      """
      for i in $(seq 600); do left=$(pgrep -xf "\(command)"); [ -n "$left" ] || break; sleep 0.1; done; echo "left:$left"
      """)
    #expect(left.text == "left:\n", "\(left.text)")
  }
}

/// What is often got wrong, and what is said then.
@Suite struct CommonMistakeTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  @Test func sentences() throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool "$@" 2>&1 | head -1 | cut -c -200; }
      t exec docker:/alpine true; t mount library://a/b work; t ls oras:/x/y; t exec plain.sif -C true; t exec plain.sif ''
      t exec plain.sif -- echo fine; siftool exec plain.sif -- -x; echo $?; siftool exec plain.sif -C; echo $?
      head -c 300 /dev/zero | tr '\\0' x > work/env; t exec --env-file work/env plain.sif true
      """)
    let lines = answer.text.split(separator: "\n").map(String.init)
    try #require(lines.count == 9, "\(answer.text) \(answer.errors)")
    for index in 0..<3 {
      #expect(lines[index].contains("is a URI; fetch the image with `siftool pull` first"), "\(lines)")
    }
    #expect(lines[3].contains("\"-C\" is in the place of the program's name: put options before the image"))
    #expect(lines[4].contains("the name of the program is empty"))
    #expect(lines[5] == "fine" && lines[6] == "127" && lines[7] == "64", "\(lines)")
    #expect(lines[8].contains("\(String(repeating: "x", count: 80))…\""), "\(lines[8])")
  }

  /// A mount of root's is there for others to see, and not for them to unmount.
  @Test func mountsOfRoot() throws {
    let answer = try fixture.ordinary(
      "siftool mount --list | grep $PWD/; siftool unmount work; echo $?",
      devices: "siftool=\(Fixture.siftool); cd \(fixture.directory.path); $siftool mount plain.sif work")
    #expect(
      answer.text.replacing(fixture.directory.path, with: "D") == "D/work\tkernel\tD/plain.sif\n7\n",
      "\(answer.text)")
    #expect(answer.errors.contains("only root can unmount it"), "\(answer.errors)")
    // A squashfs that somebody else mounted through a loop device is nobody's business here.
    let foreign = try fixture.ordinary(
      "siftool mount --list | grep $PWD/; true",
      devices: """
        cd \(fixture.directory.path); siftool=\(Fixture.siftool); $siftool dump 1 plain.sif > part
        mount -t squashfs -o loop,ro part work
        """)
    #expect(foreign.status == 0 && foreign.text.isEmpty, "\(foreign.text) \(foreign.errors)")
  }

  /// The failures that name what is missing, and not what is there.
  @Test(arguments: ["app.sif", "plain.sif"]) func missingInterpreters(image: String) throws {
    let answer = try fixture.ordinary(
      """
      cd work; printf '#! /opt/no/such -x\\n' > script; printf '#!/w/script\\n' > second; printf '#!/bin/sh\\r\\n' > dos
      printf '#!/bin/sh\\necho "$@"\\n' > good; cp /usr/bin/stat elf; chmod 755 *; cd ..
      t() { siftool exec -B $PWD/work:/w \(image) "$@" 2>&1; echo $?; }
      t /w/script; t /w/second; t /w/dos; t /w/elf; t /w/good a; t /w/none | tail -1
      """)
    let loader = answer.text.split(separator: "\n").dropFirst(6).first.map(String.init) ?? ""
    #expect(
      loader.hasPrefix("siftool: cannot run /w/elf: it needs the loader /")
        && loader.hasSuffix(", which is not in the container"), "\(answer.text)")
    #expect(
      answer.text.replacing(loader, with: "L") == #"""
        siftool: cannot run /w/script: it is a script for /opt/no/such, which is not in the container
        127
        siftool: cannot run /w/second: it is a script for /opt/no/such, which is not in the container
        127
        siftool: cannot run /w/dos: it is a script for /bin/sh\r, which is not in the container (its first line ends in a carriage return)
        127
        L
        127
        a
        0
        127

        """#, "\(answer.text) \(answer.errors)")
  }

  @Test func searchedScript() throws {
    let answer = try fixture.ordinary(
      """
      printf '#!/opt/no/such\\n' > work/script; printf '#!/bin/sh\\necho second\\n' > work/both; mkdir work/first
      printf '#!/opt/no/such\\n' > work/first/both; chmod 755 work/* work/first/*
      t() { siftool exec -B $PWD/work:/w --env PATH=/w/first:/w:/bin plain.sif "$@" 2>&1; echo $?; }; t script; t both
      """)
    #expect(
      answer.text == """
        siftool: cannot run /w/script: it is a script for /opt/no/such, which is not in the container
        127
        second
        0

        """, "\(answer.text) \(answer.errors)")
  }

  /// What would lie over everything does not.
  @Test func nothingCoversTheRoot() throws {
    let made = try fixture.root("ln -s / rootfs/tmp; siftool pack rootfs linked.sif --plain --arch amd64")
    try #require(made.status == 0, "\(made.errors)")
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" linked.sif sh -c 'echo in' > work/out 2>&1; code=$?; grep -vE '^Try|working directory' work/out; echo $code; }
      t; t --contain; t --bind $PWD/work:/
      t --bind $PWD/work:/tmp
      for options in '' -c; do siftool exec $options plain.sif sh -c 'echo $HOME'; done
      """, home: "/")
    #expect(
      answer.text == """
        siftool: /tmp is the container's root, by a link of the image: nothing is mounted over it
        in
        0
        siftool: /tmp is the container's root, by a link of the image: nothing is mounted over it
        64
        siftool: --bind: / is the container's root: nothing is mounted over it
        64
        siftool: /tmp is the container's root, by a link of the image: nothing is mounted over it
        siftool: /tmp is the container's root, by a link of the image: nothing is mounted over it
        64
        /
        /

        """, "\(answer.text) \(answer.errors)")
  }

  @Test func boundCapabilities() throws {
    let answer = try fixture.root(
      """
      setpriv --bounding-set=-net_raw siftool exec --add-caps all plain.sif sh -c 'grep -c . /proc/self/status > /dev/null; echo ran'
      setpriv --bounding-set=-net_raw siftool exec --add-caps NET_RAW plain.sif true; echo $?
      """)
    #expect(
      answer.text == "ran\n7\n" && answer.errors.contains("lacks the capability CAP_NET_RAW"),
      "\(answer.errors)")
  }

  /// Names with everything in them, as they are.
  @Test func namesInDocuments() throws {
    let answer = try fixture.root(
      """
      mkdir "$(printf 'a\\nb \\\\c')"; siftool mount --fuse plain.sif "$(printf 'a\\nb \\\\c')"
      siftool mount --list --json > list; siftool unmount "$(printf 'a\\nb \\\\c')"
      python3 -c 'import json, os; print([m["target"].removeprefix(os.getcwd()) for m in json.load(open("list"))["mounts"] if m["target"].startswith(os.getcwd())])'
      """)
    #expect(answer.text == "['/a\\nb \\\\c']\n", "\(answer.text) \(answer.errors)")
  }
}
