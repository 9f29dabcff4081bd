"""Holds what uncharted says about a scenario against what was played. Usage: hold.py BINARY FOLDER

The folder has capture.pcapng, site.toml and scenario.toml. Prints each difference; ends with 1 if there is one.
"""
import collections
import json
import os
import subprocess
import sys
import tomllib

binary, folder = sys.argv[1], sys.argv[2]
capture, site = os.path.join(folder, "capture.pcapng"), os.path.join(folder, "site.toml")
with open(os.path.join(folder, "scenario.toml"), "rb") as file:
    scenario = tomllib.load(file)


def uncharted(*arguments):
    ran = subprocess.run([binary, *arguments, capture, "--site", site], capture_output=True, text=True)
    if ran.returncode > 1:
        sys.exit(ran.stderr)
    return ran.stdout


def end(side):
    return "%s:%d" % (side["address"], side["port"])


troubles = []
judged = collections.defaultdict(list)
for line in uncharted("flows").splitlines():
    flow = json.loads(line)
    judged[flow["transport"], end(flow["initiator"]), end(flow["responder"])].append(flow)
for wanted in scenario["flow"]:
    place = wanted["transport"], wanted["initiator"], wanted["responder"]
    if not judged[place]:
        troubles.append("%s %s -> %s: no such flow" % place)
        continue
    found = judged[place].pop(0)
    for name in ("protocol", "outcome", "verdict", "reason"):
        if name in wanted and wanted[name] != found[name]:
            troubles.append("%s %s -> %s: " % place + "%s expected %s, found %s (%s)" % (name, wanted[name], found[name], wanted.get("shows")))
for place, left in judged.items():
    if left:
        troubles.append("%s %s -> %s: a flow that nobody played" % place)
coverage = {(row["table"], row["row"]): row for row in json.loads(uncharted("check", "--format", "json"))["coverage"]}
for row in scenario["row"]:
    status = coverage[scenario["table"], row["row"]]["status"]
    if row["observed"] != (status in ("seen", "seen-with-deviation")):
        troubles.append("row %s: %s" % (row["row"], status))
print("\n".join(troubles) or "%s: %d flows and %d rows as expected" % (scenario["table"], len(scenario["flow"]), len(scenario["row"])))
sys.exit(1 if troubles else 0)
