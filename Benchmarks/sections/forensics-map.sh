# The map reads, counts and hashes every byte: against openssl, and against libgcrypt's SHA-256 as gpg calls it.
head -c 1G /dev/urandom > data
"$siftool" new map.sif
"$siftool" add map.sif data --datatype partition --partfs raw --parttype data --partarch amd64 --quiet
ratio 9 1.10 "map 1 GiB; openssl dgst -sha256" "$siftool map --quiet map.sif" "openssl dgst -sha256 data"
ratio 5 1.10 "map 1 GiB; gpg --print-md SHA256 (libgcrypt)" "$siftool map --quiet map.sif" "gpg --print-md SHA256 data"
rm data
# A file without a header is searched from end to end.
head -c 1G /dev/urandom > noise

# peak MEBIBYTES NAME COMMAND...   a line with the most memory that a command holds
peak() {
  local limit=$1 name=$2
  shift 2
  command time -f %M -o peak "$@" > /dev/null
  awk -v name="$name" -v limit="$limit" '{ r = $1 / 1024 / limit
    printf "| %s | %.1f MiB | | %.2f | 1.00 | %s |\n", name, $1 / 1024, r, r <= 1 ? "ok" : "OVER"
    exit r > 1 }' peak || status=1
}
peak 64 "map 1 GiB, memory" "$siftool" map --quiet map.sif
peak 64 "carve 1 GiB, memory" "$siftool" carve --quiet noise
peak 64 "report on 1 GiB, memory" "$siftool" report --quiet map.sif
