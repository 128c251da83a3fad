#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
json-schema.py SCHEMAS OUTPUTS

Each file in the folder OUTPUTS, called COMMAND.json or COMMAND.SOMETHING.json (or, if each line is a
value, .lines), must be what SCHEMAS/COMMAND.json says. Exits with 77 if there is no jsonschema.
"""

import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("no python3-jsonschema")
    sys.exit(77)

schemas, outputs = (pathlib.Path(p) for p in sys.argv[1:3])


def read(name):
    return json.loads((schemas / name).read_text(encoding="utf-8"))


def bundle(value, where, others):
    """References into other files become references into what is copied here: how a validator finds
    files differs from version to version."""
    if isinstance(value, list):
        return [bundle(v, where, others) for v in value]
    if not isinstance(value, dict):
        return value
    value = {k: bundle(v, where, others) for k, v in value.items()}
    if "$ref" in value:
        other, _, pointer = value["$ref"].partition("#")
        if other and other not in others:
            others[other] = None
            others[other] = bundle(read(other), f"#/$defs/{other}", others)
        value["$ref"] = (f"#/$defs/{other}" if other else where) + pointer
    return value


def checker(command):
    others = {}
    schema = bundle(read(f"{command}.json"), "#", others)
    schema.setdefault("$defs", {}).update(others)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


failed = False
seen = set()
for output in sorted(outputs.iterdir()):
    command = output.name.split(".")[0]
    seen.add(command)
    check = checker(command)
    text = output.read_text(encoding="utf-8")
    values = [line for line in text.splitlines() if line] if output.suffix == ".lines" else [text]
    for value in values:
        error = jsonschema.exceptions.best_match(check.iter_errors(json.loads(value)))
        if error:
            where = "/".join(str(p) for p in error.absolute_path)
            print(f"FAIL: {output.name}: at /{where}: {error.message[:600]}")
            failed = True
            break
for schema in schemas.glob("*.json"):
    if schema.stem not in seen | {"common"}:
        print(f"FAIL: nothing is there that {schema.name} is about")
        failed = True
sys.exit(failed)
