#!/bin/bash
# tree-of-everything.sh DIRECTORY yes|no   makes a tree with one of everything, about 6 MB, the same on every run; the second
# argument says whether a symbolic link has two names
set -euo pipefail
mkdir -p "$1"
cd "$1"
mkdir -p usr/bin usr/share/empty a/b/c/d/e/f/g many deep
noise() { openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0000000000000000000000000000000$1 \
  -in /dev/zero 2> /dev/null | head -c $2 || true; }
noise 1 3000001 > random
yes 'the same line again and again' | head -c 1000000 > text || true
: > empty
for n in 1 4095 4096 4097 65535 131071 131072 131073 262144; do noise 2 $n > size-$n; done
cp text usr/share/text-copy; cp size-4095 usr/share/small-copy
head -c 1000000 /dev/zero > zeros
truncate -s 900000 sparse; printf 'tail' >> sparse
printf 'head' > holes; truncate -s 5000000 holes; printf 'middle' >> holes; truncate -s 9000000 holes
truncate -s 300000 hole-only
ln size-4097 usr/bin/hard-1; ln size-4097 a/hard-2; ln -s ../random a/link; ln -s /etc/passwd absolute
ln -s "$(printf 'x/%.0s' $(seq 1000))" long-link
[ "$2" = no ] || ln absolute usr/hard-symlink
for n in $(seq 1 600); do echo "file $n" > many/file-$n; done
mkfifo pipe; mknod null c 1 3; mknod disk b 259 70000
python3 - <<'EOF'
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind('socket')
for name in [b'\xff\xfe-invalid', b'n' * 255, b'new\nline', b'tab\there', b'quote"\'', b'\x1b[31mred', 'Grüße-日本'.encode(), b' space ', b'-dash', b'back\\slash', b'*star?[x]']:
    open(name, 'w').write(repr(name))
EOF
chmod 4755 usr/bin/hard-1; chmod 2750 usr/share; chmod 1777 a; chmod 000 size-1; chmod 555 usr/share/empty
chown 1000:1001 text; chown -h 12345:54321 a/link; chown 4000000000:3999999999 empty; chown 7:8 a/b
setfattr -n user.comment -v 'a comment' text; setfattr -n user.comment -v 'a comment' random
setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr '\0' b)" text; setfattr -n user.none text
setfattr -n trusted.thing -v 0x00ff00 a; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 size-4096
setfattr -h -n trusted.link -v yes absolute
find . -exec touch -h -d @1600000000 {} +; touch -h -d @1 a/link; touch -d @4294967295 size-4095; touch -d @0 a/b
