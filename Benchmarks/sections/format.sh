# Against Debian's siftool.
"$siftool" new small.sif
ratio 101 1.20 "list a small image" "$siftool list small.sif" "siftool list small.sif"

"$siftool" new large.sif
head -c 1G /dev/urandom > data
"$siftool" add large.sif data --datatype 7 --quiet
rm data
ratio 9 1.00 "dump 1 GiB into a file" "$siftool dump 1 large.sif > out" "siftool dump 1 large.sif > out"
ratio 9 1.00 "dump 1 GiB into a pipe" "$siftool dump 1 large.sif | cat" "siftool dump 1 large.sif | cat"
rm large.sif out

"$siftool" new --capacity 10000 empty.sif
echo object > object
cat > adds.sh <<'S'
set -eu
cp empty.sif image.sif
i=0
while [ $i -lt 1000 ]; do "$1" add image.sif object --datatype 7; i=$((i + 1)); done
S
ratio 1 0.50 "1,000 adds, 10,000 slots" "sh adds.sh $siftool" "sh adds.sh siftool"

python3 - <<'P'
import struct
count = 100_000
header = bytearray(open("empty.sif", "rb").read(128))
header[80:128] = struct.pack("<6q", 0, count, 4096, count * 585, 4096 + count * 585, 0)
with open("many.sif", "wb") as f:
    f.write(header.ljust(4096, b"\0"))
    for n in range(count):
        f.write(struct.pack("<iBIIIqqq", 0x4007, 1, n + 1, 0xF0000001, 0, 4096 + count * 585, 0, 0).ljust(585, b"\0"))
P
ratio 9 0.50 "list 100,000 objects" "$siftool list many.sif" "siftool list many.sif"
