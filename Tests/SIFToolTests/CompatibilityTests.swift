import TestSupport
import Testing

/// Options of the runtimes that change a default a little, and the variables that stand for options.
@Suite struct CompatibilityTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func run(_ script: String, isRoot: Bool) throws -> ToolAnswer {
    let all = """
      mkdir -p work/mine; cd work/mine; i=../../plain.sif; d=$PWD; umask 077
      t() { siftool exec "$@"; echo "= $?"; }
      \(script)
      """
    return isRoot ? try fixture.root(all) : try fixture.ordinary(all)
  }

  @Test(arguments: [false, true]) func compat(isRoot: Bool) throws {
    let answer = try run(
      """
      show='echo x > /new && cat /new; umask; ls /tmp; echo "$X|$Y"; ls /proc | grep -c "^[0-9]*$"'
      few() { siftool exec "$@" | tail -n 1 | sed 's/^[1-9]$/few/; s/^[0-9][0-9]*$/many/'; }
      X=host SINGULARITYENV_Y='$HOME' siftool exec --compat $i sh -c "$show" | head -n 3; few --compat $i sh -c "$show"; few --compat --no-pid $i sh -c "$show"; few -C --no-pid $i sh -c "$show"
      mkdir over; t --compat -o over $i sh -c 'echo y > /new'; cat over/upper/new; t --compat -o over:ro $i sh -c 'cat /new; echo z > /new; cat /new'; cat over/upper/new
      t --no-umask $i sh -c umask; t $i sh -c umask; SINGULARITY_NO_UMASK=true t $i sh -c umask; APPTAINER_NO_UMASK=0 t $i sh -c umask
      t --no-init --no-compat --sif-fuse --disable-cache --no-setgroups --no-init $i true; t --compat --underlay $i true
      """, isRoot: isRoot)
    #expect(
      answer.text
        == """
        x
        0022
        |$HOME
        few
        many
        many
        = 0
        y
        y
        z
        = 0
        y
        0022
        = 0
        0077
        = 0
        0022
        = 0
        0077
        = 0
        = 0
        = 0

        """, "\(answer.text) \(answer.errors)")
  }

  @Test(arguments: [false, true]) func otherSpellings(isRoot: Bool) throws {
    let answer = try run(
      """
      t --cwd /bin $i pwd; t --pwd= $i pwd | sed "s,$d,D,"; t --cwd / --pwd / $i true; SINGULARITY_PWD=/etc APPTAINER_TARGET_CWD=/bin t $i pwd
      t --contain=true $i sh -c 'ls /tmp | wc -l'; t --contain=false --pid=0 $i true; t --contain=maybe $i true; t --bind= -B '' $i true
      siftool shell -s /bin/ash $i -c 'echo "$0|$SINGULARITY_SHELL|$APPTAINER_SHELL"'; siftool shell --shell ash $i -c 'echo $0'; SINGULARITY_SHELL=/bin/ash siftool shell $i -c 'echo $0'
      siftool shell --shell= $i -c 'echo $0'; siftool shell -s nothing $i; echo $?; t -s /bin/sh $i true
      t --oom-kill-disable $i true; t --tmp-sandbox --no-tmp-sandbox $i true; t --unsquash --no-tmp-sandbox $i true; t --tmpdir rel $i true; t --runscript-timeout 5 $i true
      mkdir tmp; t --tmp-sandbox --tmpdir $d/tmp $i cat /bin/data 2> notes; grep -c "into $d/tmp/" notes; t --unsquash --tmpdir $d/nothing $i true; t --no-tmp-sandbox $i true
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        /bin
        = 0
        D
        = 0
        = 64
        /bin
        = 0
        0
        = 0
        = 0
        = 64
        = 0
        /bin/ash|/bin/ash|/bin/ash
        ash
        /bin/ash
        /bin/sh
        127
        = 64
        = 64
        = 64
        = 64
        = 64
        = 64
        data
        = 0
        1
        = 7
        = 0

        """, "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("--oom-kill-disable needs control groups of version 1"), "\(answer.errors)")
  }

  /// Without a device for mounts, and without the fallback.
  @Test func neverUnpacks() throws {
    let answer = try fixture.ordinary(
      "siftool exec plain.sif cat /bin/data; siftool exec --no-tmp-sandbox plain.sif true; echo $?; SINGULARITY_NO_TMP_SANDBOX=1 siftool exec plain.sif true; echo $?",
      devices: OrdinaryUser.closedFuse(in: fixture.directory))
    #expect(answer.text == "data\n7\n7\n", "\(answer.text) \(answer.errors)")
  }

  /// A variable for each kind of option, in every command that starts a container.
  @Test(arguments: [false, true]) func variables(isRoot: Bool) throws {
    let answer = try run(
      """
      echo A=file > env; export APPTAINER_ENV_FILE=$d/env,$d/env SINGULARITY_CLEANENV=1 SINGULARITY_PID=true APPTAINER_HOSTNAME=name APPTAINER_PWD=/bin
      echo "shell: $(siftool shell $i -c 'echo "$A|$$|$(hostname)|$PWD"' 2> /dev/null)"
      for c in exec run; do echo "$c: $(siftool $c $i sh -c 'echo "$A|$$|$(hostname)|$PWD"' 2>&1 | tail -n 1)"; done
      unset APPTAINER_HOSTNAME SINGULARITY_PID; mkdir o; echo o > o/f; SINGULARITY_OVERLAY=$d/o:ro t $i cat /f; SINGULARITY_OVERLAY=$d/o:ro t -o $d $i true 2> /dev/null
      SINGULARITY_NET=perhaps t $i true; SINGULARITY_MEMORY=much t $i true; SINGULARITY_HOSTNAME= t $i true; SINGULARITY_OOM_KILL_DISABLE=1 t $i true; SINGULARITY_OOM_KILL_DISABLE=F t $i true
      SINGULARITY_NET=perhaps siftool exec --help | head -n 1 | wc -l; SINGULARITY_NET=perhaps siftool list $i > /dev/null; echo $?
      """, isRoot: isRoot)
    #expect(
      answer.text.hasPrefix("shell: file|2|name|/bin\nexec: file|2|name|/bin\nrun: file|2|name|/bin\n"),
      "\(answer.text) \(answer.errors)")
    #expect(
      answer.text.hasSuffix("o\n= 0\n= 64\n= 64\n= 64\n= 0\n= 64\n= 0\n1\n0\n"),
      "\(answer.text) \(answer.errors)")
    for sentence in [
      "siftool: the variable SINGULARITY_NET is true or false, not \"perhaps\"\n",
      "(--memory is from SINGULARITY_MEMORY)\n",
      "(--oom-kill-disable is from SINGULARITY_OOM_KILL_DISABLE)\n",
    ] { #expect(answer.errors.contains(sentence), "\(sentence) \(answer.errors)") }
  }

  /// A script of the image that does not end.
  @Test func scriptsThatTakeTooLong() throws {
    let answer = try run(
      """
      cp -a ../../rootfs box; mkdir -p box/.singularity.d/env; echo 'A=$(sleep 60)' > box/.singularity.d/env/90-environment.sh; mkdir box/tmp
      t --runscript-timeout 100ms box echo ran; APPTAINER_RUNSCRIPT_TIMEOUT=0.2s t box echo ran
      """, isRoot: false)
    #expect(answer.text == "ran\n= 0\nran\n= 0\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("it was ended after 100ms: ")
        && answer.errors.contains("it was ended after 0.2s: "),
      "\(answer.errors)")
  }

  @Test(arguments: [false, true]) func helpOfDirectories(isRoot: Bool) throws {
    let answer = try run(
      """
      cp -a ../../rootfs box; mkdir -p box/.singularity.d box/scif/apps/one/scif; printf 'line 1\\n\\ttab\\n' > box/.singularity.d/runscript.help
      echo one > box/scif/apps/one/scif/runscript.help; siftool run-help box; siftool run-help --app one box; siftool run-help --app two box; echo $?
      ln -sf /../../../../../../etc/passwd box/.singularity.d/runscript.help; siftool run-help box | grep -c '^bin:'; rm box/.singularity.d/runscript.help
      mkdir box/.singularity.d/runscript.help; siftool run-help box; echo $?; siftool run-help --id 1 box; echo $?
      """, isRoot: isRoot)
    #expect(
      answer.text == "line 1\n\ttab\none\n0\n1\n7\n64\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("the app two has no help\n"), "\(answer.errors)")
  }
}
