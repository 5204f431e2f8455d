"""fhirclient, SMART's R4 client with a class per type, against the running service.

Usage: python with_fhirclient.py http://127.0.0.1:PORT
"""

import requests
from fhirclient import client as smart
from fhirclient.models.bundle import Bundle
from fhirclient.models.careplan import CarePlan
from fhirclient.models.careteam import CareTeam
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from steps import ADDRESS, finish, nurse_for_anna, patient, step, token, transaction, unique

server = smart.FHIRClient(settings={"app_id": "klient", "api_base": f"{ADDRESS}/fhir/r4"}).server
value = unique("fhirclient")
known = {}


def refused(status, call):
    """Expects the call to be refused with this status; gives the OperationOutcome, read by the client's own class."""
    try:
        answer = call()
    except (requests.HTTPError, FHIRNotFoundException) as error:
        assert error.response.status_code == status, error.response.status_code
        return OperationOutcome(error.response.json())
    raise AssertionError(f"expected {status}, got {answer}")


print("fhirclient, r4")


@step("capabilities")
def _():
    server.prepare()
    statement = server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    assert "CareTeam" in [resource.type for resource in statement.rest[0].resource]


@step("create and read")
def _():
    created = Patient(patient(value)).create(server)
    known["patient"] = created["id"]
    stored = Patient.read(created["id"], server)
    assert stored.meta.versionId == "1"
    assert stored.as_json() == created
    refused(404, lambda: Patient.read("nobody", server))


@step("update")
def _():
    stored = Patient.read(known["patient"], server)
    stored.birthDate = FHIRDate("1950-09-07")
    assert stored.update()["meta"]["versionId"] == "2"


@step("vread and history")
def _():
    first = Patient.read_from(f"Patient/{known['patient']}/_history/1", server)
    assert first.birthDate is None
    history = Bundle.read_from(f"Patient/{known['patient']}/_history", server)
    assert [entry.resource.meta.versionId for entry in history.entry] == ["2", "1"]


@step("search")
def _():
    search = Patient.where({"identifier": token(value), "family": "prov"})
    assert [it.id for it in search.perform_resources_iter(server)] == [known["patient"]]
    active = CareTeam.where({"patient": "Patient/erik", "status": {"$or": ["active", "proposed"]}})
    teams = list(active.perform_resources_iter(server))
    assert teams and all(team.subject.reference == "Patient/erik" for team in teams)
    chained = CareTeam.where({"patient": {"$type": "Patient", "_id": "erik"}, "status": "active"})
    assert {it.id for it in chained.perform_resources_iter(server)} <= {team.id for team in teams}


@step("include and reverse include")
def _():
    plans = CarePlan.where({"patient": "Patient/erik"}).include("subject")
    assert {type(it) for it in plans.perform_resources_iter(server)} == {CarePlan, Patient}
    back = Patient.where({"_id": "erik"}).include("subject", CareTeam, reverse=True)
    assert {type(it) for it in back.perform_resources_iter(server)} == {CareTeam, Patient}


@step("all pages of a search")
def _():
    everyone = [it.id for it in Patient.where({"_count": "500"}).perform_resources_iter(server)]
    seen = [it.id for it in Patient.where({"_count": "30"}).perform_resources_iter(server)]
    assert len(seen) > 100
    assert sorted(seen) == sorted(everyone)


@step("every CareTeam and CarePlan of the demo fits the client's classes")
def _():
    for kind in (CareTeam, CarePlan):
        assert len(list(kind.where({"_count": "100"}).perform_resources_iter(server))) > 50


@step("transaction")
def _():
    answer = Bundle(Bundle(transaction("r4", unique("fhirclient"))).create(server))
    assert [entry.response.status[:3] for entry in answer.entry] == ["201", "201"]
    team = answer.entry[0].response.location.split("CareTeam/")[1].split("/")[0]
    written = CareTeam.read(team, server)
    assert written.subject.resolved(Patient).name[0].family == "Prov"
    written.delete()


@step("batch")
def _():
    entries = [
        {"request": {"method": "GET", "url": "Patient/erik"}},
        {"resource": nurse_for_anna("r4"), "request": {"method": "POST", "url": "CareTeam"}},
    ]
    answer = Bundle(Bundle({"resourceType": "Bundle", "type": "batch", "entry": entries}).create(server))
    assert [entry.response.status[:3] for entry in answer.entry] == ["200", "422"]
    assert isinstance(answer.entry[0].resource, Patient)


@step("the riktlinje refuses, with its reasons")
def _():
    outcome = refused(422, lambda: CareTeam(nurse_for_anna("r4")).create(server))
    assert "FVK-01" in [issue.details.coding[0].code for issue in outcome.issue]


@step("$validate and $everything")
def _():
    judged = OperationOutcome(server.post_json("CareTeam/$validate", nurse_for_anna("r4")).json())
    assert "FVK-01" in [issue.details.coding[0].code for issue in judged.issue if issue.details.coding]
    everything = Bundle.read_from("Patient/erik/$everything", server)
    assert {Patient, CareTeam, CarePlan} <= {type(entry.resource) for entry in everything.entry}


@step("delete")
def _():
    Patient.read(known["patient"], server).delete()
    refused(410, lambda: Patient.read(known["patient"], server))


finish()
