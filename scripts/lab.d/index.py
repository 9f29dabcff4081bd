"""Writes captures/README.md from the sidecars, or with --check only says whether it is as they say. Usage: index.py CAPTURES [--check]"""
import glob
import os
import sys
import tomllib

root = sys.argv[1]
out = [
    "# Captures",
    "",
    "Written by `scripts/lab.d/index.py` from the sidecars; change those (or what records them) instead.",
    "",
    "All of it was recorded here, from real software in network namespaces: `protocols/` by `scripts/record-captures`,",
    "`scenarios/` by `scripts/lab`. Beside each capture lies a TOML file that says what every flow in it is.",
    "",
    "## protocols",
    "",
    "| capture | shows | flows | software |",
    "|---|---|---|---|",
]


def cell(text):
    return text.replace("|", "\\|")


for path in sorted(glob.glob(os.path.join(root, "protocols", "*.toml"))):
    with open(path, "rb") as file:
        sidecar = tomllib.load(file)
    stem = path[: -len(".toml")]
    name = next(os.path.basename(stem) + end for end in (".pcapng", ".pcap") if os.path.exists(stem + end))
    flows = sidecar.get("flow", [])
    out.append("| `%s` | %s | %d | %s |" % (name, cell(sidecar["shows"]), len(flows), cell(sidecar["software"])))
out += ["", "## scenarios", "", "| table | shows | flows | software |", "|---|---|---|---|"]
for path in sorted(glob.glob(os.path.join(root, "scenarios", "*", "scenario.toml"))):
    with open(path, "rb") as file:
        sidecar = tomllib.load(file)
    name = os.path.basename(os.path.dirname(path))
    out.append("| `%s` | %s | %d | %s |" % (name, cell(sidecar["shows"]), len(sidecar.get("flow", [])), cell(sidecar["software"])))
text = "\n".join(out) + "\n"
path = os.path.join(root, "README.md")
if "--check" in sys.argv[2:]:
    with open(path) as file:
        sys.exit(0 if file.read() == text else path + ": expected what scripts/lab.d/index.py writes, found something else")
with open(path, "w") as file:
    file.write(text)
