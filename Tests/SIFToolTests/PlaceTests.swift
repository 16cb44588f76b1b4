import TestSupport
import Testing

/// The home, work and scratch directories of a container, and the mounts that it does without; as nobody and as root.
@Suite struct PlaceTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Runs a script in a directory of the user's own, with `t` for `siftool exec` and its status.
  private func run(_ script: String, isRoot: Bool) throws -> ToolAnswer {
    let all = """
      mkdir -p work/mine; cd work/mine; i=../../plain.sif; d=$PWD; umask 027
      t() { siftool exec "$@"; echo "= $?"; }
      \(script)
      """
    return isRoot ? try fixture.root(all) : try fixture.ordinary(all)
  }

  // MARK: Home

  @Test(arguments: [false, true]) func homes(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir h; echo f > h/file; touch h/other; show='echo $HOME; cat $HOME/file; grep -c ":$HOME:" /etc/passwd'
      t --home $d/h $i sh -c "$show" | sed "s,$d,D,"; t -H $d/h:/home/me $i sh -c "$show; cd; pwd"
      t --contain -H$d/h:/home/me $i sh -c 'cat ~/file; pwd; echo w > ~/new'; cat h/new
      t --fakeroot -H $d/h:/home/me $i sh -c 'echo $HOME; cat ~/file' 2> /dev/null
      t --no-home -H $d/h:/home/me $i sh -c 'echo $HOME; ls /home/me 2>&1 | grep -c such'
      t --no-mount home -H $d/h:/home/me $i sh -c 'echo $HOME; ls /home/me 2>&1 | grep -c such'
      t -H $d/h:/home/me -B h/file:/home/me/other $i cat /home/me/other
      APPTAINER_HOME=$d/h:/home/a SINGULARITY_HOME=$d/h:/home/s t $i sh -c 'echo $HOME'; SINGULARITY_HOME=$d/h:/home/s t -H $d/h:/x $i sh -c 'echo $HOME'
      t --home= $i true; t --home '' $i true
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        D/h
        f
        1
        = 0
        /home/me
        f
        1
        /home/me
        = 0
        f
        /home/me
        = 0
        w
        /home/me
        f
        = 0
        /home/me
        1
        = 0
        /home/me
        1
        = 0
        f
        = 0
        /home/a
        = 0
        /x
        = 0
        = 0
        = 0

        """, "\(answer.text) \(answer.errors)")
    let wrong = try run(
      """
      for h in rel rel:/abs $d/h:rel $d/h:/ $d/h:/a:/b $d/h:/../x : $d/h: $d/h/file $d/nothing; do t --home $h $i true; done
      t -H $d/h --home $d/h $i true; SINGULARITY_HOME=rel t $i true
      """, isRoot: isRoot)
    #expect(
      wrong.text == String(repeating: "= 64\n", count: 9) + "= 7\n= 64\n= 64\n",
      "\(wrong.text) \(wrong.errors)")
    for sentence in [
      "siftool: --home: a home has to be an absolute path, not rel\n",
      "/work/mine/h/file cannot be the home: it is not a directory\n",
      "/work/mine/nothing cannot be the home: No such file or directory\n",
      "not rel (--home is from SINGULARITY_HOME)\n",
    ] { #expect(wrong.errors.contains(sentence), "\(sentence) \(wrong.errors)") }
  }

  /// A home cannot cover the image's root, and the image cannot send it elsewhere.
  @Test(arguments: [false, true]) func homesAndLinksOfTheImage(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir h; echo f > h/file; ln -s ../../../../../../etc h/link
      t -H $d/h:/var $i sh -c 'cat /etc/file; cat /var/file'; t -H $d/h:/loop $i true 2> /dev/null; t -H $d/h:/opt/me $i cat /opt/me/file
      t -H $d/h/link:/home/me $i sh -c 'ls /home/me | grep -c resolv'
      """, isRoot: isRoot)
    #expect(
      answer.text == "f\nf\n= 0\n= 0\nf\n= 0\n1\n= 0\n",
      "\(answer.text) \(answer.errors)")
  }

  // MARK: Work and scratch directories

  @Test(arguments: [false, true]) func workDirectories(isRoot: Bool) throws {
    let answer = try run(
      """
      mkdir w; write='echo 1 > /tmp/a; echo 2 > /var/tmp/b; echo 3 > /scr/c; echo 4 > /data/deep/d; echo 5 > ~/e'
      t -c -W $d/w -S /scr,/data/deep $i sh -c "$write"
      cat w/tmp/a w/var_tmp/b w/scratch/scr/c w/scratch/data/deep/d w/home/e; stat -c %a w/tmp w/var_tmp w/home w/scratch/scr | tr '\\n' ' '
      t --contain --workdir w --scratch=/scr $i cat /scr/c /tmp/a; t -C -W $d/w -S /tmp -S /var/tmp $i sh -c 'ls /tmp; echo 6 > /tmp/f'; cat w/scratch/tmp/f
      t -W $d/w $i sh -c 'grep -c " /tmp .*siftool" /proc/mounts'; t -W w -S /scr $i cat /scr/c
      t -c -W w -B $d/w/tmp/a:/tmp/new/deep -B $d/w:/tmp/dir $i sh -c 'cat /tmp/new/deep; ls /tmp/dir'
      t -S /scr,/scr -S '' -S /scr/in $i sh -c 'echo x > /scr/y; echo x > /scr/in/y; find /scr -type f | sort; stat -c %a /scr'
      SINGULARITY_WORKDIR=$d/w APPTAINER_SCRATCH=/scr SINGULARITY_CONTAIN=1 t $i cat /scr/c /tmp/a; t --workdir= -S= $i true
      t -c -w -S /scr $d/w true 2> /dev/null
      """, isRoot: isRoot)
    #expect(
      answer.text == """
        = 0
        1
        2
        3
        4
        5
        1777 1777 700 750 3
        1
        = 0
        = 0
        6
        0
        = 1
        3
        = 0
        1
        home
        scratch
        tmp
        var_tmp
        = 0
        /scr/in/y
        /scr/y
        755
        = 0
        3
        1
        = 0
        = 0
        = 64

        """, "\(answer.text) \(answer.errors)")
    let wrong = try run(
      """
      for s in rel /a/../b / /var/.. ; do t -S $s $i true; done; t -c -W $d/nothing $i true; t -c -W $i $i true; t -W $d/w -W $d/w $i true
      mkdir x secret; ln -s ../secret x/tmp; ln -s secret x/scratch; t -c -W $d/x $i true; rm x/tmp; t -c -W x -S /a $i true; ls secret
      """, isRoot: isRoot)
    #expect(
      wrong.text == "= 64\n= 64\n= 64\n= 64\n= 7\n= 7\n= 64\n= 7\n= 7\n", "\(wrong.text) \(wrong.errors)")
    #expect(wrong.errors.contains("/x/tmp cannot be used: "), "\(wrong.errors)")
  }

  // MARK: Mounts to leave out

  @Test(arguments: [false, true]) func omittedMounts(isRoot: Bool) throws {
    let answer = try run(
      """
      n() { siftool exec "$@" $i sh -c 'ls /proc /sys /dev 2> /dev/null | grep -c .'; }; m() { o=$1; shift; siftool exec "$@" $i grep -c " $o " /proc/mounts; }
      n --no-mount proc,sys,dev; n -c --no-mount 'proc, sys' --no-mount dev; m /tmp; m /tmp --no-mount tmp; m /dev/pts -c; m /dev/pts -c --no-mount devpts
      m /etc/hosts; m /etc/hosts --no-mount bind-paths; m /etc/hosts --no-mount /etc//hosts; m /etc/resolv.conf --no-mount bind-paths; m /etc/resolv.conf --no-mount /etc/resolv.conf
      m $d --no-mount tmp; m $d --no-mount cwd,tmp 2> /dev/null; t --no-mount hostfs $i true; t --no-mount '' --no-mount , --no-mount tmp --no-mount tmp $i true
      t --no-mount tmp,temp $i true; APPTAINER_NO_MOUNT=tmp m /tmp; SINGULARITY_NO_MOUNT=x t $i true; m /tmp --no-mount tmp -S /tmp
      """, isRoot: isRoot)
    #expect(
      answer.text == "0\n0\n1\n0\n1\n0\n1\n0\n0\n1\n0\n1\n0\n= 0\n= 0\n= 64\n0\n= 64\n1\n",
      "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains(
        "--no-mount: \"temp\" is neither an absolute path nor one of proc, sys, dev, devpts, home, tmp, hostfs, cwd, bind-paths\n"
      ), "\(answer.errors)")
  }

  /// The directory in /run is shown, so that a file that replaces the other one is seen.
  @Test(arguments: [false, true]) func nameServersInRun(isRoot: Bool) throws {
    let path = fixture.directory.path
    let prepare = """
      cd \(path); mkdir -p etc run/resolver/sub; cp /etc/passwd /etc/group /etc/nsswitch.conf etc/; [ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache etc/
      ln -s ../run/resolver/resolv.conf etc/resolv.conf; echo first > run/resolver/resolv.conf; chmod -R a+rX etc run; chmod 777 run/resolver
      mount --bind etc /etc; mount --bind run /run
      """
    let script = """
      cat > script <<'END'
      cat /etc/resolv.conf; echo second > $1/new; mv $1/new $1/resolv.conf; cat /etc/resolv.conf; echo first > $1/resolv.conf
      END
      e="siftool exec -B \(path):/here"
      for o in "" --underlay --writable-tmpfs; do $e $o plain.sif sh /here/work/script /here/run/resolver; done
      $e --bind /run/resolver:/run plain.sif cat /etc/resolv.conf; $e --no-mount /etc/resolv.conf plain.sif ls /etc/resolv.conf 2> /dev/null; echo $?
      """
    let answer =
      isRoot
      ? try Tool.run([
        "unshare", "-m", "sh", "-c", "\(prepare); cd work; ln -s ../*.sif .; PATH=${0%/*}:$PATH; \(script)",
        Fixture.siftool,
      ])
      : try fixture.ordinary(
        "cd work; ln -s ../*.sif .; \(script)",
        devices: "mount --bind \(path)/fuse-device /dev/fuse; \(prepare)")
    #expect(
      answer.text == String(repeating: "first\nsecond\n", count: 3) + "first\n1\n",
      "\(answer.text) \(answer.errors)")
  }
}
