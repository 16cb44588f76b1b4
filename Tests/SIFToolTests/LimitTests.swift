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

  private func inMachine(_ script: String) throws -> ToolAnswer {
    let prologue = """
      cd \(fixture.directory.path); export TMPDIR=/run/tmp PATH=$PWD:$PATH; top=/sys/fs/cgroup; i=$PWD/plain.sif
      mount -t cgroup2 none $top; chmod 666 /dev/fuse; touch $TMPDIR/none; chmod 777 $TMPDIR
      t() { siftool exec "$@" 2> $TMPDIR/errors; s=$?; [ $s = 0 ] || echo "status $s"; sed 's/^/! /' $TMPDIR/errors; }
      left() { for n in $(seq 100); do n=$(find $top -name 'siftool-*' | wc -l).$(pgrep -x "siftool|sleep" | wc -l)
        [ $n = 0.0 ] && break; sleep 0.1; done; echo "left $n"; }
      toml() { cat > $TMPDIR/l.toml; }

      """
    try fixture.directory.write("script", Array((prologue + script).utf8))
    return try Tool.run([
      "\(Fixture.root)/Scripts/run-in-vm.sh", "--share", fixture.directory.path, "--seconds", "900", "bash",
      fixture.directory.file("script"),
    ])
  }

  /// What the kernel is told, what it does, and that the program can neither change its group nor see another.
  @Test func limitsHold() throws {
    let answer = try inMachine(
      """
      for o in "" "--pid --net" "--userns"; do
        t $o --memory 64m --memory-reservation 1.5M --memory-swap 96M --pids-limit 20 --cpus 0.5 --cpu-shares 1024 --cpuset-cpus 0 \\
          --cpuset-mems 0 --blkio-weight 100 $i sh -c "cd /sys/fs/cgroup; cat memory.max memory.low memory.swap.max pids.max cpu.max cpu.weight \\
            cpuset.cpus cpuset.mems io.weight | tr '\\n' ' '; cat pids.current; ls -d */ 2>&1 | grep -c siftool
            echo 5 > pids.max; mkdir x; echo \\$\\$ > cgroup.procs; i=0; while [ \\$i -lt 20000 ]; do i=\\$((i + 1)); done
            grep -c 'nr_throttled [1-9]' cpu.stat" 2>&1 | sed "s/^! //"; left; done
      t --memory 32m $i sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1; echo survived'
      t --memory 32m $i sh -c 'exec dd if=/dev/zero of=/dev/null bs=64M count=1'; left
      t --pids-limit 12 $i sh -c 'b() { b | b; }; b 2> /dev/null; grep -c "max [1-9]" /sys/fs/cgroup/pids.events'; left
      t --pids-limit 3 $i sh -c 'sleep 60 & sleep 60 & sleep 60 & echo never'; left
      t --pids-limit 9 $i sh -c '(trap "" TERM; sleep 60) & echo gone'; left
      for n in 11 22; do
        siftool exec --pids-limit $n $i sh -c "touch /tmp/on$n; while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /sys/fs/cgroup/pids.max" >> $TMPDIR/both & done
      while [ ! -e /tmp/on11 ] || [ ! -e /tmp/on22 ]; do sleep 0.1; done; cat $top/siftool-*/pids.max | sort
      touch /tmp/go; wait; sort $TMPDIR/both; left; cat $top/cgroup.subtree_control
      """)
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

        """, "\(answer.text) \(answer.errors)")
  }

  /// Files of limits, also for block devices and for rules about devices; and what cannot be set as it is asked for.
  @Test func filesAndRefusals() throws {
    let answer = try inMachine(
      """
      truncate -s 1M $TMPDIR/disk; loop=$(losetup -f --show $TMPDIR/disk); n=$(stat -c '%Hr %Lr' $loop); set -- $n
      { printf '[pids]\\nlimit = 33\\n[unified]\\n"memory.high" = "134217728"\\n'
        for k in ReadBps WriteBps ReadIOPS WriteIOPS; do
          printf '[[blockIO.throttle%sDevice]]\\nmajor = %s\\nminor = %s\\nrate = 1048576\\n' $k $1 $2; done; } | toml
      t --apply-cgroups $TMPDIR/l.toml $i sh -c 'cd /sys/fs/cgroup; cat pids.max memory.high; cut -d" " -f2- io.max'
      siftool exec --blkio-weight-device $loop:500 $i cat /sys/fs/cgroup/io.weight 2>&1 | grep -cE "default 100|for io.*weight"
      deny() { printf '[[devices]]\\nallow = %s\\naccess = "%s"\\n' $1 $2; [ -z "$3" ] || printf 'type = "c"\\nmajor = 1\\nminor = %s\\n' $3; }
      { deny false rwm; deny true rw 3; deny true r 5; deny true rwm 8; deny false w 8; deny false rwm 9; deny true r 9; } | toml
      try='cd /dev; for d in null zero random urandom full; do for m in "<" ">" "<>"; do eval "true $m $d" 2> /dev/null && printf y || printf n; done; printf " "; done; echo'
      for o in "" --pid "--userns --fuse"; do t $o --apply-cgroups $TMPDIR/l.toml $i sh -c "$try"; done; t $i sh -c "$try"
      make='for n in 3 8; do mknod /tmp/node$n c 1 $n 2> /dev/null && echo made; rm -f /tmp/node$n; done'
      { deny true rwm; deny false m 8; } | toml; t --add-caps MKNOD $i sh -c "$make"; t --add-caps MKNOD --apply-cgroups $TMPDIR/l.toml $i sh -c "$make"
      left
      t --cpuset-cpus 5 $i echo ran; t --cpuset-cpus 0-3 $i echo ran; t --cpuset-mems 3 $i echo ran
      printf '[unified]\\n"memory.max" = "much"\\n' | toml; t --apply-cgroups $TMPDIR/l.toml $i echo ran
      printf '[unified]\\n"memory.nothing" = "1"\\n' | toml; t --apply-cgroups $TMPDIR/l.toml $i echo ran
      printf '[unified]\\n"nothing.max" = "1"\\n' | toml; t --apply-cgroups $TMPDIR/l.toml $i echo ran
      printf '[[hugepageLimits]]\\npageSize = "3MB"\\nlimit = 1\\n' | toml; t --apply-cgroups $TMPDIR/l.toml $i echo ran
      printf '[[blockIO.throttleReadBpsDevice]]\\nmajor = 200\\nminor = 1\\nrate = 1\\n' | toml; t --apply-cgroups $TMPDIR/l.toml $i echo ran
      left; t --pids-limit 1 $i nothing; t --pids-limit 1 --pid $i nothing; left
      """)
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
        ! siftool: the options' limits: cpu.cpus: the kernel does not take "5" for cpuset.cpus: Numerical result out of range
        status 7
        ! siftool: the options' limits: cpu.cpus: the kernel does not take "0-3" for cpuset.cpus: Numerical result out of range
        status 7
        ! siftool: the options' limits: cpu.mems: the kernel does not take "3" for cpuset.mems: Invalid argument
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
    let answer = try inMachine(
      """
      for o in "" --pid --userns; do for n in 0 1 2 3 4 5; do
        siftool exec $o --memory 99m --pids-limit 9 $i sleep 99 2> /dev/null & sleep 0.${n}; kill -9 $!
        wait $! 2> /dev/null; left; done; done | sort | uniq -c | tr -s ' '
      for s in TERM HUP; do siftool exec --pids-limit 9 $i sh -c "trap 'exit 42' $s; touch /tmp/on; while :; do sleep 0.1; done" &
        while [ ! -e /tmp/on ]; do sleep 0.1; done; rm /tmp/on; kill -$s $!; wait $!; echo $?; left; done
      siftool exec --pids-limit 9 $i sh -c 'touch /tmp/on; sleep 99' & p=$!; while [ ! -e /tmp/on ]; do sleep 0.1; done
      # The guardian has no parent of ours; then the program, and then siftool itself.
      kill -9 $(pgrep -x -P 1 siftool); sleep 0.3; cat $top/siftool-*/pids.max; pkill -x sleep; wait $p; echo $?; left
      """)
    #expect(
      answer.text == " 18 left 0.0\n42\nleft 0.0\n42\nleft 0.0\n9\n143\nleft 0.0\n",
      "\(answer.text) \(answer.errors)")
  }

  /// Without privilege: in a group of one's own, alone in it or not; and what to do where there is none.
  @Test func ordinaryUsers() throws {
    let answer = try inMachine(
      """
      echo "+memory +pids" > $top/cgroup.subtree_control; mkdir -p $top/user/session $top/alone $top/apart/session
      echo "+memory +pids" > $top/user/cgroup.subtree_control; echo "+memory +pids" > $top/apart/cgroup.subtree_control
      chown -R 65534:65534 $top/user $top/alone $top/apart/session
      as() { g=$1; shift; (echo $BASHPID > $top/$g/cgroup.procs; setpriv --reuid=65534 --regid=65534 --clear-groups "$@"); }
      x="siftool exec --memory 64m --pids-limit 7"; see='cd /sys/fs/cgroup; cat memory.max pids.max; sed "s/-.*//" /proc/self/cgroup; touch memory.max'
      for o in "" --pid; do
        as user/session sh -c "$x $o $i sh -c '$see'; $x $i true; echo \\$?" 2>&1; left
        (echo $BASHPID > $top/alone/cgroup.procs; exec setpriv --reuid=65534 --regid=65534 --clear-groups $x $o $i sh -c "$see") 2>&1; left
        find $top/alone | grep -c siftool; cat $top/alone/cgroup.subtree_control; done
      as apart/session sh -c "$x $i echo ran; echo \\$?" 2>&1 | sed 's/(.*//'; as alone sh -c "true; $x $i echo ran; echo \\$?" 2>&1
      mkdir $top/none; as none sh -c "$x $i echo ran; echo \\$?" 2>&1 | sed 's/(.*//'
      printf '[[devices]]\\nallow = false\\naccess = "rwm"\\n' | toml
      as user/session siftool exec --apply-cgroups $TMPDIR/l.toml $i echo ran 2>&1 | sed 's/ (.*//'
      for n in 0 1 2 3; do (echo $BASHPID > $top/alone/cgroup.procs; exec setpriv --reuid=65534 --regid=65534 --clear-groups $x $i sleep 99) 2> /dev/null &
        sleep 0.$((n * 2)); kill -9 $!; wait $! 2> /dev/null; left; done | sort | uniq -c | tr -s ' '
      """)
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
    let help =
      "siftool: resource limits need a control group of your own: start it as `systemd-run --user --scope -p Delegate=yes siftool …` "
    #expect(
      answer.text == own + own + """
        \(help)
        7
        \(help)(there are processes in /sys/fs/cgroup/alone)
        7
        \(help)
        7
        siftool: rules for devices are root's to set
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
      "bad.toml: memory.limit: this has to be above 0", "cpu.cpus: this has to be a list",
      "/dev/null is no block device",
      "--apply-cgroups and options for single limits exclude each other", "and the system has none mounted",
    ] { #expect(answer.errors.contains(part), "\(answer.errors)") }
  }
}
