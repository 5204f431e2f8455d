"""Runs the examples of docs/rest against a demo and holds each answer against the status that the page states.

Usage: python3 examples.py http://127.0.0.1:PORT

An example is a curl command in a ```sh block; the comment after it is its status: `curl …  # 201`. Pages run in the
order of the index, commands in the order of the page.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "rest"
WRITTEN = "http://127.0.0.1:8080"


def pages():
    """The index, and the pages that it links to, in its order; every page must be there."""
    index = PAGES / "README.md"
    names = re.findall(r"\]\(([a-z-]+\.md)\)", index.read_text(encoding="utf-8"))
    ordered = list(dict.fromkeys(names))
    missing = {page.name for page in PAGES.glob("*.md")} - set(ordered) - {"README.md"}
    if missing:
        sys.exit(f"the index does not name {sorted(missing)}")
    return [index, *(PAGES / name for name in ordered)]


def commands(text):
    """Each command of the page's sh blocks: its line, and what it says (continued lines joined)."""
    for block in re.finditer(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text[: block.start(1)].count("\n") + 1
        command, first = "", line
        for number, part in enumerate(block.group(1).splitlines(), start=line):
            if not command:
                first = number
            if part.endswith("\\"):
                command += part[:-1] + "\n"
                continue
            command += part
            if command.strip() and not command.lstrip().startswith("#"):
                yield first, command
            command = ""


def run(command, address, folder):
    """The status that the command's curl is answered."""
    body = pathlib.Path(folder) / "body"
    script = f"""set -euo pipefail
curl() {{ command curl --silent --show-error --max-time 60 --output '{body}' --write-out '%{{http_code}}\\n' "$@"; }}
{command.replace(WRITTEN, address)}
"""
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    told = body.read_text(encoding="utf-8", errors="replace") if body.exists() else ""
    return done.stdout.strip(), done.stderr.strip() or told[:2000]


def main():
    address = sys.argv[1]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in pages():
            for line, command in commands(page.read_text(encoding="utf-8")):
                place = f"{page.relative_to(ROOT)}:{line}"
                stated = re.search(r"\s# (\d{3})\b[^\n]*$", command)
                if not stated:
                    told, why = "no status", "an example ends in a comment with its status"
                else:
                    told, why = run(command, address, folder)
                if stated and told == stated.group(1):
                    passed += 1
                    continue
                failed += 1
                wanted = stated.group(1) if stated else "a status"
                print(f"  FAULT {place}: expected {wanted}, got {told}\n        {command.strip()}\n        {why}")
    print("docs/rest")
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if passed and not failed else 1)


main()
