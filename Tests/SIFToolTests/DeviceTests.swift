import TestSupport
import Testing

/// `--nv`, `--rocm`, `--device` and `--containlibs` with a driver made of small files, as nobody and as root.
@Suite struct DeviceTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    let path = fixture.directory.path
    try Shell.check(
      """
      cd \(path); mkdir -p host/bin host/lib cdi; echo 'int x;' > x.c
      for name in libcuda.so.1 libnvidia-ml.so.1 libdrm.so.2; do
        gcc -shared -fPIC -nostdlib -Wl,-soname,$name -o host/lib/$name x.c; done
      printf 'int main(void) { return 0; }' > m.c; printf text > host/lib/libGL.so.1
      cat > host/bin/ldconfig <<'END'
      #!/bin/sh
      echo "4 libs found in cache"
      for file in HERE/host/lib/*; do printf '\\t%s (libc6,x86-64) => %s\\n' "${file##*/}" "$file"; done
      END
      sed -i 's,HERE,\(path),; s/^ *//' host/bin/ldconfig
      printf '#!/bin/sh\\necho the GPUs\\n' > host/bin/nvidia-smi; chmod 755 host/bin/*
      cat > cdi/vendor.yaml <<'END'
      cdiVersion: "0.6.0"
      kind: vendor.com/thing
      devices:
      - name: "0"
        containerEdits:
          env: ["FROM_DEVICE=a b"]
          deviceNodes: [{path: /dev/things/thing0, hostPath: /dev/zero}]
          mounts: [{hostPath: \(path)/host/lib/libcuda.so.1, containerPath: /opt/driver/libcuda.so.570, options: [ro]}]
      END
      printf 'no JSON' > cdi/broken.json; chmod -R go+rX,go-w cdi host
      """, in: fixture.directory)
  }

  private func both(_ script: String) throws -> [ToolAnswer] {
    let whole = "PATH=$PWD/host/bin:$PATH; export PATH; \(script)"
    return [try fixture.ordinary(whole), try fixture.root(whole)]
  }

  @Test(arguments: ["", "--contain", "--containall", "--pid --writable-tmpfs"])
  func theDriver(options: String) throws {
    for answer in try both(
      """
      siftool exec --nv \(options) plain.sif sh -c '
        ls /.singularity.d/libs; nvidia-smi; head -c 4 /.singularity.d/libs/libcuda.so.1 | tail -c 3; echo
        touch /.singularity.d/libs/x 2> /dev/null || echo read-only; touch /usr/bin/nvidia-smi 2> /dev/null || echo kept'
      """)
    {
      #expect(
        answer.text == "libcuda.so.1\nlibnvidia-ml.so.1\nthe GPUs\nELF\nread-only\nkept\n",
        "\(answer.text) \(answer.errors)")
      #expect(answer.status == 0 && answer.errors.contains("no NVIDIA device was found"), "\(answer.errors)")
    }
  }

  @Test func vendorsTogetherAndNone() throws {
    for answer in try both(
      """
      siftool exec --nv --rocm plain.sif ls /.singularity.d/libs; echo; tool=$(command -v siftool)
      PATH=/usr/bin:/bin $tool exec --rocm --contain plain.sif echo on
      """)
    {
      #expect(
        answer.text == "libcuda.so.1\nlibdrm.so.2\nlibnvidia-ml.so.1\n\non\n",
        "\(answer.text) \(answer.errors)")
    }
  }

  @Test func aDeviceByItsName() throws {
    for answer in try both(
      """
      siftool exec --contain --device vendor.com/thing=0 --cdi-dirs $PWD/cdi plain.sif sh -c '
        head -c 3 /dev/things/thing0 | wc -c; echo $FROM_DEVICE; ls /opt/driver /.singularity.d/libs'
      siftool exec --device vendor.com/thing=0 --env FROM_DEVICE=mine --cdi-dirs $PWD/cdi plain.sif sh -c 'echo $FROM_DEVICE'
      siftool exec --device vendor.com/thing=1 --cdi-dirs $PWD/cdi plain.sif true; echo $?
      siftool exec --device thing=0 plain.sif true; echo $?
      """)
    {
      #expect(
        answer.text
          == "3\na b\n/.singularity.d/libs:\nlibcuda.so.1\n\n/opt/driver:\nlibcuda.so.570\nmine\n5\n64\n",
        "\(answer.text) \(answer.errors)")
      #expect(
        answer.errors.contains("broken.json") && answer.errors.contains("VENDOR/CLASS=NAME"),
        "\(answer.errors)")
    }
  }

  /// A link of the image in the place of the libraries leads nowhere outside.
  @Test(arguments: ["/tmp/sif-canary", "../../../../etc", "/proc/self/root/tmp", "libs"])
  func placesThatAreLinks(target: String) throws {
    let image = try fixture.root(
      """
      set -e; mkdir tree; cd tree; mkdir -p bin .singularity.d usr; cp /bin/busybox bin/; ln -s busybox bin/ls; cd ..
      ln -s \(target) tree/.singularity.d/libs; ln -s \(target) tree/usr/bin; rm -f hostile.sif
      siftool pack tree hostile.sif --quiet; chmod 644 hostile.sif; ls /etc > before
      """)
    try #require(image.status == 0, "\(image.errors)")
    for answer in try both(
      "siftool exec --nv hostile.sif ls /bin; ls /etc | cmp - before && ls /tmp/sif-canary 2>&1")
    {
      #expect(
        answer.text.contains("busybox\n") && answer.text.contains("No such file"),
        "\(answer.text) \(answer.errors)")
    }
  }

  @Test func moreLibraries() throws {
    for answer in try both(
      """
      siftool exec --containlibs $PWD/host/lib/libGL.so.1,$PWD/host/lib/libdrm.so.2 plain.sif ls /.singularity.d/libs
      siftool exec --containlibs $PWD/host/lib/absent.so plain.sif true; echo $?
      """)
    { #expect(answer.text == "libGL.so.1\nlibdrm.so.2\n1\n", "\(answer.text) \(answer.errors)") }
  }
}
