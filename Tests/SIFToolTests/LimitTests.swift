import TestSupport
import Testing

/// Resource limits of programs, with a kernel of a virtual machine as the oracle (Scripts/run-in-vm.sh).
@Suite struct LimitTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    // Less to read for the machine's slow processor.
    try Tool.check(["strip", "-o", fixture.directory.file("siftool"), Fixture.siftool])
    try Tool.check(["chmod", "755", fixture.directory.file("siftool")])
  }

  /// Runs one of Tests/Scripts as root of the machine.
  private func inMachine(_ script: String) throws -> ToolAnswer {
    try Tool.run([
      "\(Fixture.root)/Scripts/run-in-vm.sh", "--share", fixture.directory.path, "--seconds", "900", "bash",
      Fixture.script(script), fixture.directory.path,
    ])
  }

  /// What the kernel is told, what it does, and that the program can neither change its group nor see another.
  @Test func limitsHold() throws {
    let answer = try inMachine("limits-hold.sh")
    let first = """
      67108864 1572864 33554432 20 50000 100000 39 0 0 default 910 2
      0
      1
      sh: can't create pids.max: Read-only file system
      mkdir: can't create directory 'x': Read-only file system
      sh: can't create cgroup.procs: Read-only file system
      left 0.0

      """
    #expect(
      answer.text == first + first + first + """
        survived
        ! Killed
        ! siftool: the memory limit of 33554432 bytes was not enough: the kernel ended 1 of the program's processes
        status 137
        ! siftool: the memory limit of 33554432 bytes was not enough: the kernel ended 1 of the program's processes
        left 0.0
        1
        left 0.0
        status 2
        ! sh: can't fork: Resource temporarily unavailable
        left 0.0
        gone
        left 0.0
        11
        22
        11
        22
        left 0.0
        cpuset cpu io memory pids
        1
        max
        left 0.0

        """, "\(answer.text) \(answer.errors)")
  }

  /// Files of limits, also for block devices and for rules about devices; and what cannot be set as it is asked for.
  @Test func filesAndRefusals() throws {
    let answer = try inMachine("limits-from-files.sh")
    let text = answer.text.replacing("/run/tmp/", with: "").replacing(" \n", with: "\n")
    #expect(
      text == """
        33
        134217728
        rbps=1048576 wbps=1048576 riops=1048576 wiops=1048576
        1
        yyy ynn ynn ynn nnn
        yyy ynn ynn ynn nnn
        yyy ynn ynn ynn nnn
        yyy yyy yyy yyy yyy
        made
        made
        made
        left 0.0
        status 7
        ! siftool: --cpuset-cpus: the kernel does not take "5" for cpuset.cpus: Numerical result out of range
        status 7
        ! siftool: --cpuset-cpus: the kernel does not take "0-3" for cpuset.cpus: Numerical result out of range
        status 7
        ! siftool: --cpuset-mems: the kernel does not take "3" for cpuset.mems: Invalid argument
        status 7
        ! siftool: l.toml: unified.memory.max: the kernel does not take "much" for memory.max: Invalid argument
        status 7
        ! siftool: l.toml: unified.memory.nothing: the kernel does not take "1" for memory.nothing: No such file or directory
        status 7
        ! siftool: resource limits cannot be set: the kernel has no controller nothing in /sys/fs/cgroup
        status 7
        ! siftool: l.toml: hugepageLimits[0].limit: the kernel does not take "1" for hugetlb.3MB.max: No such file or directory
        status 7
        ! siftool: l.toml: blockIO.throttleReadBpsDevice[0].rate: the kernel does not take "200:1 rbps=1" for io.max: No such device
        left 0.0
        status 127
        ! siftool: nothing is not in the image's PATH
        status 127
        ! siftool: nothing is not in the image's PATH
        left 0.0

        """, "\(text) \(answer.errors)")
  }

  /// Whatever is ended, and when: no group and no process is left.
  @Test func nothingIsLeft() throws {
    let answer = try inMachine("limits-leave-nothing.sh")
    #expect(
      answer.text == " 18 left 0.0\n42\nleft 0.0\n42\nleft 0.0\n9\n143\nleft 0.0\n",
      "\(answer.text) \(answer.errors)")
  }

  /// Without privilege: in a group of one's own, alone in it or not; and what to do where there is none.
  @Test func ordinaryUsers() throws {
    let answer = try inMachine("limits-of-users.sh")
    let own = """
      67108864
      7
      0::/user/siftool
      touch: memory.max: Read-only file system
      0
      left 0.0
      67108864
      7
      0::/alone/siftool
      touch: memory.max: Read-only file system
      left 0.0
      0

      """
    let help = { (reason: String) in
      "siftool: resource limits need a control group of your own (\(reason)); start it as "
        + "`systemd-run --user --scope -p Delegate=yes siftool …`"
    }
    #expect(
      answer.text == own + own + """
        \(help("…"))
        7
        \(help("there are processes in /sys/fs/cgroup/alone"))
        7
        \(help("…"))
        7
        siftool: only root can set rules for devices
         4 left 0.0

        """, "\(answer.text) \(answer.errors)")
  }

  /// What is wrong with options and files, before anything is started.
  @Test func mistakes() throws {
    try fixture.directory.write("bad.toml", Array("[memory]\nlimit = 0\n".utf8))
    try fixture.directory.write("good.toml", Array("[memory]\nlimit = 99999999\n".utf8))
    let answer = try fixture.root(
      """
      t() { siftool exec "$@" plain.sif echo ran; echo $?; }
      t --memory 0; t --memory x; t --memory 1x; t --memory 99999999999g; t --memory 1..5g; t --memory -5; t --cpus 0; t --cpus 1,5
      t --pids-limit 0; t --cpu-shares 1; t --cpuset-cpus a; t --blkio-weight 5; t --blkio-weight-device /dev/null:5
      t --apply-cgroups bad.toml; t --apply-cgroups nothing; t --apply-cgroups good.toml --memory 1g
      unshare -m sh -c 'for m in $(grep " cgroup2 " /proc/mounts | cut -d" " -f2 | sort -r); do umount -l $m; done
        siftool exec --memory 1g plain.sif echo ran; echo $?'
      """)
    #expect(
      answer.text == String(repeating: "64\n", count: 14) + "7\n64\n7\n", "\(answer.text) \(answer.errors)")
    for part in [
      "bad.toml: memory.limit: this has to be above 0", "--cpuset-cpus: this has to be a list",
      "/dev/null is not a block device",
      "--apply-cgroups and options for single limits exclude each other", "and the system has none mounted",
    ] { #expect(answer.errors.contains(part), "\(answer.errors)") }
  }
}
