# Against hashing by hand: unsquashfs and sha256sum, libgcrypt's own speed, and a shell loop over verify.
# In memory: a disk would dominate the times.
cp -a /usr/share "$room/tree"
echo "(the tree: $(du -sh --apparent-size "$room/tree" | cut -f1), $(find "$room/tree" | wc -l) entries)"
for compressor in gzip zstd; do
  "$siftool" pack "$room/tree" "$room/app.sif" --plain --arch amd64 --compression "$compressor" --quiet
  "$siftool" dump 1 "$room/app.sif" > "$room/app.squashfs"
  cat > "$room/by-hand.sh" << S
set -eu
rm -rf $room/out
unsquashfs -q -n -p 2 -d $room/out $room/app.squashfs
cd $room/out
find . -type f -print0 | xargs -0 sha256sum
S
  ratio 3 0.60 "$compressor: hash every file; unsquashfs, sha256sum" \
    "$siftool hash $room/app.sif --only files --quiet" "sh $room/by-hand.sh"
  rm -rf "$room/out"
  peak 64 "$compressor: hash everything, memory" "$siftool" hash "$room/app.sif"
  peak 64 "$compressor: DFXML, memory" "$siftool" bodyfile --dfxml "$room/app.sif"
done
rm -rf "$room/tree" "$room"/app.*

# The library's own speed: to verify one signed object, the same library hashes it once.
head -c 1G /dev/urandom > "$room/data"
"$siftool" new "$room/one.sif"
"$siftool" add "$room/one.sif" "$room/data" --datatype generic --groupid 1 --quiet
rm "$room/data"
cp "$here/../testdata/keys/ed25519.sec.asc" key.asc
chmod 600 key.asc
# The test keys were made in 2024.
SOURCE_DATE_EPOCH=1704153600 "$siftool" sign "$room/one.sif" --key key.asc --quiet
public=$here/../testdata/keys/ed25519.pub.asc
ratio 5 1.10 "hash a 1 GiB image and its objects; hash it once" "$siftool hash $room/one.sif --quiet" \
  "$siftool verify $room/one.sif --key $public"
ratio 5 1.10 "hash a 1 GiB image and its objects; openssl dgst" "$siftool hash $room/one.sif --quiet" \
  "openssl dgst -sha256 $room/one.sif"
peak 64 "hash a 1 GiB image, memory" "$siftool" hash "$room/one.sif"
rm "$room/one.sif"

for key in rsa2048 ed25519; do
  cp "$here/../testdata/keys/$key.sec.asc" key.asc
  public=$here/../testdata/keys/$key.pub.asc
  "$siftool" new small.sif
  "$siftool" add small.sif "$here/run.sh" --datatype generic --groupid 1 --quiet
  SOURCE_DATE_EPOCH=1704153600 "$siftool" sign small.sif --key key.asc --quiet
  mkdir "$room/images"
  for i in $(seq 1000); do cp small.sif "$room/images/$i.sif"; done
  cat > loop.sh << S
set -eu
for image in $room/images/*; do $siftool verify \$image --key $public; done
S
  ratio 3 0.20 "scan 1,000 small images, $key; a loop over verify" \
    "$siftool scan $room/images --key $public --quiet" "sh loop.sh"
  peak 64 "scan 1,000 small images, $key, memory" "$siftool" scan "$room/images" --key "$public" --quiet
  rm -r "$room/images" small.sif
done
