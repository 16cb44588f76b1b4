"""artifact-client.py push|pull HOST REFERENCE FILE|DIRECTORY   PyPI's oras client: a SIF image as an artifact in a registry."""

import pathlib
import sys

import oras.client

command, host, reference, place = sys.argv[1:]
client = oras.client.OrasClient(hostname=host, insecure=True)
if command == "push":
    config = pathlib.Path(place).with_suffix(".json")
    config.write_text("{}")
    client.push(
        f"{host}/{reference}", files=[f"{place}:application/vnd.sylabs.sif.layer.v1.sif"],
        manifest_config=f"{config}:application/vnd.sylabs.sif.config.v1+json", disable_path_validation=True)
else:
    print(client.pull(f"{host}/{reference}", outdir=place))
