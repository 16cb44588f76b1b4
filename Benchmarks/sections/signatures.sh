# Against the reference library (in a small program, Tests/Oracle/main.go), against openssl, and against each other.
keys=$here/../testdata/keys
mkdir -p go/src/oracle
cp "$here/../Tests/Oracle/main.go" go/src/oracle/
echo "module oracle" > go/src/oracle/go.mod
GO111MODULE=off GOFLAGS='' GOPATH=$PWD/go:/usr/share/gocode GOCACHE=$PWD/go/cache go build -o oracle oracle
cp "$keys"/{rsa2048,ed25519}.sec.asc .
chmod 600 ./*.sec.asc
# The test keys were made in 2024.
export SOURCE_DATE_EPOCH=1704153600

for key in rsa2048 ed25519; do
  "$siftool" new $key.sif
  "$siftool" add $key.sif "$here/run.sh" --datatype generic --groupid 1
  "$siftool" sign $key.sif --key $key.sec.asc --quiet
  ratio 101 1.10 "verify a small image, $key" "$siftool verify $key.sif --key $keys/$key.pub.asc" \
    "./oracle verify $key.sif $keys/$key.pub.asc"
done

head -c 256M /dev/urandom > quarter
cat quarter quarter quarter quarter > data
"$siftool" new one.sif
"$siftool" add one.sif data --datatype generic --groupid 1 --quiet
"$siftool" new four.sif
for _ in 1 2 3 4; do "$siftool" add four.sif quarter --datatype generic --groupid 1 --quiet; done
rm quarter
cp one.sif eight.sif
for image in one four; do "$siftool" sign $image.sif --key rsa2048.sec.asc --quiet; done
for _ in 1 2 3 4 5 6 7 8; do "$siftool" sign eight.sif --key rsa2048.sec.asc --quiet; done
verify="$siftool verify --key $keys/rsa2048.pub.asc"
ratio 9 1.05 "verify 1 GiB; openssl dgst -sha256" "$verify one.sif" "openssl dgst -sha256 data"
ratio 9 1.05 "verify 8 signatures; one" "$verify eight.sif" "$verify one.sif"
ratio 9 0.60 "verify 4 x 256 MiB; 1 GiB" "$verify four.sif" "$verify one.sif"
peak 32 "verify 1 GiB, memory" $verify one.sif
peak 32 "verify 4 x 256 MiB, memory" $verify four.sif
rm eight.sif

sign="$siftool sign --quiet --key rsa2048.sec.asc"
# Each run gets unsigned images: the signatures of the run before it are removed, untimed.
export PREPARE="$siftool del 2 one.sif --quiet 2> unsigned; $siftool del 5 four.sif --quiet 2> unsigned; true"
ratio 9 1.05 "sign 1 GiB; openssl dgst -sha256" "$sign one.sif" "openssl dgst -sha256 data"
ratio 9 0.60 "sign 4 x 256 MiB; 1 GiB" "$sign four.sif" "$sign one.sif"
sh -c "$PREPARE"
unset PREPARE
peak 32 "sign 4 x 256 MiB, memory" $sign four.sif
