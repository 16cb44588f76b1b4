import TestSupport
import Testing

/// What of the caller's a program does not get: open files, variables, the home.
@Suite struct SecretsOfTheCallerTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    try fixture.encrypt()
  }

  /// Descriptors of the caller's are there; those that a passphrase came from never are.
  @Test(arguments: ["", "--pid", "--contain"]) func descriptors(options: String) throws {
    let answer = try fixture.ordinary(
      #"""
      t() { siftool exec \#(options) "$@" 2> /dev/null < "${from:-/dev/null}" 3< phrase 7< phrase 9< plain.sif |
        sed -n 's/.* \([0-9]*\) -> .*\/\([a-z]\)/\1 \2/p' | grep -E '^(0 null|2|3 p|7|9)' | tr '\n' ' '; echo; }
      for image in plain.sif secret.sif; do
        t --passphrase-fd 7 $image ls -l /proc/self/fd/; t --passphrase-file /dev/fd/3 $image ls -l /proc/self/fd/
        from=phrase; t --passphrase-fd 0 $image ls -l /proc/self/fd/
        t --passphrase-file /proc/self/fd/0 $image ls -l /proc/self/fd/; from=
        t --pem-path /dev/fd/3 --passphrase-fd 7 plain.sif ls -l /proc/self/fd/
      done
      """#)
    func line(_ numbers: Int...) -> String {
      let kept = [3: "3 phrase", 7: "7 phrase", 9: "9 plain.sif"]
      let all = ["0 null", "2 null"] + numbers.compactMap { kept[$0] }
      return all.joined(separator: " ") + " \n"
    }
    let each = line(3, 9) + line(7, 9) + line(3, 7, 9) + line(3, 7, 9) + line(9)
    #expect(answer.text == each + each, "\(answer.text) \(answer.errors)")
  }

  /// By whatever name a descriptor is given: its number is closed. One that only has the same number elsewhere is not.
  @Test func descriptorsByOtherNames() throws {
    let answer = try fixture.ordinary(
      #"""
      ln -s /dev/fd/7 work/link; ln -s link work/second; mkdir work/7; cp phrase work/fd; echo other > work/other
      t() { siftool exec "$@" 2> /dev/null 7< phrase ls -l /proc/self/fd/ | grep -cE ' 7 -> '; }
      for path in /proc/thread-self/fd/7 /proc/self/task/../fd/7 //dev/./fd/7 work/second /dev/fd/../fd/007; do
        t --passphrase-file $path secret.sif; done
      exec 7< phrase; t --passphrase-file /proc/$$/fd/7 secret.sif
      SINGULARITY_ENCRYPTION_PEM_PATH=/dev/fd/7 t plain.sif
      siftool exec --passphrase-file /proc/$$/fd/7 secret.sif ls -l /proc/self/fd/ 7< work/other | grep -cE ' 7 -> '
      t --passphrase-file work/fd secret.sif
      """#)
    #expect(answer.text == "0\n0\n0\n0\n0\n0\n0\n1\n1\n", "\(answer.text) \(answer.errors)")
  }

  @Test func variables() throws {
    let answer = try fixture.ordinary(
      """
      for runtime in SINGULARITY APPTAINER; do for name in PASSPHRASE PEM_PATH PEM_DATA; do
        export ${runtime}_ENCRYPTION_$name=secret; done; done
      export SIFTOOL_PASSPHRASE=secret LD_AUDIT=/x.so LD_BIND_NOW=1 LD_LIBRARY_PATH=/x GLIBC_TUNABLES=glibc.malloc.check=0 KEPT=1
      export GCONV_PATH=/x SINGULARITYENV_LD_PRELOAD=/given
      siftool exec plain.sif env | grep -E 'ENCRYPTION|PASSPHRASE|^LD_|GLIBC|GCONV|KEPT' | sort
      siftool exec secret.sif env 2> /dev/null | grep -cE 'ENCRYPTION|PASSPHRASE|LD_AUDIT'
      siftool exec --pid plain.sif sh -c 'tr "\\0" "\\n" < /proc/self/environ | grep -c secret'
      """)
    #expect(answer.text == "KEPT=1\nLD_PRELOAD=/given\n0\n0\n", "\(answer.text) \(answer.errors)")
  }

  /// The home is that of the list of users, whatever HOME says. It is hidden where the tool is started in it or above it; a
  /// working directory below it is shown.
  @Test func theHome() throws {
    let answer = try fixture.ordinary(
      """
      mkdir -p /mnt/u/home/in /mnt/u/listed/in /mnt/other; echo key > /mnt/u/home/key; echo key > /mnt/u/listed/key
      ln -s /mnt/u/listed /mnt/other/link; tool=$PWD/siftool image=$PWD/plain.sif
      t() { cd $1; $tool exec --no-home $image sh -c 'pwd; cat /mnt/u/home/key /mnt/u/listed/key' 2> /dev/null; }
      for HOME in /mnt/u/home /mnt/other/link; do
        for d in /mnt/u/listed /mnt/u/listed/in /mnt/u /mnt/u/home /mnt/other; do t $d; done; done
      cd /mnt/u/listed; HOME=/mnt/u/home $tool exec $image sh -c 'cat ~/key; echo ~'
      """,
      devices: """
        mount --bind \(fixture.directory.path)/fuse-device /dev/fuse; mount -t tmpfs x /mnt; chmod 777 /mnt
        sed 's|^\\(nobody:[^/]*\\)/nonexistent|\\1/mnt/u/listed|' /etc/passwd > /mnt/passwd; mount --bind /mnt/passwd /etc/passwd
        """)
    let each = "/\n/mnt/u/listed/in\n/\n/mnt/u/home\nkey\n/mnt/other\n"
    #expect(answer.text == each + each + "key\n/mnt/u/listed\n", "\(answer.text) \(answer.errors)")
  }

  /// The container's list of users has no entries that HOME made up, and those of the image, or a note.
  @Test func theListOfUsers() throws {
    let answer = try fixture.ordinary(
      #"""
      for home in "$(printf '/x\nroot2::0:0::/:/bin/sh')" /a:b "$(printf '/a\tb')"; do
        HOME=$home siftool exec plain.sif true; echo $?; HOME=$home siftool exec --contain plain.sif true; echo $?; done
      HOME=/nonexistent siftool exec big.sif sh -c 'grep -c . /etc/passwd; grep -c . /etc/group'
      HOME=/nonexistent siftool exec odd.sif sh -c 'grep -c . /etc/passwd'
      """#,
      devices: """
        cd \(fixture.directory.path); mount --bind fuse-device /dev/fuse
        grep -v ^nobody: /etc/passwd > users; mount --bind users /etc/passwd
        echo 'passwd: files' > switch; mount --bind switch /etc/nsswitch.conf
        yes 'a:x:9:9::/:/bin/sh' | head -c 1100000 > rootfs/etc/passwd
        \(Fixture.siftool) pack rootfs big.sif --plain --arch amd64; rm rootfs/etc/passwd; mkdir rootfs/etc/passwd
        \(Fixture.siftool) pack rootfs odd.sif --plain --arch amd64; chmod 644 *.sif
        """)
    #expect(answer.text.hasPrefix("64\n64\n64\n64\n64\n64\n1\n3\n"), "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("siftool: /etc/passwd of the image is longer than 1 MiB;")
        && answer.errors.contains("siftool: /etc/passwd of the image is not a regular file;")
        && answer.errors.contains(#"/x\nroot2::0:0::/:/bin/sh has a colon or a control character"#),
      "\(answer.errors)")
  }
}
