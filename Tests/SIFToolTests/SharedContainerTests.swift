import TestSupport
import Testing

/// `--sharens`: one container for the programs of one parent.
@Suite struct SharedContainerTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func both(_ script: String) throws -> [ToolAnswer] {
    let whole =
      "export APPTAINER_CONFIGDIR=$PWD/work/c-$(id -u) APPTAINERENV_DIR=$PWD; mkdir -m 700 $APPTAINER_CONFIGDIR; cd work; \(script)"
    return [try fixture.ordinary(whole), try fixture.root(whole)]
  }

  /// Of programs that start at once, one makes the container; it is gone with the last of them.
  @Test func oneForAll() throws {
    for answer in try both(
      """
      cat > inside-$(id -u) <<'E'
      ls -l /proc/self/ns | sed -n 's/.* \\(user\\|mnt\\|pid\\) -> /\\1 /p' | tr '\\n' ' '; touch here-$1; until [ -e go ]; do sleep 0.1; done; echo; exit $1
      E
      rm -f go here-*
      for i in 1 2 3 4 5 6; do siftool exec --sharens ../plain.sif sh inside-$(id -u) $i > out-$i & eval p$i=$!; done
      for i in 1 2 3 4 5 6; do while [ ! -e here-$i ]; do sleep 0.1; done; done
      siftool instance list | wc -l; siftool instance list --all | sed -n '2s/_.*//p'; siftool instance list --all | wc -l
      touch go; for i in 1 2 3 4 5 6; do eval wait \\$p$i; printf '%s ' $?; done; echo; sort -u out-* | wc -l
      for i in $(seq 200); do [ -z "$(find $APPTAINER_CONFIGDIR -type f)" ] && break; sleep 0.1; done; find $APPTAINER_CONFIGDIR -type f; siftool instance list --all | wc -l
      siftool exec --sharens ../plain.sif sh -c 'exit 9'; echo $?; rm -f out-*
      """)
    {
      let lines = answer.text.split(separator: "\n").map(String.init)
      #expect(lines.count == 7 && lines[0] == "1" && lines[1] == "sharens", "\(answer.text) \(answer.errors)")
      #expect(lines.suffix(4) == ["1 2 3 4 5 6 ", "1", "1", "9"], "\(answer.text) \(answer.errors)")
    }
    #expect(try fixture.leftovers() == "\n")
  }

  /// Whatever process is killed, nothing is left, and the next program gets a container.
  @Test(arguments: ["keeper", "master", "first", "member"]) func killed(victim: String) throws {
    for answer in try both(
      """
      siftool exec --sharens ../plain.sif sleep 300 & member=$!
      for i in $(seq 300); do first=$(siftool instance list --all | awk 'NR == 2 { print $2 }'); [ -n "$first" ] && [ -n "$(pgrep -g $(ps -o pgid= $member) -x sleep)" ] && break; sleep 0.1; done
      master=$(awk '{ print $4 }' /proc/$first/stat); keeper=$(awk '/^PPid/ { print $2 }' /proc/$master/status)
      kill -9 $\(victim); wait $member; echo $?
      for p in $first $master $keeper; do for i in $(seq 100); do grep -qs '^State:.[^Z]' /proc/$p/status || break; sleep 0.1; done; grep -s '^State:.[^Z]' /proc/$p/status; done
      siftool exec --sharens ../plain.sif sh -c 'exit 5'; echo $?
      """)
    { #expect(answer.text == "137\n5\n", "\(answer.text) \(answer.errors)") }
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func anotherImage() throws {
    for answer in try both(
      """
      cp ../plain.sif other.sif; siftool exec --sharens ../plain.sif sh -c ': > here; sleep 20' & while [ ! -e here ]; do sleep 0.1; done
      siftool exec --sharens other.sif true; echo $?; kill $!; wait; rm -f here; siftool instance start --sharens ../plain.sif x; echo $?
      """)
    {
      #expect(answer.text == "1\n64\n", "\(answer.text) \(answer.errors)")
      #expect(answer.errors.contains("runs from another image"), "\(answer.errors)")
    }
  }

  /// Ranks of Open MPI read each other's memory, also without the caller's files and variables.
  @Test func ranks() throws {
    try Tool.check(["mpicc", "-O2", "-o", "\(fixture.directory.path)/ranks", Fixture.script("ranks.c")])
    let script = """
      run() { mpirun $root --oversubscribe -np 2 siftool exec "$@" --bind /usr:/usr:ro --bind /lib:/lib:ro --bind /lib64:/lib64:ro \\
        --bind /etc/openmpi:/etc/openmpi:ro --bind $PWD/../ranks:/ranks ../plain.sif /ranks 2>> errors-$(id -u) | sort; }
      run --sharens; run --sharens --contain --bind /tmp
      """
    let expected = "rank 0 of 2 read 101\nrank 1 of 2 read 100\n"
    for answer in try both("[ $(id -u) = 0 ] && root=--allow-run-as-root; \(script)") {
      #expect(answer.text == expected + expected, "\(answer.text) \(answer.errors)")
    }
    #expect(try fixture.leftovers() == "\n")
  }

  /// Descriptors and variables of launchers reach the program, as in the runtimes: variables not with --cleanenv.
  @Test func launchers() throws {
    for answer in try both(
      """
      export PMI_FD=7 PMI_RANK=3 PMIX_RANK=3 SLURM_PROCID=3
      for o in '' --contain --sharens '--sharens --contain' --cleanenv --containall; do
        siftool exec $o ../plain.sif sh -c 'echo $PMI_FD $PMI_RANK $PMIX_RANK $SLURM_PROCID $(cat <&7)' 7<<E
      message
      E
      done
      """)
    {
      let passed = String(repeating: "7 3 3 3 message\n", count: 4)
      #expect(answer.text == "\(passed)message\nmessage\n", "\(answer.text) \(answer.errors)")
    }
  }
}

/// `--boot`, `--nvccli` and `--fusemount`.
@Suite struct SpecialStartTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The image's init is the first process of an instance, which has a network and a name of its own.
  @Test func boot() throws {
    let answer = try fixture.root(
      """
      mkdir -p rootfs/sbin; printf '#!/bin/sh\\necho "$$ $(hostname)" > /run/first; trap "exit 0" INT; while :; do sleep 0.1; done\\n' > rootfs/sbin/init
      chmod 755 rootfs/sbin/init; mkdir -p rootfs/run; siftool pack rootfs boot.sif --plain --arch amd64 --quiet; export APPTAINER_CONFIGDIR=$PWD/c
      siftool instance start --boot --writable-tmpfs boot.sif machine 2> /dev/null; echo $?
      siftool exec instance://machine sh -c 'until [ -s /run/first ]; do sleep 0.1; done; cat /run/first; ip -o link | wc -l; tr "\\0" " " < /proc/1/cmdline; echo'
      siftool instance stop -t 60 machine 2>&1 | grep -c killing; siftool instance list | wc -l
      siftool instance start --boot --userns boot.sif machine 2> /dev/null; echo $?
      siftool instance start --boot plain.sif machine; echo $?; siftool instance list | wc -l
      """)
    #expect(
      answer.text == "0\n1 machine\n1\n/bin/sh /sbin/init \n0\n1\n64\n1\n1\n",
      "\(answer.text) \(answer.errors)")
    let ordinary = try fixture.ordinary("siftool instance start --boot plain.sif x; echo $?")
    #expect(ordinary.text == "64\n" && ordinary.errors.contains("only root can"), "\(ordinary.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// A stand-in for NVIDIA's program, which shows how it is called, and writes into the root as that one does.
  @Test func nvidiaProgram() throws {
    let script = """
      mkdir -p tools-$(id -u); cat > tools-$(id -u)/nvidia-container-cli <<'E'
      #!/bin/sh
      for last; do :; done
      echo "$@" | sed "s,$last,ROOT,; s,@[^ ]*,@LDCONFIG," > $last/called || exit
      [ "$NVIDIA_VISIBLE_DEVICES" != broken ] || { echo "no such device" >&2; exit 3; }
      E
      chmod 755 tools-$(id -u)/nvidia-container-cli; export PATH=$PWD/tools-$(id -u):$PATH
      siftool exec --nvccli ../plain.sif cat /called
      NVIDIA_VISIBLE_DEVICES=0,1 NVIDIA_DRIVER_CAPABILITIES=video,compute NVIDIA_REQUIRE_CUDA='cuda>=11' siftool exec --contain --nvccli ../plain.sif cat /called
      siftool exec --contain --nvccli ../plain.sif cat /called
      NVIDIA_DRIVER_CAPABILITIES=magic siftool exec --nvccli ../plain.sif true; echo $?
      NVIDIA_VISIBLE_DEVICES=broken siftool exec --contain --nvccli ../plain.sif true; echo $?
      rm tools-$(id -u)/nvidia-container-cli; siftool exec --nvccli ../plain.sif true; echo $?
      """
    for (answer, user) in [
      (try fixture.ordinary("cd work; \(script)"), "--user "), (try fixture.root("cd work; \(script)"), ""),
    ] {
      let start = "\(user)configure --no-cgroups"
      #expect(
        answer.text == """
          \(start) --device=all --compute --utility --ldconfig=@LDCONFIG ROOT
          \(start) --device=0,1 --compute --video --require=cuda>=11 --ldconfig=@LDCONFIG ROOT
          \(start) --compute --utility --ldconfig=@LDCONFIG ROOT
          64
          7
          1

          """, "\(answer.text) \(answer.errors)")
      #expect(
        answer.errors.contains("magic") && answer.errors.contains("no such device")
          && answer.errors.contains("which the host does not have"), "\(answer.errors)")
    }
  }

  @Test func fuseMount() throws {
    let answer = try fixture.ordinary(
      "siftool exec --fusemount 'host:sshfs a:/ /mnt' plain.sif true; echo $?")
    #expect(answer.text == "64\n" && answer.errors.contains("bind the directory"), "\(answer.errors)")
  }
}
