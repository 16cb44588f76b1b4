import TestSupport
import Testing

/// Programs under a profile of system calls: the kernel is the oracle.
@Suite struct SeccompExecTests {
  private let fixture: ExecFixture

  /// An image with a program that makes system calls by their numbers, also those of 32 bits.
  init() throws {
    fixture = try ExecFixture()
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(fixture.directory.path); gcc -O1 -static -o rootfs/bin/call \(Fixture.script("call.c")); ln rootfs/bin/call rootfs/bin/call32
      \(Fixture.siftool) pack rootfs calls.sif --plain --arch amd64; chmod 644 calls.sif
      """,
    ])
  }

  private func profile(_ name: String, _ text: String) throws {
    try fixture.directory.write(name, Array(text.utf8))
    try Tool.check(["chmod", "644", fixture.directory.file(name)])
  }

  /// Nobody types into the caller's terminal: by the native call, with more bits than the kernel looks at, by that of
  /// the x32 ABI, and by that of 32 bits. Without the filter, what is no terminal would say so.
  @Test(arguments: ["", "--containall", "--fakeroot", "root", "root --userns", "root --add-caps all"])
  func theTerminal(options: String) throws {
    let isRoot = options.hasPrefix("root")
    let options = isRoot ? String(options.dropFirst(4)) : options
    let script = """
      t() { siftool exec \(options) calls.sif "$@" < /dev/null; }
      for request in 0x5412 0x541c 0x7fffffff00005412 0x80000000541c 0x5413; do t call 16 0 $request; done
      t call 1073742338 0 0x5412; t call32 54 0 0x5412; t call32 54 0 0x541c; t call32 54 0 0x5413
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(
      answer.text == "-1\n-1\n-1\n-1\n-25\n-1\n-1\n-1\n-25\n", "\(answer.text) \(answer.errors)")
  }

  @Test(arguments: ["", "--pid", "--fakeroot", "root", "root --userns"]) func theKernelObeys(options: String)
    throws
  {
    let isRoot = options.hasPrefix("root")
    let options = isRoot ? String(options.dropFirst(4)) : options
    try profile(
      "p.json",
      """
      {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
       {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":95},{"names":["rmdir"],"action":"SCMP_ACT_ERRNO"},
       {"names":["sync"],"action":"SCMP_ACT_KILL"},{"names":["acct"],"action":"SCMP_ACT_KILL_PROCESS"},
       {"names":["swapoff"],"action":"SCMP_ACT_TRAP"},
       {"names":["getpriority"],"action":"SCMP_ACT_ERRNO","errno":"EBUSY",
        "args":[{"index":0,"value":5,"op":"SCMP_CMP_GE"},{"index":1,"value":4294967296,"op":"SCMP_CMP_EQ"}]},
       {"names":["umask"],"action":"SCMP_ACT_ERRNO","errnoRet":7,
        "args":[{"index":0,"value":240,"valueTwo":16,"op":"SCMP_CMP_MASKED_EQ"}]}]}
      """)
    let script = """
      t() { siftool exec \(options) --security seccomp:p.json calls.sif "$@" 2> /dev/null; s=$?; [ $s = 0 ] || echo "status $s"; }
      t grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status; t call 83; t call 84; t sync; t call 163; t call 168
      for a in '4 4294967296' '5 4294967296' '6 4294967296' '5 0'; do t call 140 $a; done
      t call 95 0x113; t call 95 0x120; t sh -c 'true; (call 83)'; t nothing
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(
      answer.text == """
        NoNewPrivs:\t1
        Seccomp:\t2
        -95
        -1
        status 159
        status 159
        status 159
        -22
        -16
        -16
        -22
        -7
        0
        -95
        status 127

        """, "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Calls of another architecture end the program, unless the profile names it; then its rules count for them too.
  @Test func callsOf32Bits() throws {
    try profile("native.json", #"{"defaultAction":"SCMP_ACT_ALLOW"}"#)
    for (name, key) in [
      ("both.json", #""architectures":["SCMP_ARCH_X86","SCMP_ARCH_X86_64"]"#),
      (
        "map.json",
        #""archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},{"architecture":"SCMP_ARCH_AARCH64"}]"#
      ),
    ] {
      try profile(
        name,
        #"{"defaultAction":"SCMP_ACT_ALLOW",\#(key),"syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#
      )
    }
    // Where the kernel has no such calls at all, the program ends by another signal in each case.
    let answer = try fixture.ordinary(
      """
      siftool exec calls.sif call32 20 > /dev/null 2>&1 || { echo none; exit; }
      for p in native both map; do siftool exec --security seccomp:$p.json calls.sif sh -c 'call32 20; echo $?; call32 39' 2> /dev/null; done
      """)
    #expect(
      answer.text == "159\n0\n0\n-95\n0\n0\n-95\n" || answer.text == "none\n",
      "\(answer.text) \(answer.errors)")
  }

  /// The profile that a distribution's container tools run everything under, and programs of all kinds under it.
  @Test func aProfileOfTheField() throws {
    let theirs = "/usr/share/containers/seccomp.json"
    let answer = try fixture.ordinary(
      """
      t() { siftool exec --security seccomp:\(theirs) "$@"; }
      t calls.sif ls /bin/call; t calls.sif sh -c 'seq 3 | tail -1; (exit 4); echo $?'; t calls.sif grep Seccomp: /proc/self/status
      t --containall calls.sif sh -c 'echo x > /tmp/y; cat /tmp/y'; t calls.sif call 176; t calls.sif call 999
      t --bind /usr:/usr,/lib:/lib,/lib64:/lib64 calls.sif /usr/bin/python3 -c 'import threading as t, subprocess as s
      x = t.Thread(target=lambda: print(s.run(["/bin/echo", "python"], capture_output=True).stdout)); x.start(); x.join()'
      """)
    // delete_module is among the calls that need a capability, and what nobody knows does not exist.
    #expect(
      answer.text == "/bin/call\n3\n4\nSeccomp:\t2\nx\n-1\n-38\nb'python\\n'\n",
      "\(answer.text) \(answer.errors)")
    let capable = try fixture.ordinary(
      "siftool exec --fakeroot --security seccomp:\(theirs) calls.sif chroot / echo in; siftool exec --security seccomp:\(theirs) calls.sif chroot / true"
    )
    #expect(capable.text == "in\n" && capable.errors.contains("chroot"), "\(capable.errors)")
  }

  @Test func refusals() throws {
    try profile("bad.json", #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"X"}]}"#)
    try profile("p.json", #"{"defaultAction":"SCMP_ACT_ALLOW"}"#)
    let answer = try fixture.ordinary(
      """
      t() { siftool exec "$@" plain.sif echo ran; echo $?; }; head -c 1048577 /dev/zero > work/long
      t --security seccomp:bad.json; t --security seccomp:nothing; t --security seccomp:; t --security seccomp:work/long
      t --security uid:1000; t --security gid:1; t --security selinux:x; t --security apparmor:x; t --security y
      t --security seccomp:p.json --security seccomp:p.json; t --security seccomp:work
      """)
    #expect(answer.text == "64\n7\n64\n64\n7\n7\n7\n7\n64\n64\n7\n", "\(answer.text)")
    for part in [
      "siftool: --security: bad.json: syscalls[0].action: there is no such action: X\n",
      "cannot open nothing",
      "names a profile",
      "longer than 1048576 bytes", "running a program as another user or group", "the kernel has no AppArmor",
      "can be given once",
    ] { #expect(answer.errors.contains(part), "\(answer.errors)") }
  }

  /// Root keeps what it has; what it does not have is an error by its name, and passed over in `all`.
  @Test func capabilitiesThatAreNotThere() throws {
    let answer = try fixture.root(
      """
      t() { setpriv --bounding-set=-net_raw siftool exec "$@"; echo $?; }
      t --add-caps NET_RAW,CHOWN plain.sif echo ran; t --add-caps all --drop-caps NET_RAW plain.sif true
      t --add-caps CHOWN,KILL plain.sif grep -E "Cap(Eff|Bnd|Amb)" /proc/self/status | cut -f2
      t --contain --add-caps all plain.sif sh -c 'chown 1 /tmp && grep -c "CapEff:.*[1-9a-f]" /proc/self/status'
      """)
    let two = "0000000000000021\n"
    #expect(answer.text == "7\n0\n\(two)\(two)\(two)0\n1\n0\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("lacks the capability CAP_NET_RAW"), "\(answer.errors)")
  }
}
