import TestSupport
import Testing

/// Signals, streams and limits of the caller, as the program gets them.
@Suite struct ProgramSurroundingsTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func both(_ script: String, _ check: (_ text: String, _ isRoot: Bool) -> Void) throws {
    for isRoot in [false, true] {
      let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
      check((answer.text + answer.errors).replacing(fixture.directory.path, with: "D"), isRoot)
    }
  }

  private func python(_ script: String, _ options: String) throws -> ToolAnswer {
    try fixture.directory.write("script.py", script)
    return try Tool.run(
      [
        "timeout", "300", "/usr/bin/python3", fixture.directory.file("script.py"), Fixture.siftool,
        fixture.directory.path,
      ]
        + options.split(separator: " ").map(String.init))
  }

  /// A signal reaches the program once, whether it was sent to the tool, to everybody in its group, or to all processes of
  /// its name; and also if the program has a group of its own.
  @Test(arguments: ["", "--pid", "--containall", "--pid --userns", "--pid --fuse"]) func signalsOnce(
    options: String
  ) throws {
    let answer = try python(
      """
      import os, signal, subprocess, sys, time
      log = sys.argv[2] + "/work/log"; script = sys.argv[2] + "/work/counts"
      open(script, "w").write('for s in TERM USR1 HUP INT QUIT USR2; do trap "echo $s >> /work/log" $s; done\\n'
          'echo ready >> /work/log; until grep -q end /work/log; do sleep 0.05; done\\n')
      def wait(what):
          for _ in range(1200):
              if what in open(log).read().split(): return
              time.sleep(0.05)
          print("waited in vain for", what)
      def case(name, prefix, *steps):
          open(log, "w").close()
          tool = subprocess.Popen([sys.argv[1], "exec"] + sys.argv[3:] + ["--bind", sys.argv[2] + "/work:/work", sys.argv[2] + "/plain.sif"]
              + prefix + ["sh", "/work/counts"], start_new_session=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
          wait("ready")
          for send, number in steps:
              send(tool.pid, number)
              wait(signal.Signals(number).name[3:])
          time.sleep(0.2)
          words = open(log).read().split(); open(log, "a").write("end\\n"); tool.wait(60)
          print(name, *sorted(words[1:]))
      def by_name(pid, number): subprocess.run(["pkill", "-%d" % number, "-s", str(pid), "siftool"])
      T, U, H, I, Q, V = signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2
      case("tool", [], (os.kill, T), (os.kill, U), (os.kill, H), (os.kill, I))
      case("group", [], (os.killpg, T), (os.killpg, U), (os.killpg, H), (os.killpg, Q))
      case("mixed", [], (os.killpg, T), (os.kill, U), (os.killpg, V), (os.kill, I))
      if sys.argv[3:]:
          case("name", [], (by_name, T), (by_name, U))
          case("own", ["setsid"], (os.kill, T), (os.killpg, U))
      """, options)
    let first = "tool HUP INT TERM USR1\ngroup HUP QUIT TERM USR1\nmixed INT TERM USR1 USR2\n"
    #expect(
      answer.text == (options.isEmpty ? first : first + "name TERM USR1\nown TERM USR1\n"),
      "\(answer.text) \(answer.errors)")
  }

  /// The end of the terminal is passed on, where the tool leads the session: nobody else learns of it. So are timers.
  @Test(arguments: ["", "--pid", "--containall", "--userns --pid"]) func endOfTheTerminal(options: String)
    throws
  {
    let answer = try python(
      """
      import os, pty, signal, subprocess, sys, time
      def start(before, program):
          pid, terminal = pty.fork()
          if pid == 0:
              before()
              os.execv(sys.argv[1], [sys.argv[1], "exec"] + sys.argv[3:] + [sys.argv[2] + "/plain.sif", "sh", "-c", program])
          seen = b""
          while b"ready" not in seen: seen += os.read(terminal, 100)
          return pid, terminal
      def end(pid):
          for _ in range(600):
              done, status = os.waitpid(pid, os.WNOHANG)
              if done: return os.waitstatus_to_exitcode(status)
              time.sleep(0.1)
          os.kill(pid, 9); os.waitpid(pid, 0); return "lost"
      pid, terminal = start(lambda: None, "echo ready; exec sleep 600"); os.close(terminal); print(end(pid))
      pid, terminal = start(lambda: None, "trap 'exit 9' HUP; echo ready; while :; do sleep 0.1; done"); os.close(terminal); print(end(pid))
      pid, terminal = start(lambda: signal.alarm(15), "trap 'exit 8' ALRM; echo ready; while :; do sleep 0.1; done"); print(end(pid))
      """, options)
    #expect(answer.text == "-1\n9\n8\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// With a /dev of its own the terminal still has a name, and the program's open descriptors are the caller's.
  @Test(arguments: [
    "", "-c", "-C", "-c --userns", "-c --fuse", "-c --overlay work/new", "--fakeroot", "--pid",
  ])
  func streams(options: String) throws {
    try both(
      """
      mkdir -p work/new; t() { siftool exec \(options) plain.sif "$@" 2>&1; }; echo five > work/five
      script -qec "siftool exec \(options) plain.sif sh -c 'tty; echo typed > /dev/console 2> /dev/null'" /dev/null < /dev/null 2>&1 | grep -v subuid
      before=$(ls /proc/self/fd | wc -l)
      t sh -c 'read x <&5; echo $x; exec 5<&-; ls /proc/self/fd | wc -l' 5< work/five | grep -v subuid | sed "s/^$before$/same/"
      t sh -c 'ls /proc/self/fd/ | grep -cE "^(5|8|9)$"; cd /proc/self/fd/9 && ls' 5< work/five 9< work 8< work/five | grep -v subuid
      bash -c 'siftool exec \(options) plain.sif cat <(echo substituted)' 2>&1 | grep -v subuid; t tty < /dev/null | tail -n 1; rm -rf work/new
      """
    ) { text, _ in
      let console = options.contains("-c") || options.contains("-C")
      let lines = text.replacing("\r\n", with: "\n").split(separator: "\n")
      #expect(
        console
          ? lines.first == "/dev/console" && lines.contains("typed")
          : lines.first?.hasPrefix("/dev/pts/") == true,
        "\(text)")
      #expect(text.hasSuffix("five\nsame\n3\nfive\nnew\nsubstituted\nnot a tty\n"), "\(text)")
    }
  }

  /// Signals that the caller ignores stay ignored, and the others have their usual effect.
  @Test(arguments: ["", "-C", "--pid"]) func ignoredSignals(options: String) throws {
    try both(
      """
      t() { siftool exec \(options) plain.sif "$@" 2>&1; }
      t grep SigIgn /proc/self/status; (trap '' PIPE; t grep SigIgn /proc/self/status; t sh -c 'exec seq 100000' | head -n 1)
      (trap '' XFSZ INT; t grep SigIgn /proc/self/status); (t sh -c 'seq 100000; echo $? >&3' | head -n 1) 3>&1
      """
    ) { text, _ in
      // Whoever starts the tests may ignore real-time signals.
      let sets = text.split(separator: "\n").filter { $0.hasPrefix("SigIgn:\t") }
        .map { (UInt64($0.dropFirst(8), radix: 16) ?? .max) & 0x7FFF_FFFF }
      #expect(sets == [0, 0x1000, 0x100_0002], "\(text)")
    }
  }

  @Test func smallStack() throws {
    try both(
      """
      for command in 'list plain.sif' 'exec plain.sif true' 'exec -C plain.sif true' 'verify plain.sif'; do
        (ulimit -s 64; siftool $command > /dev/null 2>&1; echo $?); (ulimit -s 256; siftool $command > /dev/null 2>&1; echo $?); done
      ulimit -s 64; siftool list plain.sif 2>&1
      """
    ) { text, _ in
      #expect(
        text.hasPrefix("7\n0\n7\n0\n7\n0\n7\n2\n") && text.contains("needs a stack of 256 KiB"), "\(text)")
    }
  }

  /// Capabilities add up. What names one thing is given once.
  @Test func optionsGivenTwice() throws {
    try both(
      """
      t() { siftool exec "$@" 2>&1 | tail -n 2; }
      t --fakeroot --drop-caps chown --drop-caps kill,fowner plain.sif grep CapEff /proc/self/status | tail -n 1
      t --userns --add-caps chown --add-caps kill plain.sif grep CapEff /proc/self/status
      t --pwd / --pwd /bin plain.sif true | head -n 1
      """
    ) { text, _ in
      #expect(
        text == """
          CapEff:	00000000800405d2
          CapEff:	0000000000000021
          siftool: --pwd is given twice, and takes one value

          """, "\(text)")
    }
  }

  /// A program for another processor is named with both architectures.
  @Test func foreignPrograms() throws {
    // The machine field of an ELF header: 183 is aarch64, 243 RISC-V, 9999 nobody's.
    for (machine, name) in [(183, "aarch64"), (243, "riscv"), (9999, "the machine number 9999 of ELF")] {
      try Shell.check(
        """
        cp rootfs/bin/sh rootfs/bin/foreign; printf '\\\(String(machine & 0xFF, radix: 8))\\\(String(machine >> 8, radix: 8))' \
          | dd of=rootfs/bin/foreign bs=1 seek=18 conv=notrunc 2> /dev/null
        siftool pack rootfs foreign.sif --plain --arch amd64 --quiet; chmod 644 foreign.sif
        """, in: fixture.directory)
      try both(
        """
        t() { siftool exec "$@" 2>&1; echo $?; }; t foreign.sif foreign; t -C foreign.sif /bin/foreign; t --pid foreign.sif foreign
        """
      ) { text, _ in
        let sentence = "it is a program for \(name), and this machine is x86_64\n126\n"
        #expect(
          text == "siftool: cannot run /usr/local/sbin/foreign: \(sentence)".replacing(
            "/usr/local/sbin", with: "/bin")
            + "siftool: cannot run /bin/foreign: \(sentence)siftool: cannot run /bin/foreign: \(sentence)",
          "\(text)")
      }
    }
  }

  /// The tool in a container: it works if the outer one kept the capabilities for it, and says so otherwise.
  @Test func nested() throws {
    try Shell.check(
      """
      cp \(Fixture.siftool) rootfs/bin/siftool; cp -L --parents /lib64/ld-linux-*.so.* rootfs/
      for library in $(ldd \(Fixture.siftool) | grep -o '/[^ ]*' | sort -u); do cp -L --parents $library rootfs/; done
      siftool pack rootfs nested.sif --plain --arch amd64 --quiet; chmod 644 nested.sif
      """, in: fixture.directory)
    try both(
      """
      i=$PWD/nested.sif; e="siftool exec --add-caps all --bind $PWD:$PWD $i"
      $e $e siftool exec $i echo third; $e $e siftool exec -C $i echo third
      for o in '' --userns --pid; do siftool exec $o $i siftool exec $i true 2>&1; echo $?; done
      """
    ) { text, isRoot in
      let lines = text.split(separator: "\n").map(String.init)
      #expect(lines.prefix(2) == ["third", "third"], "\(text)")
      for index in [2, 4, 6] {
        #expect(
          lines.count == 8 && lines[index].hasSuffix("; start that one with --add-caps all")
            && lines[index + 1] == "7"
            && lines[index].contains("the container around this one allows none"), "\(text)")
      }
    }
  }
}

/// Where a container differs from those of the runtimes, on purpose or not (spec/runtime.md "Beside the runtimes").
@Suite struct RuntimeDifferenceTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Values inside.
  @Test func inside() throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" 2>&1; }; printf '#!/bin/sh\\necho "$0"\\n' > work/script; chmod 755 work/script
      t plain.sif grep -h nobody /etc/passwd /etc/group; t -C plain.sif sh -c 'ls /dev/full; readlink /dev/ptmx'
      t plain.sif stat -c %U /bin/data; t plain.sif sh -c 'grep -cE "^.* / / ro,nosuid,nodev" /proc/self/mountinfo'
      t -C plain.sif sh -c 'cat /proc/1/comm; tr -d "\\0" < /proc/1/cmdline; echo'; cd work; t ../plain.sif ./script
      """)
    #expect(
      answer.text
        == """
        nobody:x:65534:65534:nobody:/nonexistent:/bin/sh
        nogroup:x:65534:nobody
        /dev/full
        pts/ptmx
        nobody
        1
        container-init
        container-init
        \(fixture.directory.path)/work/script

        """,
      "\(answer.text) \(answer.errors)")
    let root = try fixture.root("siftool exec plain.sif cat /etc/passwd")
    #expect(root.text == "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2:bin:/bin:/bin/sh\n", "\(root.text)")
  }

  /// Exit codes, signals, and `--`.
  @Test func outcomes() throws {
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" 2> /dev/null; echo $?; }
      t nothing.sif true; t /etc/passwd true; t --nothing plain.sif true; t plain.sif nothing; t plain.sif data
      t -C plain.sif sh -c 'kill -9 $$'; t plain.sif sh -c 'kill -9 $$'; t plain.sif -- echo fine
      (trap '' INT; siftool exec plain.sif sh -c 'kill -INT $$; echo stayed'; siftool exec --pid plain.sif sh -c 'kill -INT $$; echo stayed')
      """)
    #expect(
      answer.text == "7\n5\n64\n127\n126\n137\n137\nfine\n0\nstayed\nstayed\n",
      "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// `mount` shows an image without its overlay partition, and says so.
  @Test func overlayPartition() throws {
    try Shell.check(
      """
      truncate -s 1M ext3; cp plain.sif overlay.sif; group=$(siftool list plain.sif --json | grep -o '"group": *[0-9]*' | head -n 1 | grep -o '[0-9]*$')
      siftool add overlay.sif ext3 --datatype partition --parttype overlay --partfs ext3 --partarch amd64 --groupid ${group:-1}
      cp overlay.sif other.sif; chmod 644 *.sif
      """, in: fixture.directory)
    let answer = try fixture.ordinary(
      """
      mkdir -p work/m; siftool mount overlay.sif work/m; siftool unmount work/m; siftool mount plain.sif work/m; siftool unmount work/m
      """)
    #expect(
      answer.errors.split(separator: "\n").count { $0.contains("of overlay.sif is an overlay partition") }
        == 1
        && answer.errors.contains("it is not mounted, and its files are missing"), "\(answer.errors)")
  }

  /// An address is named as it was given, with both slashes.
  @Test func addresses() throws {
    let answer = try fixture.root(
      "for c in 'exec docker:/busybox true' 'exec oras:/x/y true' 'mount library://a/b work' 'ls shub:/a/b'; do siftool $c 2>&1 | head -n 1; done"
    )
    #expect(
      answer.text.split(separator: "\n").map { String($0.prefix { $0 != ";" }) } == [
        "siftool: docker://busybox is a URI", "siftool: oras://x/y is a URI",
        "siftool: library://a/b is a URI",
        "siftool: shub://a/b is a URI",
      ], "\(answer.text)")
  }

  /// A tree without programs is for this machine's architecture.
  @Test func treesWithoutPrograms() throws {
    let answer = try fixture.root(
      """
      mkdir -p empty data/bin; echo text > data/file; printf '#!/bin/sh\\n' > data/bin/script; chmod 755 data/bin/script; tar -cf data.tar -C data .
      for source in empty data data.tar; do for plain in '' --plain; do
        siftool pack $source out.sif $plain 2>&1; echo $?; siftool list out.sif | grep -o 'System/[a-z0-9]*'; rm out.sif; done; done
      """)
    let one =
      "siftool: no program inside tells the architecture: the image is for that of this machine, amd64\n0\nSystem/amd64\n"
    #expect(answer.text == String(repeating: one, count: 6), "\(answer.text) \(answer.errors)")
  }

  /// Of objects that both images cut off at the same place, what is there is compared.
  @Test func truncatedObjects() throws {
    let answer = try fixture.root(
      """
      half=$(($(stat -c %s plain.sif) - 20000)); head -c $half plain.sif > a.sif; cp a.sif same.sif; cp a.sif b.sif
      printf X | dd of=b.sif bs=1 seek=$((half - 100)) conv=notrunc 2> /dev/null; head -c $((half - 9)) plain.sif > shorter.sif
      for other in same b shorter; do siftool diff a.sif $other.sif > out; echo $?; grep -c bytes out; done
      """)
    #expect(answer.text == "0\n0\n1\n1\n1\n1\n", "\(answer.text) \(answer.errors)")
  }

  /// A kernel that cannot restrict mounts gets nothing without the restriction (mount_setattr(2), Linux 5.12).
  @Test(arguments: ["", "-C", "--userns", "--bind work:/w"]) func oldKernels(options: String) throws {
    try fixture.directory.write(
      "old.py",
      """
      import ctypes, os, struct, sys
      # Loads the number of the system call; if it is 442, the error is ENOSYS.
      code = b"".join(struct.pack("HBBI", *i) for i in [(0x20, 0, 0, 0), (0x15, 0, 1, 442), (6, 0, 0, 0x50026), (6, 0, 0, 0x7fff0000)])
      buffer = ctypes.create_string_buffer(code); program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
      libc = ctypes.CDLL(None, use_errno=True); libc.prctl(38, 1, 0, 0, 0)
      assert libc.prctl(22, 2, program, 0, 0) == 0
      os.execvp(sys.argv[1], sys.argv[1:])
      """)
    let answer = try fixture.ordinary(
      "chmod 644 old.py; /usr/bin/python3 old.py siftool exec \(options) plain.sif echo ran 2>&1; echo $?",
      devices:
        "chmod 644 \(fixture.directory.path)/old.py; mount --bind \(fixture.directory.path)/fuse-device /dev/fuse"
    )
    #expect(
      answer.text.contains("needs Linux 5.12") && answer.text.hasSuffix("\n7\n"),
      "\(answer.text) \(answer.errors)")
  }

  /// The reason of a server that cannot answer is the real one, with its own exit code.
  @Test func reasonsOfServers() throws {
    let answer = try fixture.ordinary(
      """
      mkdir -p closed; siftool mount plain.sif closed 2>&1; echo $?; mkdir work/m; chmod 0 work/m; siftool mount plain.sif work/m/x 2>&1; echo $?
      """)
    #expect(answer.text.contains("\n7\n") && !answer.text.contains("died"), "\(answer.text) \(answer.errors)")
  }
}
