#!/bin/bash
# busybox-images.sh   makes, in the working directory, two images with busybox for all programs, from a tree `rootfs`:
#   app.sif     with a runscript and variables, as `pack` makes it
#   plain.sif   without, and with links that lead out, nowhere, and to themselves
# Everybody may write in the directory `work`. siftool is looked for in PATH.
set -euo pipefail
chmod 755 .
mkdir -p rootfs/bin rootfs/etc work
chmod 777 work
cp /bin/busybox rootfs/bin/sh
install -m 4755 /bin/busybox rootfs/bin/su
for name in $(/bin/busybox --list); do [ -e "rootfs/bin/$name" ] || ln -s sh "rootfs/bin/$name"; done
echo data > rootfs/bin/data
chmod 644 rootfs/bin/data
printf 'root:x:0:0:root:/root:/bin/sh\nbin:x:2:2:bin:/bin:/bin/sh\n' > rootfs/etc/passwd
printf 'root:x:0:\nbin:x:2:\n' > rootfs/etc/group
printf '#!/bin/sh\necho "run: $WHO" "$@"\n' > runscript
siftool pack rootfs app.sif --runscript runscript --env "WHO=the image" --env "OTHER=it's" --arch amd64
ln -s /../../etc rootfs/var
ln -s nowhere/at/all rootfs/opt
ln -s /loop rootfs/loop
siftool pack rootfs plain.sif --plain --arch amd64
