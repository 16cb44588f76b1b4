"""schema.py SCHEMA    validates the JSON document on stdin against a schema that may refer to those beside it"""
import json
import pathlib
import sys
import warnings

import jsonschema

# Newer releases prefer another package for this, which older ones do not know.
warnings.simplefilter("ignore", DeprecationWarning)


path = pathlib.Path(sys.argv[1])
schemas = {file.name: json.loads(file.read_text()) for file in path.parent.glob("*.schema.json")}
schema = schemas[path.name]
jsonschema.Draft202012Validator.check_schema(schema)
resolver = jsonschema.RefResolver(path.name, schema, store=schemas)
validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
errors = [
    f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
    for error in validator.iter_errors(json.load(sys.stdin))
]
print("\n".join(errors))
sys.exit(bool(errors))
