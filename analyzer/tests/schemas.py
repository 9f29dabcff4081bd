"""Holds a report against the official schema of its format: schemas.py TOOLS FORMAT FILE; what departs goes to stderr."""

import json
import sys

tools, form, path = sys.argv[1:]
if form == "sarif":
    import jsonschema

    with open(f"{tools}/sarif-2.1.0-rtm.5.json", encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)
    with open(path, encoding="utf-8") as file:
        wrong = [f"{list(error.path)}: {error.message[:200]}" for error in validator.iter_errors(json.load(file))]
elif form == "junit":
    import xmlschema

    wrong = [str(error.reason) for error in xmlschema.XMLSchema(f"{tools}/junit-10.xsd").iter_errors(path)]
elif form == "ocsf":
    import jsonschema
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    classes = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.4.0"))
    names = {2003: "compliance_finding", 4001: "network_activity"}
    held = {uid: jsonschema.Draft202012Validator(classes.get_class_schema(name)) for uid, name in names.items()}
    wrong = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            event = json.loads(line)
            errors = held[event["class_uid"]].iter_errors(event)
            wrong += [f"{number}: {list(error.path)}: {error.message[:200]}" for error in errors]
else:
    wrong = [f"no schema for {form}"]
print("\n".join(wrong[:20]), file=sys.stderr)
sys.exit(bool(wrong))
