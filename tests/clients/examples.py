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
    """Each example of the page's sh blocks: its line, the command, the status that ends it (none: a fault of the page)."""
    for block in re.finditer(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        lines = []
        for number, line in enumerate(block.group(1).splitlines(), start=text[: block.start(1)].count("\n") + 1):
            lines.append(line)
            if status := re.search(r"\s# (\d{3})$", line):
                yield number - len(lines) + 1, "\n".join(lines), status.group(1)
                lines = []
        if "".join(lines).strip():
            yield number, "\n".join(lines), None


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
            for line, command, stated in commands(page.read_text(encoding="utf-8")):
                told, why = run(command, address, folder) if stated else ("none", "no status ends it: `# 200`")
                if told == stated:
                    passed += 1
                    continue
                failed += 1
                place = page.relative_to(ROOT)
                print(f"  FAULT {place}:{line}: expected {stated}, got {told}\n        {command.strip()}\n        {why}")
    print("docs/rest")
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if passed and not failed else 1)


main()
