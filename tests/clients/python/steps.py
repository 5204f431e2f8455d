"""What the Python clients share: named steps that are told one by one, and the resources that they send."""

import copy
import itertools
import json
import pathlib
import sys
import time
import traceback

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"
IDENTIFIERS = "https://example.se/id/klient"
ADDRESS = sys.argv[1]

_result = {"passed": 0, "failed": 0}
_counter = itertools.count(time.time_ns())


def step(title):
    """Runs one step of a client's story; a fault is told and the story goes on."""

    def run(function):
        try:
            function()
        except Exception as error:  # noqa: BLE001 - whatever a client raises is told
            _result["failed"] += 1
            print(f"  FAULT {title}: {type(error).__name__}: {error}")
            print("        " + traceback.format_exc().strip().splitlines()[-3].strip())
            told = getattr(getattr(error, "response", None), "text", None)
            if told:
                print(f"        {told}")
        else:
            _result["passed"] += 1
            print(f"  ok    {title}")

    return run


def finish():
    """The last line; the process fails when a step did."""
    print(f"{_result['passed']} passed, {_result['failed']} failed")
    sys.exit(0 if _result["passed"] and not _result["failed"] else 1)


def unique(name):
    """A value that nobody else has, for identifiers of this run."""
    return f"{name}-{next(_counter)}"


def token(value):
    return f"{IDENTIFIERS}|{value}"


def patient(value, family="Prov"):
    """A synthetic patient without a personal number."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": IDENTIFIERS, "value": value}],
        "name": [{"family": family, "given": ["Klient"]}],
        "gender": "female",
    }


def contact(version, subject):
    """A physician as fast vårdkontakt, in the version, of this patient."""
    name = "fast-vardkontakt-lakare.r4.json" if version == "r4" else "fast-vardkontakt-lakare.json"
    team = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    for member in ["id", "reason", "reasonCode", "reasonReference"]:
        team.pop(member, None)
    team["subject"]["reference"] = subject
    return team


def nurse_for_anna(version):
    """What the riktlinje refuses: a nurse as the only fast vårdkontakt at a life-threatening condition."""
    team = copy.deepcopy(contact(version, "Patient/anna"))
    team["participant"][0]["member"]["reference"] = "PractitionerRole/orebro-vc-bjorken-sjukskoterska"
    return team


def transaction(version, value):
    """A contact, and the patient that it names by urn:uuid."""
    subject = "urn:uuid:0b1f4c1e-8a54-4c38-9b52-0b6a1d2f7e03"
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": contact(version, subject), "request": {"method": "POST", "url": "CareTeam"}},
            {"fullUrl": subject, "resource": patient(value), "request": {"method": "POST", "url": "Patient"}},
        ],
    }
