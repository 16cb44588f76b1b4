import Glibc
import TestSupport
import Testing

/// Encrypted images and a real kernel's dm-crypt and squashfs, in a virtual machine (Scripts/run-in-vm.sh).
@Suite struct VirtualMachineTests {
  /// Images of ours open with cryptsetup and mount, and one that was made the runtimes' way opens with ours.
  @Test func aKernelAgrees() throws {
    let fixture = try EncryptionFixture()
    // By default small headers and large sectors; and as the runtimes do it.
    let ours = [
      try fixture.encrypt("small.sif"),
      try fixture.encrypt("runtime.sif", "--sector-size", "512", "--luks-offset", "16MiB"),
    ]
    try fixture.directory.write("key", Array("secret".utf8))
    try fixture.directory.write("squashfs", try fixture.dump(fixture.plain, 2))
    var script = """
      set -ex
      cd \(fixture.directory.path)
      mkdir -p $TMPDIR/mnt
      small='--pbkdf pbkdf2 --pbkdf-force-iterations 1000'

      """
    for image in ours {
      let info = try Siftool.check("list", image).text
      let line = try #require(info.split(separator: "\n").last { $0.contains("FS (") })
      let range = line.split(separator: "|")[3].split(separator: "-").compactMap {
        Int($0.filter(\.isNumber))
      }
      script += """
        loop=$(losetup -f --show -r -o \(range[0]) --sizelimit \(range[1] - range[0]) \(image))
        cryptsetup open --batch-mode --readonly --type luks2 --key-file - $loop ours < key
        mount -t squashfs -o ro /dev/mapper/ours $TMPDIR/mnt
        diff -r rootfs $TMPDIR/mnt
        echo mounted
        umount $TMPDIR/mnt
        cryptsetup close ours
        losetup -d $loop

        """
    }
    script += """
      truncate -s $(($(stat -c %s squashfs) + 16777216)) theirs
      loop=$(losetup -f --show theirs)
      cryptsetup luksFormat --batch-mode --type luks2 --key-file - $small $loop < key
      cryptsetup open --batch-mode --type luks2 --key-file - $loop theirs < key
      dd if=squashfs of=/dev/mapper/theirs bs=1M conv=fsync status=none
      cryptsetup close theirs
      losetup -d $loop
      sync
      """
    let path = try fixture.directory.write("in-vm.sh", Array(script.utf8))
    let answer = try Tool.run(
      [
        "\(Fixture.root)/Scripts/run-in-vm.sh", "--share", fixture.directory.path, "--seconds", "900", "bash",
        path,
      ])
    try #require(answer.status == 0 && answer.text == "mounted\nmounted\n", "\(answer.text)\(answer.errors)")

    let image = fixture.file("theirs.sif")
    try Siftool.check("new", image)
    try fixture.add(
      image, try fixture.directory.read("theirs"), "--datatype", "partition", "--parttype", "primary-system",
      "--partfs", "encrypted-squashfs", "--partarch", "amd64")
    let extracted = try fixture.siftool(
      ["extract", image, "-C", fixture.file("out"), "--passphrase-file", fixture.phrase])
    #expect(extracted.status == 0, "\(extracted.errors)")
    #expect(try Tool.run(["diff", "-r", fixture.file("rootfs"), fixture.file("out")]).text == "")
    let back = fixture.file("back.sif")
    #expect(
      try fixture.siftool(["decrypt", image, back, "--passphrase-file", fixture.phrase]).status == 0)
    #expect(try fixture.dump(back, 1) == fixture.directory.read("squashfs"))
  }

  /// A kernel that misses its timer, on a busy host, is started once more; any other panic is a failure.
  @Test(arguments: ["IO-APIC + timer doesn't work!", "Out of memory"]) func anotherTry(panic: String) throws {
    let directory = try Scratch()
    // In place of the machine: it panics the first time, and runs the command the second time.
    let machine = """
      #!/bin/bash
      for word; do case $word in file:*) console=${word#file:} ;; esac; done
      echo started >> \(directory.path)/starts
      [ "$(wc -l < \(directory.path)/starts)" = 2 ] || { echo "Kernel panic - not syncing: $PANIC" > $console; exit 0; }
      echo ran > ${console%/*}/output; echo 7 > ${console%/*}/status
      """
    try directory.write("qemu-system-x86_64", Array(machine.utf8))
    try Tool.check(["chmod", "755", directory.file("qemu-system-x86_64")])
    let path = try #require(getenv("PATH").map { String(cString: $0) })
    let answer = try Tool.run(
      ["\(Fixture.root)/Scripts/run-in-vm.sh", "true"],
      environment: ["PATH": "\(directory.path):\(path)", "PANIC": panic])
    let isTimer = panic.hasPrefix("IO-APIC")
    #expect(
      answer.text == (isTimer ? "ran\n" : "") && answer.status == (isTimer ? 7 : 125), "\(answer.errors)")
    #expect(try directory.read("starts").count { $0 == 0x0A } == (isTimer ? 2 : 1))
  }
}
