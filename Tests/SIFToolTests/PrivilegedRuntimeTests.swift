import TestSupport
import Testing

/// Mounts and programs of encrypted images on a kernel with dm-crypt, in a virtual machine (Scripts/run-in-vm.sh).
@Suite struct PrivilegedRuntimeTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    try fixture.encrypt()
  }

  /// Runs one of Tests/Scripts as root of the machine.
  private func inMachine(_ script: String) throws -> ToolAnswer {
    try Tool.run([
      "\(Fixture.root)/Scripts/run-in-vm.sh", "--share", fixture.directory.path, "--seconds", "900", "bash",
      Fixture.script(script), fixture.directory.path, Fixture.siftool,
    ])
  }

  /// What `cryptsetup open` and `mount` show is what we show; and it all goes with the last user of the mount.
  @Test func encryptedMounts() throws {
    let answer = try inMachine("encrypted-mounts.sh")
    #expect(
      answer.text == """
        0
        same
        kernel secret.sif
        ro,nosuid,nodev,relatime
        1
        1
        7
        0
        5
        left 0
        6
        left 0
        0
        data
        0
        9
        left 0
        started
        left 0
        65534
        data
        secret
        0
        left 0

        """, "\(answer.text) \(answer.errors)")
  }

  /// Ended at one step after the other: each call to the loop device's driver and to device-mapper, and those around.
  /// What is not verified gets nowhere near any of them.
  @Test func endedAtEachStep() throws {
    let answer = try inMachine("encrypted-ended-at-steps.sh")
    #expect(
      answer.text == "left 0\nmount 1\nleft 0\nleft 0\nexec 1\nleft 0\n2\n0\n2\n0\n0\n",
      "\(answer.text) \(answer.errors)")
  }

  /// The power goes, with the image on a disk that can be written: its bytes are what they were, and the next time the
  /// machine runs, nothing of the last one is in the way.
  @Test func powerOff() throws {
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(fixture.directory.path); mkdir -p tree/home tree/tmp; chmod 1777 tree/tmp; cp secret.sif phrase tree/
      truncate -s 64M disk; mke2fs -q -t ext4 -d tree disk
      """,
    ])
    let disk = #"""
      share=/run/share; mkdir $share; mount --bind \#(fixture.directory.path) $share
      mkdir /run/disk; mount -t ext4 /dev/vda /run/disk; for d in /tmp /var/tmp; do mount --bind /run/disk/tmp $d; done
      export HOME=/run/disk/home TMPDIR=/run/disk/tmp; cd /run/disk
      tool=/run/siftool; cp $share/siftool $tool; a=/run/mnt; mkdir $a
      """#
    try Tool.check(["cp", Fixture.siftool, fixture.directory.file("siftool")])
    func machine(_ name: String, _ script: String) throws -> ToolAnswer {
      try fixture.directory.write(name, Array("\(disk)\n\(script)".utf8))
      return try Tool.run([
        "\(Fixture.root)/Scripts/run-in-vm.sh", "--share", fixture.directory.path, "--disk",
        fixture.directory.file("disk"),
        "--seconds", "900", "bash", fixture.directory.file(name),
      ])
    }
    let steps = [
      ("-P /dev/loop0 -e inject=ioctl:signal=STOP:when=1", "mount"),
      ("-P /dev/mapper/control -e inject=ioctl:signal=STOP:when=5", "mount"),
      ("-e inject=mount:signal=STOP:when=1", "mount"), ("-e inject=pivot_root:signal=STOP:when=1", "exec"),
      ("-e inject=execve:signal=STOP:when=2", "exec"),
    ]
    for (number, (step, verb)) in steps.enumerated() {
      let answer = try machine(
        "step",
        #"""
        echo 1 > /proc/sys/kernel/sysrq; what=$a; [ \#(verb) = mount ] || what='sh -c :'
        strace -D -f -qq -o /run/trace \#(step) $tool \#(verb) --passphrase-file phrase secret.sif $what &
        for i in $(seq 300); do grep -q "stopped by SIGSTOP\|--- SIGSTOP" /run/trace && break; sleep 0.1; done
        grep -q "stopped by SIGSTOP\|--- SIGSTOP" /run/trace && losetup -a | grep -c loop > $share/reached-\#(number)
        echo b > /proc/sysrq-trigger; sleep 100
        """#)
      // It did not end by itself.
      #expect(answer.status == 125, "\(number): \(answer.status) \(answer.text) \(answer.errors)")
      #expect(
        (try? fixture.directory.read("reached-\(number)")) == Array("1\n".utf8), "\(number): \(answer.errors)"
      )
    }
    let last = try machine(
      "last",
      #"""
      cmp secret.sif $share/secret.sif && echo same; find . ! -name lost+found | sort
      losetup -a; ls /dev/mapper | grep -c siftool
      $tool mount --passphrase-file phrase secret.sif $a && cat $a/bin/data; $tool unmount $a
      $tool exec --passphrase-file phrase secret.sif cat /bin/data; losetup -a; ls /dev/mapper | grep -c siftool
      umount /tmp /var/tmp; cd /; umount /run/disk && e2fsck -fn /dev/vda > /run/check 2>&1; echo $?
      """#)
    #expect(
      last.text == "same\n.\n./home\n./phrase\n./secret.sif\n./tmp\n0\ndata\ndata\n0\n0\n",
      "\(last.text) \(last.errors)")
    try Tool.check([
      "sh", "-c", "cd \(fixture.directory.path); debugfs -R 'dump /secret.sif out' disk; cmp out secret.sif",
    ])
  }

  /// Killed at any moment: no loop, no mapping, no mount.
  @Test func killedAtAnyStep() throws {
    let answer = try inMachine("encrypted-killed.sh")
    #expect(answer.text == " 12 left 0\n 6 left 0\n", "\(answer.text) \(answer.errors)")
  }
}
