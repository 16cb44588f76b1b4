#!/bin/bash
# install-clients.sh   puts the programs that call singularity and apptainer, for the tests, into .build/clients
set -euo pipefail
cd "$(dirname "$0")/.."
wanted="cwltool==3.3.20260925135507 miniwdl==1.16.0 reframe-hpc==4.10.4 singularity-hpc==0.1.32 snakemake==9.27.1 spython==0.3.14"
directory=.build/clients
[ "$(cat $directory/installed 2> /dev/null)" != "$wanted" ] || exit 0
rm -rf $directory
python3 -m venv $directory
# shellcheck disable=SC2086
$directory/bin/pip install -q --disable-pip-version-check $wanted
echo "$wanted" > $directory/installed
