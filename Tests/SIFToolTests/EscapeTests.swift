import TestSupport
import Testing

/// Images that were made to get out: at the host's executable, the caller's terminal, and what root owns.
@Suite struct EscapeTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The image's loader would be the one of the host's executable, were that executed inside: it keeps the file open, and
  /// writes to it as soon as nobody runs it any more.
  @Test(arguments: [false, true]) func theExecutable(isRoot: Bool) throws {
    try fixture.directory.write("main.c", Array("int main(void) { return 5; }".utf8))
    try Tool.check([
      "sh", "-c",
      #"""
      set -e; cd \#(fixture.directory.path); mkdir rootfs/lib64
      gcc -nostdlib -static -O1 -fno-stack-protector -fcf-protection=none -o rootfs/lib64/ld-linux-x86-64.so.2 \#(Fixture.script("loader.c"))
      gcc -o rootfs/bin/interpreted main.c -Wl,--dynamic-linker=/proc/self/exe
      printf '#!/bin/sh\n(for i in $(seq 20); do printf WRITTEN >> /proc/self/fd/20; sleep 0.1; done) > /dev/null 2>&1 &\n' \
        > rootfs/bin/late
      ln -s /proc/self/exe rootfs/bin/self; ln -s /proc/thread-self/exe rootfs/bin/thread; chmod 755 rootfs/bin/late
      printf '#!/proc/self/exe\n' > rootfs/bin/first; printf '#!/bin/first x\n' > rootfs/bin/second
      chmod 755 rootfs/bin/first rootfs/bin/second
      \#(Fixture.siftool) pack rootfs evil.sif --plain --arch amd64; chmod 644 evil.sif
      """#,
    ])
    let script = #"""
      umask 022; cp \#(isRoot ? Fixture.siftool : "siftool") work/tool; sum=$(sha256sum < work/tool)
      for program in self thread first second interpreted /bin/self /bin/second; do for o in '' --pid --containall; do
        timeout 600 work/tool exec $o evil.sif $program; echo $?; done; done
      timeout 600 work/tool exec evil.sif sh -c '/bin/self; echo $?'
      sleep 2.5; [ "$sum" = "$(sha256sum < work/tool)" ] && echo same
      """#
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    let statuses = Array(repeating: "126", count: 21).joined(separator: "\n")
    // A program of the image's is what the image says: busybox, which has no program of this name.
    #expect(answer.text == "\(statuses)\n127\nsame\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("it leads to /proc/self/exe"), "\(answer.errors)")
  }

  /// Root without capabilities would have them all in a user namespace of its own, and could mount the host's control
  /// groups there, which are root's.
  @Test(arguments: ["", "--containall", "--pid --ipc"]) func rootGetsNoNamespaceOfUsers(options: String)
    throws
  {
    let answer = try fixture.root(
      #"""
      siftool exec \#(options) plain.sif unshare -U true; echo $?
      siftool exec \#(options) --bind /usr --bind /lib --bind /lib64 plain.sif /usr/bin/python3 -c '
      import ctypes, os
      c = ctypes.CDLL(None, use_errno=True)
      for call in (56, 0x10000011, 0, 0, 0, 0), (272, 0x10000000), (272, 0x90020000), (308, 0, 0), (435, 0, 0):
        r = c.syscall(*call)
        if r == 0: os._exit(9)
        print(ctypes.get_errno())'
      siftool exec \#(options) --add-caps SYS_ADMIN plain.sif unshare -U true; echo $?
      """#)
    #expect(answer.text == "1\n1\n1\n1\n1\n38\n0\n", "\(answer.text) \(answer.errors)")
  }

  /// The kernel asks for another try where somebody mounts or renames meanwhile.
  @Test func anotherTry() throws {
    let answer = try fixture.root(
      "strace -f -qq -o /dev/null -e trace=openat2 -e inject=openat2:error=EAGAIN:when=1+2 siftool exec plain.sif echo fine"
    )
    #expect(answer.text == "fine\n", "\(answer.text) \(answer.errors)")
  }

  /// What a program finds as its own executable is its own, whatever it is started by.
  @Test(arguments: ["", "--pid", "root", "root --pid"]) func whatItIs(how: String) throws {
    let isRoot = how.hasPrefix("root")
    let options = isRoot ? String(how.dropFirst(4)) : how
    let script = #"""
      long=$(head -c 100000 /dev/zero | tr '\0' x)
      siftool exec \#(options) app.sif sh -c 'readlink /proc/$$/exe; cat /proc/$$/comm; echo ${#1}' name "$long"
      siftool exec \#(options) plain.sif readlink /proc/self/exe; siftool exec \#(options) plain.sif ./no/thing; echo $?
      siftool exec \#(options) plain.sif "$(printf 'no\033thing')"; echo $?; siftool exec \#(options) plain.sif ''; echo $?
      siftool exec \#(options) --env PATH=/nowhere plain.sif true; echo $?; siftool exec \#(options) plain.sif true 2>&-; echo $?
      """#
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    #expect(
      answer.text == "/bin/sh\nsh\n100000\n/bin/sh\n127\n127\n64\n127\n0\n",
      "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("siftool: cannot run ./no/thing: No such file or directory\n")
        && answer.errors.contains("siftool: no\\x1bthing is not in the image's PATH\n")
        && answer.errors.contains("siftool: true is not in the image's PATH\n"), "\(answer.errors)")
  }

  /// What root owns on the host, and could change as the owner, without any capability.
  @Test(arguments: ["", "--containall", "--userns", "--net --pid"]) func whatRootOwns(options: String) throws
  {
    let inside = #"""
      for f in /etc/hosts /etc/resolv.conf /etc/localtime /sys/kernel/uevent_helper /proc/sysrq-trigger; do
        [ ! -e $f ] || { : >> $f; } 2>&1 | grep -q "Read-only" || echo "open: $f"; done
      # The bits that it has already.
      [ -z "$CONTAINED" ] || for f in null zero tty; do chmod 666 /dev/$f 2>&1 | grep -q "Read-only" || echo "open: $f"; done
      for f in /proc/[!0-9]*; do
        [ -h $f ] || [ ! -d $f -a -z "$(find $f -maxdepth 0 -perm /222)" ] || grep -q " $f ro[, ]" /proc/self/mountinfo ||
          echo "open: $f"; done
      grep " /sys[/ ]" /proc/self/mountinfo | grep -v "^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* ro[, ]"
      cat /proc/kcore /proc/keys /proc/timer_list 2> /dev/null | head -c 10 | wc -c; ls /sys/firmware 2> /dev/null | wc -l
      echo written > /dev/null && head -c 3 /dev/zero | wc -c; echo end
      """#
    try fixture.directory.write("inside", Array(inside.utf8))
    let contained = options == "--containall" ? "--env CONTAINED=1" : ""
    let answer = try fixture.root(
      """
      cp /etc/hosts /etc/resolv.conf .; cp -L /etc/localtime . || touch localtime
      unshare -m sh -c 'for f in hosts resolv.conf localtime; do [ ! -e /etc/$f ] || mount --bind $f /etc/$f; done
        siftool exec \(options) \(contained) --bind $PWD/inside:/inside plain.sif sh /inside'
      """)
    #expect(answer.text == "0\n0\n3\nend\n", "\(answer.text) \(answer.errors)")
  }
}
