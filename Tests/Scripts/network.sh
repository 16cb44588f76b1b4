#!/bin/bash
# network.sh DIRECTORY SIFTOOL USER PART   runs a part below as the user with this number, in namespaces of mounts and of the
# network of its own: with an interface whose neighbour answers nobody, and devices that everybody may open. DIRECTORY has
# plain.sif. Without `set -e`: what fails is what the tests look at.
set -u
directory=$1 user=$3 part=$4
cd "$directory" || exit
chmod 755 .
mkdir -p "host-$user"
chmod 777 "host-$user"
[ -e siftool ] || install -m 755 "$2" siftool
ip link set lo up
ip link add name upper type veth peer name lower
ip address add 192.0.2.2/24 dev upper
ip link set upper up
ip link set lower up
ip route add default via 192.0.2.1
for device in "fuse c 10 229" "tun c 10 200"; do
  # shellcheck disable=SC2086
  [ -e "${device%% *}" ] || mknod -m 666 $device
done
mount --bind fuse /dev/fuse
mount --bind tun /dev/net/tun
export PATH=$PWD:$PATH HOME=/nonexistent APPTAINER_CONFIGDIR=$PWD/host-$user/configuration
image=$PWD/plain.sif own=$(readlink /proc/self/ns/net)
tools="--bind /usr:/usr:ro --bind /lib:/lib:ro --bind /lib64:/lib64:ro"
cd "host-$user" || exit

as() {
  if [ "$user" = 0 ]; then exec "$@"; fi
  exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all "$@"
}

# until COMMAND...   waits until it succeeds
until_() {
  for _ in $(seq 600); do "$@" > /dev/null 2>&1 && return; sleep 0.05; done
  echo "not in time: $*"
}

# The processes of a name that are outside, in this network namespace.
outside() {
  pattern=${own/\[/\\[}
  find /proc/[0-9]*/ns/net -maxdepth 0 -lname "${pattern/\]/\\]}" 2> /dev/null | cut -d/ -f3 | while read -r process; do
    read -r name 2> /dev/null < "/proc/$process/comm" && [[ $name =~ ^($1) ]] && echo "$process"
  done
}

left() {
  for _ in $(seq 200); do
    n=$(outside 'siftool|passt|pasta|slirp4netns|container-init|sinit' | wc -l)
    [ "$n" = 0 ] && break
    sleep 0.05
  done
  echo "left $n"
}

# Runs the part through pasta, then through slirp4netns.
both() {
  "$@"
  mount --bind /dev/null /usr/bin/pasta
  "$@"
  umount /usr/bin/pasta
}

# Traffic from inside to the host's loopback, and from the host to ports inside.
traffic() {
  socat TCP-LISTEN:18090,bind=127.0.0.1,reuseaddr,fork SYSTEM:'read x; echo "the host got $x"' &
  server=$!
  for options in "" --pid --fakeroot --containall; do
    rm -f ready got
    # shellcheck disable=SC2086
    (as siftool exec $options --network user --network-args "portmap=18080:8080/tcp;portmap=18081/udp" $tools \
      --bind "$PWD:/mnt" "$image" sh -c '
        gateway=$(ip route | sed -n "s/default via \([^ ]*\).*/\1/p")
        for i in $(seq 20); do
          (echo inside; sleep 1) | timeout 9 nc ${gateway:-10.0.2.2} 18090 > /mnt/got; [ -s /mnt/got ] && break; done
        timeout 60 /usr/bin/socat UDP-RECVFROM:18081 SYSTEM:"read x; echo datagram" &
        (sleep 0.2; echo ready > /mnt/ready) & echo answer | timeout 60 nc -l -p 8080; wait' 2> errors > out) &
    container=$!
    until_ test -s ready
    (echo question; sleep 1) | timeout 20 socat -t 20 - TCP:127.0.0.1:18080
    (echo question; sleep 1) | timeout 20 socat -t 5 - UDP:127.0.0.1:18081
    wait $container
    echo "$options: $(sort -u got) $(cat out)"
    grep -v "no range of users" errors
  done
  kill $server
  left
}

# Whatever process is killed, nothing is left when the container is gone.
killed() {
  for options in "" --pid; do
    for victim in main guardian program first; do
      [ "$victim$options" = first ] && continue
      # shellcheck disable=SC2086
      (as siftool exec $options --network user "$image" sleep 300) 2> errors &
      main=$!
      until_ eval 'outside "passt|pasta|slirp4netns" | grep .'
      program=$(outside "passt|pasta|slirp4netns" | head -n 1)
      guardian=$(awk '/^PPid/ { print $2 }' "/proc/$program/status")
      first=$main
      [ -z "$options" ] || until_ eval 'first=$(pgrep -P $main -x container-init)'
      until_ eval 'pgrep -x sleep -P $first || grep -qx sleep /proc/$main/comm'
      eval "kill -9 \$$victim"
      case $victim in guardian | program) until_ eval '! outside "passt|pasta|slirp4netns" | grep .' ;; esac
      kill -9 "$main" 2> /dev/null
      wait 2> /dev/null
      echo "$victim $options: $(left)"
    done
  done 2> /dev/null
}

# An instance with a network: others enter it, and it ends with the instance.
instances() {
  (as siftool instance start --network user --network-args portmap=18082:8082/tcp "$image" web) 2> errors
  (as siftool exec instance://web sh -c 'ip -o -4 addr | grep -cv 127.0.0.1; echo inside | timeout 60 nc -l -p 8082 > /dev/null & sleep 0.3; wait') > out &
  until_ eval 'timeout 5 socat -u TCP:127.0.0.1:18082 - > answer && [ -s answer ]'
  wait
  cat out answer
  (as siftool instance stop web) 2>> errors
  left
  (as siftool instance start --pid-file first --network user "$image" web) 2>> errors
  kill -9 "$(cat first)"
  left
}

# Networks that root's administrator describes, through the plugins of the host.
described() {
  mkdir -p cni
  mount --bind cni /var/lib || exit
  for names in bridge ptp bridge,ptp; do
    siftool exec --network "$names" "$image" sh -c 'ip -o -4 addr | sed -n "s/.*: \(eth.\) *inet \([0-9]*\.[0-9]*\).*/\1 \2/p"' | tr '\n' ' '
  done
  echo
  siftool exec --network bridge --network-args "portmap=18083:8083/tcp;IP=10.22.0.77" "$image" sh -c '
    ip -o -4 addr | grep -c 10.22.0.77; echo answer | timeout 60 nc -l -p 8083' &
  until_ eval '(sleep 0.5) | timeout 5 socat - TCP:192.0.2.2:18083 > got && [ -s got ]'
  wait
  cat got
  # A description of this machine's own, and plugins that fail.
  mkdir -p network
  printf '{"cniVersion": "1.0.0", "name": "site", "plugins": [{"type": "loopback"}]}' > network/site.conflist
  printf '{"cniVersion": "1.0.0", "name": "lost", "plugins": [{"type": "no-such-plugin"}]}' > network/lost.conflist
  printf '{"cniVersion": "1.0.0", "name": "out", "plugins": [{"type": "../../bin/sh"}]}' > network/out.conflist
  printf '{"cniVersion": "1.0.0", "name": "wrong", "plugins": [{"type": "bridge", "bridge": "b0", "ipam": {"type": "host-local"}}]}' > network/wrong.conflist
  mkdir -p /etc/cni
  mount -t tmpfs none /etc/cni
  cp -r network /etc/cni/net.d
  for name in site lost out wrong absent; do siftool exec --network $name "$image" true 2>&1 | sed 's/ (Debian.*//; s/: none of.*//' | head -n 1; done
  siftool exec --network site --network-args portmap=1/tcp "$image" true 2>&1 | head -n 1
  chmod 666 /etc/cni/net.d/*
  siftool exec --network site "$image" true
  # The addresses come back when the guardians end.
  left
  ls /var/lib/cni/networks/* | grep -c '^10\.'
}

# Programs find a display of the host, as with the runtimes: by its socket in /tmp, or by the network's.
display() {
  mkdir -p -m 1777 /tmp/.X11-unix
  mount -t tmpfs -o mode=1777 none /tmp/.X11-unix
  exec 3> number
  Xvfb -displayfd 3 -ac -screen 0 640x480x24 2> /dev/null &
  server=$!
  until_ test -s number
  export DISPLAY=:$(cat number)
  for options in "" "--network none" --pid "--contain --bind /tmp/.X11-unix"; do
    # shellcheck disable=SC2086
    (as siftool exec $options $tools "$image" /usr/bin/xdpyinfo 2>&1) | grep -c '640x480 pixels'
  done
  # shellcheck disable=SC2086
  (as siftool exec --contain --network none $tools "$image" /usr/bin/xdpyinfo 2>&1) | grep -c 'unable to open display'
  kill $server
  wait $server 2> /dev/null
}

case $part in
  traffic | killed | instances) both "$part" ;;
  *) "$part" ;;
esac
