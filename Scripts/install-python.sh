#!/bin/bash
# install-python.sh   installs the programs in Python that the tests use and Debian lacks, into .build/python:
#   servers   oras, a client for artifacts in registries, and moto, which is a storage with presigned addresses
#   clients   the programs that call singularity and apptainer
set -euo pipefail
cd "$(dirname "$0")/.."

# install NAME PACKAGE...
install() {
  local place=.build/python/$1
  shift
  [ "$(cat "$place/installed" 2> /dev/null)" != "$*" ] || return 0
  rm -rf "$place"
  /usr/bin/python3 -m venv "$place"
  "$place/bin/pip" install -q --disable-pip-version-check "$@"
  echo "$*" > "$place/installed"
}

install servers oras==0.2.43 'moto[s3]==5.2.1' flask==3.1.2 flask-cors==6.0.1
install clients cwltool==3.3.20260925135507 miniwdl==1.16.0 reframe-hpc==4.10.4 singularity-hpc==0.1.32 snakemake==9.27.1 \
  spython==0.3.14
