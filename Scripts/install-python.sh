#!/bin/bash
# install-python.sh   installs the programs in Python that tests compare with and Debian lacks, into .build/python: oras, a
# client for artifacts in registries, and moto, which is a storage with presigned addresses
set -euo pipefail
cd "$(dirname "$0")/.."
place=.build/python
wanted="oras==0.2.43 moto[s3]==5.2.1 flask==3.1.2 flask-cors==6.0.1"
[ "$(cat $place/installed 2> /dev/null)" != "$wanted" ] || exit 0
rm -rf $place
/usr/bin/python3 -m venv $place
# shellcheck disable=SC2086  # several words
$place/bin/pip install -q --disable-pip-version-check $wanted
echo "$wanted" > $place/installed
