#!/bin/bash
# environment-images.sh NAME...   makes, in the working directory, images whose scripts set variables: those that are named, and
# the trees NAME.root of all. siftool is looked for in PATH.
#   busybox.sif dash.sif bash.sif   with the shell of this name as /bin/sh; bash.sif has it as /bin/bash too
#   none.sif                        without any shell, and with a runscript as images from Docker have it
#   broken.sif                      with scripts that are wrong
#   ends.sif ends-in-shell.sif      with a script that ends everything, read by us and by a shell
#   slow.sif                        with a script that waits
# Programs are applets of busybox; /work of the host is theirs to write.
set -euo pipefail
chmod 755 .
mkdir -p work
chmod 777 work

# root NAME SHELL...: a root file system with programs, and shells with the libraries that they need
root() {
  local root=$1.root file library
  mkdir -p "$root/bin" "$root/etc" "$root/.singularity.d/env" "$root/scif/apps/one/scif/env" "$root/scif/apps/one/bin"
  cp /bin/busybox "$root/bin/busybox"
  for name in env cat echo id ps sleep true; do ln -s busybox "$root/bin/$name"; done
  for file in "${@:2}"; do
    [ "$file" = busybox ] || cp -L "/bin/$file" "$root/bin/$file"
    for library in $([ "$file" = busybox ] || ldd "/bin/$file" | grep -o '/[^ ]*'); do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done
  done
  [ $# -eq 1 ] || ln -s "$2" "$root/bin/sh"
  cat > "$root/.singularity.d/env/10-docker2singularity.sh" << 'SCRIPT'
#!/bin/sh
export PATH="/app/bin:/bin"
export JAVA_HOME="${JAVA_HOME:-"/usr/lib/jvm"}"
export QUOTES="${QUOTES:-"say \"hi\" and 'ho'"}"
export LINES_OF="${LINES_OF:-"l1
l2 \$HOME \`id\`"}"
SCRIPT
  cat > "$root/.singularity.d/env/90-environment.sh" << 'SCRIPT'
#!/bin/sh
# A comment, and what people write.
export PYTHONPATH=/app:$PYTHONPATH LC_NAME=C.UTF-8
for part in a b; do LIST="$LIST:$part"; done; export LIST
if [ -d /scif ] && test ! -e /nothing; then export FOUND=yes; else export FOUND=no; fi
unset GIVEN
export EMPTIED=
. /etc/more-variables
inner=not-exported
SCRIPT
  echo 'export MORE="$inner from a file"' > "$root/etc/more-variables"
  cat > "$root/.singularity.d/env/95-apps.sh" << 'SCRIPT'
#!/bin/sh
if test -n "${SINGULARITY_APPNAME:-}"; then
  if test -d "/scif/apps/${SINGULARITY_APPNAME:-}/"; then
    PATH="/scif/apps/$SINGULARITY_APPNAME/bin:$PATH"; export PATH
    . "/scif/apps/$SINGULARITY_APPNAME/scif/env/90-environment.sh"
  else
    echo "no app $SINGULARITY_APPNAME"
    exit 3
  fi
fi
SCRIPT
  echo 'export OF_APP="variable of the app"' > "$root/scif/apps/one/scif/env/90-environment.sh"
  printf '#!/bin/sh\necho "app: $OF_APP" "$@"\n' > "$root/scif/apps/one/scif/runscript"
  printf '#!/bin/sh\necho "test of the app" "$@"; exit 4\n' > "$root/scif/apps/one/scif/test"
  echo "Help of the app." > "$root/scif/apps/one/scif/runscript.help"
  chmod 755 "$root/scif/apps/one/scif/runscript" "$root/scif/apps/one/scif/test"
}

script() { cat > "$1.root/.singularity.d/env/91-more.sh"; }

names=" $* "
# pack NAME [ROOT]
pack() {
  case $names in
    *" $1 "*) siftool pack "${2-$1.root}" "$1.sif" --arch amd64 --compression gzip --level 1 --quiet ;;
  esac
}

root busybox busybox
pack busybox
for shell in dash bash; do
  root $shell $shell
  script $shell << 'SCRIPT'
export BEFORE="$inner" A="$(echo out)" B=`echo back`
say() { export C="$1"; }; say "called with a $B"
unset LIST
export ARITHMETIC=$((1 + 2)) TEXT="it's
\$two \"lines\""
nothing-of-the-kind
SCRIPT
  if [ $shell = bash ]; then
    echo 'export -n FOUND; export ARRAY=(a b); [[ a == a && b != c ]] && export BOTH="${ARRAY[1]}"; source /nothing' >> $shell.root/.singularity.d/env/91-more.sh
  fi
  pack $shell
done

root none
cat > none.root/.singularity.d/runscript << 'SCRIPT'
#!/bin/sh
OCI_ENTRYPOINT='"echo" "the entry point'"'"'s \"\$0\""'
OCI_CMD='"c 1" "\$c2"'
eval "set ${SINGULARITY_OCI_RUN}"
exec "$@"
SCRIPT
chmod 755 none.root/.singularity.d/runscript
echo 'export A=$(echo out)' | script none
pack none

root broken dash
printf 'export A=1\nexport X="unterminated\n' | script broken
printf 'export Y=$(echo one)\nexport Z=$(echo "unterminated\n' > broken.root/.singularity.d/env/92-more.sh
printf 'export LAST=1\n' > broken.root/.singularity.d/env/93-more.sh
pack broken

root ends dash bash
printf 'echo written; exit 5\n' | script ends
pack ends
echo 'echo "written by $(echo a shell)"; exit 6' | script ends
pack ends-in-shell ends.root
printf 'export SLOW=$(sleep 1000)\n' | script ends
pack slow ends.root
