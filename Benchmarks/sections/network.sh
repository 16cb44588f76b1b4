# Images from and to a registry on this machine, which keeps its blobs in memory.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
registry=127.0.0.1:$port
cat > registry.yml <<END
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $room/storage}}
http: {addr: $registry, secret: x}
END
docker-registry serve registry.yml > registry.log 2>&1 &
server=$!
for _ in $(seq 100); do curl -fs "http://$registry/v2/" > /dev/null && break; sleep 0.1; done
export SINGULARITY_CACHEDIR=$work/network/cache
ours="'$siftool' pull -F -q --no-https --disable-cache '$room/ours.sif'"

# Ten layers of about 700 MB: a SIF without a tree on the disk, against the layout, the tree and the squashfs.
"$here/ten-layers.sh"
skopeo copy -q --dest-tls-verify=false oci:layout:big "docker://$registry/big:1"
# gzip is what the runtimes use. With zstd, the same library does nearly all of the work on both sides.
for compression in gzip zstd; do
  limit=0.4
  [ $compression = gzip ] || limit=0.9
  ratio 3 $limit "docker://, 10 layers to SIF, $compression" \
    "$ours --compression $compression docker://$registry/big:1" \
    "rm -rf '$room/copy' '$room/bundle' '$room/theirs'; skopeo copy -q --src-tls-verify=false docker://$registry/big:1 'oci:$room/copy:big' && umoci --log=error unpack --image '$room/copy:big' '$room/bundle' && mksquashfs '$room/bundle/rootfs' '$room/theirs' -comp $compression -noappend -no-progress -quiet"
done
peak 64 "docker://, memory" "$siftool" pull -F -q --no-https --disable-cache ours.sif "docker://$registry/big:1"
rm -rf "$room/copy" "$room/bundle" "$room/theirs" "$room/ours.sif" ours.sif layout

# A SIF image of 1 GiB. What is sent is sent anew each time.
mkdir tree && head -c 1G /dev/urandom > tree/noise && echo small > tree/file
"$siftool" pack tree "$room/image.sif" --plain --arch amd64 --quiet
rm -r tree
"$siftool" push -q --no-https "$room/image.sif" "oras://$registry/image:1" > /dev/null
digest=$(sha256sum "$room/image.sif" | cut -d ' ' -f 1)
pull="$ours oras://$registry/image:1"
curl="curl -fs -o '$room/theirs.sif' http://$registry/v2/image/blobs/sha256:$digest"
# curl takes 0.6 s here, and SHA-256 alone, which needs the bytes in order, takes 0.8 s of one core. So this limit is what two
# cores can do that also have the registry on them.
ratio 5 2.2 "oras://, pull 1 GiB in memory, against curl" "$pull" "$curl"
# A wire of 5 Gbit/s: the time for hashing is hidden behind it.
unshare -n bash -c '
  ip link set lo up
  tc qdisc add dev lo root tbf rate 5gbit burst 1mb latency 20ms
  docker-registry serve registry.yml > wire.log 2>&1 &
  server=$!
  for _ in $(seq 100); do curl -fs "http://$1/v2/" > /dev/null && break; sleep 0.1; done
  result=0
  "$2/ratio.py" 5 1.1 "oras://, pull 1 GiB at 5 Gbit/s, against curl" "$3" "$4" || result=$?
  kill "$server"
  wait "$server" || true
  exit "$result"' wire "$registry" "$here" "$pull" "$curl" || status=1
peak 64 "oras://, pull, memory" "$siftool" pull -F -q --no-https --disable-cache ours.sif "oras://$registry/image:1"
peak 64 "oras://, push, memory" "$siftool" push -q --no-https "$room/image.sif" "oras://$registry/memory:1"
rm -f ours.sif "$room/ours.sif" "$room/theirs.sif"
skopeo copy -q --src-tls-verify=false "docker://$registry/image:1" "oci:$room/layout:image"
push="'$siftool' push -q --no-https '$room/image.sif' oras://$registry/sent:1"
# Most of the time is the registry's: it hashes what comes, more slowly than we do. curl, which is told the digest and hashes
# nothing, shows what it needs.
PREPARE="rm -rf '$room/storage/docker/registry/v2'" \
  ratio 5 1.0 "oras://, push 1 GiB, against skopeo" "$push" \
  "skopeo copy -q --dest-tls-verify=false 'oci:$room/layout:image' docker://$registry/sent:2"
PREPARE="rm -rf '$room/storage/docker/registry/v2'" \
  ratio 5 1.15 "oras://, push 1 GiB, against curl with the digest" "$push" \
  "curl -fs -X PUT -H 'Content-Type: application/octet-stream' -T '$room/image.sif' \"\$(curl -si -X POST http://$registry/v2/sent/blobs/uploads/ | tr -d '\\r' | sed -n 's/^Location: //p')&digest=sha256:$digest\""

# Parts of that image: the requests and the bytes of answers, as the registry counts them.
"$siftool" push -q --no-https "$room/image.sif" "oras://$registry/image:1" > /dev/null
for command in "inspect --no-https oras://$registry/image:1" "cat --no-https oras://$registry/image:1 file"; do
  : > registry.log
  "$siftool" $command > /dev/null
  sleep 0.2
  awk -v "name=${command%% *}" -v size="$(stat -c %s "$room/image.sif")" '
    /response completed/ { count++; match($0, /http.response.written=[0-9]+/); sum += substr($0, RSTART + 22, RLENGTH - 22) }
    END { percent = sum / size * 100; good = count > 0 && count < 12 && percent < 1
      printf "| oras://, %s: requests, bytes | %d | %d | %.3f %% | 1 %% | %s |\n", name, count, sum, percent, good ? "ok" : "OVER"
      exit !good }' registry.log || status=1
done
kill "$server"
wait "$server" || true
