# Against cp, cryptsetup and libgcrypt itself, in memory: a disk would dominate the times.
printf secret > "$room/phrase"
cheap="--kdf pbkdf2 --kdf-time 1000 --quiet"
key="--passphrase-file $room/phrase"
mkdir "$room/rootfs"
head -c 1G /dev/urandom > "$room/rootfs/data"
"$siftool" pack "$room/rootfs" "$room/plain.sif" --plain --arch amd64 --compression lz4 --quiet
rm -rf "$room/rootfs"
# shellcheck disable=SC2086
"$siftool" encrypt "$room/plain.sif" "$room/secret.sif" $key $cheap

export PREPARE="rm -f $room/out $room/copy"
ratio 5 1.50 "encrypt 1 GiB; cp" "$siftool encrypt $room/plain.sif $room/out $key $cheap" \
  "cp $room/plain.sif $room/copy"
ratio 5 1.50 "decrypt 1 GiB; cp" "$siftool decrypt $room/secret.sif $room/out $key --quiet" \
  "cp $room/secret.sif $room/copy"
# On a disk: cryptsetup works in place, and spends its time on being safe from crashes in between.
cp "$room/plain.sif" plain.sif
export PREPARE="rm -f out copy; cp plain.sif copy; truncate -s +32M copy; sync"
theirs="cryptsetup reencrypt --batch-mode --encrypt --type luks2 --reduce-device-size 32M --force-offline-reencrypt
  --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file $room/phrase copy"
ratio 3 0.50 "encrypt 1 GiB on disk; cryptsetup reencrypt" "$siftool encrypt plain.sif out $key $cheap" "$(echo $theirs)"
rm -f plain.sif out copy
unset PREPARE
# shellcheck disable=SC2086
peak 64 "encrypt 1 GiB, memory" "$siftool" encrypt "$room/plain.sif" "$room/out" $key $cheap
# shellcheck disable=SC2086
peak 64 "decrypt 1 GiB, memory" "$siftool" decrypt "$room/secret.sif" "$room/out" $key --quiet
# shellcheck disable=SC2086
peak 128 "encrypt 1 GiB with Argon2id and 64 MiB, memory" "$siftool" encrypt "$room/plain.sif" "$room/out" $key --quiet
# Against gocryptfs, which reads and writes the same encrypted file through a mount. What surrounds the file costs it nothing here.
mkdir "$room/cipher" "$room/mnt"
gocryptfs -q -init -plaintextnames -passfile "$room/phrase" "$room/cipher"
# shellcheck disable=SC2086
"$siftool" encrypt "$room/plain.sif" "$room/secret.sif" $key --format gocryptfs
"$siftool" dump 1 "$room/plain.sif" > "$room/plain"
cat > theirs.sh <<END
gocryptfs -q -passfile $room/phrase $room/cipher $room/mnt
cp "\$1" "\$2"
fusermount3 -u $room/mnt
END
export PREPARE="rm -f $room/out $room/cipher/data"
ratio 5 1.00 "encrypt 1 GiB as gocryptfs; gocryptfs" "$siftool encrypt $room/plain.sif $room/out $key --format gocryptfs" \
  "sh theirs.sh $room/plain $room/mnt/data"
sh theirs.sh "$room/plain" "$room/mnt/data"
export PREPARE="rm -f $room/out $room/copy"
ratio 5 1.00 "decrypt 1 GiB of gocryptfs; gocryptfs" "$siftool decrypt $room/secret.sif $room/out $key --quiet" \
  "sh theirs.sh $room/mnt/data $room/copy"
unset PREPARE
# One derivation of the key takes 64 MiB.
# shellcheck disable=SC2086
peak 160 "encrypt 1 GiB as gocryptfs, memory" "$siftool" encrypt "$room/plain.sif" "$room/out" $key --format gocryptfs
# shellcheck disable=SC2086
peak 160 "decrypt 1 GiB of gocryptfs, memory" "$siftool" decrypt "$room/secret.sif" "$room/out" $key --quiet
rm -rf "$room"/*.sif "$room/out" "$room/copy" "$room/plain" "$room/cipher"

"$siftool" pack /usr/share "$room/plain.sif" --plain --arch amd64 --quiet 2> /dev/null
# shellcheck disable=SC2086
"$siftool" encrypt "$room/plain.sif" "$room/secret.sif" $key $cheap
export PREPARE="rm -rf $room/tree"
ratio 5 1.15 "extract, encrypted; plain" "$siftool extract $room/secret.sif -C $room/tree $key --quiet" \
  "$siftool extract $room/plain.sif -C $room/tree --quiet"
unset PREPARE

swift build -c release --package-path "$here/xts" > build.log 2>&1 || { cat build.log; exit 1; }
gcc -O2 -o peer "$here/xts/peer.c" -lgcrypt
# At least 0.9 of libgcrypt's speed means at most 1.11 of its time.
for sector in 4096 512; do
  ratio 5 1.11 "AES-XTS, 8 GiB in sectors of $sector bytes, one core; libgcrypt" \
    "taskset -c 0 $here/xts/.build/release/xts $sector" "taskset -c 0 ./peer $sector"
done
