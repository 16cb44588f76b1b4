# A map reads, counts and hashes every byte. Against openssl, and against libgcrypt's SHA-256 as gpg calls it.
head -c 1G /dev/urandom > data
"$siftool" new map.sif
"$siftool" add map.sif data --datatype partition --partfs raw --parttype data --partarch amd64 --quiet
ratio 9 1.10 "map 1 GiB; openssl dgst -sha256" "$siftool map --quiet map.sif" "openssl dgst -sha256 data"
ratio 5 1.10 "map 1 GiB; gpg --print-md SHA256 (libgcrypt)" "$siftool map --quiet map.sif" "gpg --print-md SHA256 data"
rm data
# A file without a header is searched from end to end.
head -c 1G /dev/urandom > noise

peak 64 "map 1 GiB, memory" "$siftool" map --quiet map.sif
peak 64 "carve 1 GiB, memory" "$siftool" carve --quiet noise
peak 64 "report on 1 GiB, memory" "$siftool" report --quiet map.sif
