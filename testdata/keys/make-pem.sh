#!/bin/sh
# Makes the PEM keys of this directory with OpenSSL 3, and replaces the old ones. Run it from anywhere.
# The keys are only for tests; the passphrase of encrypted ones is "correct horse".
set -eu
cd "$(dirname "$0")"

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pem-rsa.pem 2>/dev/null ||
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pem-rsa.pem 2>/dev/null
for curve in P-256 P-384 P-521; do
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out "pem-$(echo $curve | tr -d - | tr P p).pem"
done
openssl genpkey -algorithm ED25519 -out pem-ed25519.pem
for name in rsa p256 p384 p521 ed25519; do
  openssl pkey -in pem-$name.pem -pubout -out pem-$name.pub.pem
done

# The same keys in other common forms.
openssl rsa -in pem-rsa.pem -traditional -out pem-rsa.pkcs1.pem 2>/dev/null
openssl rsa -in pem-rsa.pem -RSAPublicKey_out -out pem-rsa.pkcs1.pub.pem 2>/dev/null
for name in p256 p384 p521; do
  { openssl ecparam -name "$(echo $name | sed 's/p256/prime256v1/;s/p\(384\|521\)/secp\1r1/')"
    openssl ec -in pem-$name.pem 2>/dev/null; } >pem-$name.sec1.pem
done
encrypt() { # NAME SUFFIX OPTIONS...
  name=$1 suffix=$2
  shift 2
  openssl pkcs8 -topk8 -in pem-$name.pem -passout 'pass:correct horse' -out pem-$name.$suffix.pem "$@"
}
encrypt rsa aes256
encrypt p256 aes128 -v2 aes-128-cbc -v2prf hmacWithSHA1
encrypt p384 aes192 -v2 aes-192-cbc -v2prf hmacWithSHA512
encrypt ed25519 scrypt -scrypt
encrypt p521 des3 -v2 des3
encrypt rsa costly -iter 20000000
openssl rsa -in pem-rsa.pem -traditional -aes128 -passout 'pass:correct horse' -out pem-rsa.oldcrypt.pem 2>/dev/null
# Too weak to sign with.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out pem-rsa1024.pem 2>/dev/null
openssl pkey -in pem-rsa1024.pem -pubout -out pem-rsa1024.pub.pem
