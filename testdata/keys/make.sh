#!/bin/sh
# Makes the keys of this directory with GnuPG (2.2 or later), and replaces the old ones. Run it from anywhere.
# The keys are only for tests. They are made on 2024-01-01 unless a comment says otherwise.
set -eu
cd "$(dirname "$0")"
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT

at() { # TIME ARGUMENTS...: gpg at that time, without questions
  time=$1
  shift
  gpg --batch --quiet --no-auto-check-trustdb --no-tty --yes --faked-system-time "$time" --pinentry-mode loopback --passphrase "${PASSPHRASE-}" "$@"
}
fingerprint() { gpg --batch --with-colons --list-keys "$1" | awk -F: '/^fpr/ { print $10; exit }'; }
new() { # NAME ALGORITHM USAGE EXPIRY
  at 20240101T000000 --quick-generate-key "$1 <$1@example.org>" "$2" "$3" "$4"
}
save() { # NAME: public and secret part
  at 20240101T000000 --armor --export "$1@example.org" >"$1.pub.asc"
  at 20240101T000000 --armor --export-secret-keys "$1@example.org" >"$1.sec.asc"
}

for algorithm in rsa2048 rsa4096 nistp256 nistp384 nistp521 ed25519; do
  new $algorithm $algorithm sign never
  save $algorithm
done

# Locked by a passphrase, with GnuPG's own choice of S2K.
PASSPHRASE='correct horse' new locked ed25519 sign never
PASSPHRASE='correct horse' save locked

# A primary key that only certifies, with a signing and an encryption subkey.
new subkeys ed25519 cert never
at 20240101T000000 --quick-add-key "$(fingerprint subkeys)" rsa2048 sign never
at 20240101T000000 --quick-add-key "$(fingerprint subkeys)" cv25519 encr never
save subkeys
# The same without the primary key's secret: GnuPG leaves a placeholder.
at 20240101T000000 --armor --export-secret-subkeys subkeys@example.org >subkeys.dummy.asc

# Expires after 30 days.
new expires ed25519 sign 30d
save expires

# Several keys in one binary ring, and GnuPG's own keybox.
at 20240101T000000 --export rsa2048@example.org ed25519@example.org nistp256@example.org >ring.pgp
cp "$GNUPGHOME/pubring.kbx" ring.kbx

# Text signed by GnuPG on 2024-01-02 with each kind of key.
for name in rsa2048 nistp256 nistp384 nistp521 ed25519 subkeys expires; do
  printf '{"signed":"by %s"}\n- a dash\n\ntrailing blanks  \n' "$name" |
    at 20240102T000000 --local-user "$name@example.org" --clear-sign >"$name.msg.asc"
done
