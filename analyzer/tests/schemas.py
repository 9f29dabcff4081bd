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
    from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

    wrong = []
    # py-ocsf-models has no class for Network Activity: held here are the attributes that 1.3.0 requires of it.
    required = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "dst_endpoint"}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            event = json.loads(line)
            try:
                if event["class_uid"] == 2003:
                    ComplianceFinding(**event)
                else:
                    missing = required - event.keys()
                    if missing or event["class_uid"] != 4001 or event["type_uid"] != 4001 * 100 + event["activity_id"]:
                        wrong.append(f"{number}: {missing}")
            except Exception as error:  # pydantic names all that is wrong
                wrong.append(f"{number}: {error}")
else:
    wrong = [f"no schema for {form}"]
print("\n".join(wrong[:20]), file=sys.stderr)
sys.exit(bool(wrong))
