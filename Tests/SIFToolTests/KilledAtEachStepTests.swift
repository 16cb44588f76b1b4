import TestSupport
import Testing

/// `mount` and `exec`, ended at one step after the other, and at random moments: nothing is left, counted before and
/// after. What the kernel alone can do with device-mapper is in ``PrivilegedRuntimeTests``.
@Suite struct KilledAtEachStepTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// Runs a script of bash, as root in a mount namespace of its own whose /dev/fuse is everybody's.
  ///
  /// For the script's `left` and `step` see Tests/Scripts/killed-at-steps.sh.
  private func bash(_ script: String) throws -> ToolAnswer {
    try Tool.check(["install", "-m", "755", Fixture.siftool, fixture.directory.file("siftool")])
    try fixture.directory.write("script", ". \(Fixture.script("killed-at-steps.sh"))\n\(script)")
    return try Tool.run(
      ["timeout", "-s", "KILL", "3000", "unshare", "-m", "bash", "script"], in: fixture.directory.path)
  }

  /// Whoever of the four processes (the tool, the two of the server, the helper) gets the signal first: the mount is
  /// there, can be used and unmounted, or it is not there.
  @Test(arguments: ["KILL", "TERM", "HUP"]) func mountsThroughFUSE(signal: String) throws {
    // Processes that take the other signals when they have the time for it do not show when one of them came.
    let answer = try bash(
      #"""
      for call in clone socketpair setsid mount recvmsg sendmsg wait4 execve prctl chdir dup2 rt_sigprocmask ioctl clone3 \
        write exit_group; do
        # There, all of them are killed, each at its own: nobody is left to unmount what the helper is about to mount.
        [ "\#(signal) $call" = "KILL wait4" ] && continue
        for number in 1 2 3; do
          step nobody \#(signal) $call $number mount $PWD/plain.sif $m || break
          for i in 1 2 3 4; do
            $nobody siftool unmount $m 2> /dev/null && mounted=$((mounted + 1)) && break; [ $status = 0 ] || break; sleep 0.1
          done
          left \#(signal) $call $number
        done
        $nobody siftool unmount $m 2> /dev/null; left $call
      done
      echo "$((steps >= \#(signal == "KILL" ? 15 : 4))) $((steps > mounted)) $(count)"
      """#)
    #expect(answer.text == "1 1 0 mounts 0 processes 0 loop devices\n", "\(answer.text) \(answer.errors)")
  }

  /// Killed, there is a mount or none. The other signals wait until the mount is there, or end the command before it
  /// has begun.
  @Test(arguments: ["KILL", "TERM", "HUP"]) func mountsThroughTheKernel(signal: String) throws {
    let answer = try bash(
      #"""
      ended=0
      for call in ioctl mount exit_group; do for number in 1 2; do
        step root \#(signal) $call $number mount $PWD/plain.sif $m
        if siftool unmount $m 2> /dev/null; then mounted=$((mounted + 1)); else ended=$((ended + (status != 0))); fi
        left \#(signal) $call $number
      done; done
      echo "$((mounted + ended)) $((mounted > 0)) $((steps >= \#(signal == "KILL" ? 4 : 0))) $(count)"
      """#)
    #expect(answer.text == "6 1 1 0 mounts 0 processes 0 loop devices\n", "\(answer.text) \(answer.errors)")
  }

  @Test(arguments: ["nobody", "root", "root --fuse", "nobody --pid --fakeroot"]) func programs(how: String)
    throws
  {
    let user = how.prefix { $0 != " " }
    let answer = try bash(
      #"""
      for call in clone socketpair unshare mount openat2 open_tree move_mount mount_setattr mkdir pivot_root umount2 sendmsg \
        chdir capset execve; do
        for number in 1 2; do
          step \#(user) KILL $call $number exec \#(how.dropFirst(user.count)) $PWD/plain.sif true || break
          left KILL $call $number
        done
        left $call
      done
      echo "$((steps > 12)) $(count)"
      """#)
    #expect(answer.text == "1 0 mounts 0 processes 0 loop devices\n", "\(answer.text) \(answer.errors)")
  }

  /// At moments that a seed decides, one of the processes that there are then.
  @Test func atRandomMoments() throws {
    let seed = UInt64.random(in: 0...99999)
    print("moments: seed \(seed)")
    let answer = try bash(
      #"""
      RANDOM=\#(seed)
      for i in $(seq 40); do
        set -- KILL TERM HUP; shift $((RANDOM % 3)); signal=$1
        case $((RANDOM % 3)) in 0) how="mount" where=$m ;; 1) how="exec" where="sleep 9" ;; *) how="exec --pid" where="sleep 9" ;; esac
        $nobody siftool $how $PWD/plain.sif $where > /dev/null 2>&1 & tool=$!
        sleep 0.0$((RANDOM % 90 + 10))
        all=($(pgrep -f "^(siftool|fusermount3) .*$PWD/(plain.sif|work)")); victim=${all[$((RANDOM % (${#all[@]} + 1)))]:-$tool}
        kill -$signal $victim 2> /dev/null; [ "$how" = mount ] || { sleep 0.1; kill -KILL $tool 2> /dev/null; }
        wait $tool 2> /dev/null
        for j in 1 2 3; do $nobody siftool unmount $m 2> /dev/null; sleep 0.05; done; left $signal $how
      done
      echo "$(count)"
      """#)
    #expect(answer.text == "0 mounts 0 processes 0 loop devices\n", "\(answer.text) \(answer.errors)")
  }
}
