"""fhirpy against the running service: what a user of the client does, in both versions.

Usage: python with_fhirpy.py http://127.0.0.1:PORT
"""

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound
from steps import ADDRESS, finish, nurse_for_anna, patient, step, token, transaction, unique


def refused(error, call):
    """Expects the client's own error."""
    try:
        answer = call()
    except error as told:
        return told
    raise AssertionError(f"expected {error.__name__}, got {answer}")


def made(client, resource):
    """The client's own kind of resource."""
    members = {name: value for name, value in resource.items() if name != "resourceType"}
    return client.resource(resource["resourceType"], **members)


def rules(outcome):
    """The rules among the errors of an OperationOutcome."""
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"] if "coding" in issue["details"]]


def story(version):
    print(f"fhirpy, {version}")
    client = SyncFHIRClient(f"{ADDRESS}/fhir/{version}")
    value = unique("fhirpy")
    known = {}

    @step("capabilities")
    def _():
        statement = client.execute("metadata", method="get")
        assert statement.fhirVersion == {"r5": "5.0.0", "r4": "4.0.1"}[version]

    @step("create")
    def _():
        stored = made(client, patient(value))
        stored.save()
        assert stored.meta.versionId == "1"
        known["patient"] = stored

    @step("read")
    def _():
        stored = known["patient"]
        assert client.get("Patient", stored.id) == stored
        assert client.reference("Patient", stored.id).to_resource() == stored
        refused(ResourceNotFound, lambda: client.get("Patient", "nobody"))

    @step("update, refresh")
    def _():
        stored = known["patient"]
        stored["birthDate"] = "1950-09-07"
        stored.save()
        assert stored.meta.versionId == "2"
        stored.refresh()
        assert stored.birthDate == "1950-09-07"

    @step("update with If-Match")
    def _():
        stored = known["patient"]
        careful = SyncFHIRClient(client.url, extra_headers={"If-Match": 'W/"1"'})
        refused(MultipleResourcesFound, lambda: made(careful, stored).save())

    @step("vread")
    def _():
        first = client.execute(f"Patient/{known['patient'].id}/_history/1", method="get")
        assert "birthDate" not in first

    @step("conditional create")
    def _():
        careful = SyncFHIRClient(client.url, extra_headers={"If-None-Exist": f"identifier={token(value)}"})
        found = made(careful, patient(value))
        found.save()
        assert found.id == known["patient"].id

    @step("get or create")
    def _():
        fresh = unique("fhirpy")
        found = client.resources("Patient").search(identifier=token(fresh))
        resource, created = found.get_or_create(made(client, patient(fresh)))
        assert created
        again, created = found.get_or_create(made(client, patient(fresh)))
        assert again.id == resource.id and not created

    @step("conditional update")
    def _():
        updated, created = (
            client.resources("Patient")
            .search(identifier=token(value))
            .update(made(client, patient(value, "Villkorad")))
        )
        assert updated.id == known["patient"].id and not created

    @step("patch")
    def _():
        patched = client.patch("Patient", known["patient"].id, gender="male")
        assert patched["gender"] == "male"

    @step("search")
    def _():
        patients = client.resources("Patient")
        found = patients.search(identifier=token(value), family="villkor").fetch()
        assert [it.id for it in found] == [known["patient"].id]
        assert patients.search(identifier=token(value)).get().id == known["patient"].id
        assert patients.search(identifier=token(unique("nobody"))).first() is None
        outcome = refused(OperationOutcome, lambda: patients.search(shoesize="43").fetch())
        assert outcome.resource["issue"]

    @step("search by POST")
    def _():
        import requests

        form = {"identifier": token(value)}
        answer = requests.post(f"{client.url}/Patient/_search", data=form, timeout=30)
        assert answer.json()["entry"][0]["resource"]["id"] == known["patient"].id

    @step("all pages of a search")
    def _():
        everyone = [it.id for it in client.resources("Patient").limit(500).fetch()]
        seen = [it.id for it in client.resources("Patient").limit(30)]
        assert len(seen) > 100
        assert sorted(seen) == sorted(everyone)
        assert len(client.resources("Patient").limit(30).fetch_all()) == len(everyone)

    @step("count")
    def _():
        # The client also sends _totalMethod, a parameter of its own server's.
        assert client.resources("CareTeam").search(status="active").count() > 50

    @step("elements")
    def _():
        # The client asks for resourceType and id besides.
        part = client.resources("Patient").search(_id=known["patient"].id).elements("name").first()
        assert part.name and "gender" not in part

    @step("include, reverse include, chains, _has, sort")
    def _():
        plans = client.resources("CarePlan").search(patient="Patient/erik").include("CarePlan", "care-team")
        bundle = plans.fetch_raw()
        assert {entry.resource.resource_type for entry in bundle.entry} >= {"CarePlan", "CareTeam"}
        back = client.resources("Patient").search(_id="erik").revinclude("CareTeam", "patient").fetch_raw()
        assert "CareTeam" in {entry.resource.resource_type for entry in back.entry}
        teams = client.resources("CareTeam").search(patient__Patient__birthdate="1950-09-07").sort("-_lastUpdated").fetch()
        assert teams and all(it.subject.reference == "Patient/erik" for it in teams)
        has = client.resources("Patient").has("CareTeam", "patient", _id=teams[0].id).fetch()
        assert [it.id for it in has] == ["erik"]

    @step("transaction")
    def _():
        answer = client.execute("", data=transaction(version, unique("fhirpy")))
        assert [entry.response.status[:3] for entry in answer.entry] == ["201", "201"]
        team = answer.entry[0].response.location.split("CareTeam/")[1].split("/")[0]
        written = client.get("CareTeam", team)
        assert client.get(written["subject"]["reference"])["resourceType"] == "Patient"
        client.delete("CareTeam", team)

    @step("batch")
    def _():
        bundle = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [
                {"request": {"method": "GET", "url": "Patient/erik"}},
                {"resource": nurse_for_anna(version), "request": {"method": "POST", "url": "CareTeam"}},
            ],
        }
        answer = client.execute("", data=bundle)
        assert [entry.response.status[:3] for entry in answer.entry] == ["200", "422"]

    @step("the riktlinje refuses, with its reasons")
    def _():
        outcome = refused(OperationOutcome, lambda: made(client, nurse_for_anna(version)).save())
        assert "FVK-01" in rules(outcome.resource)

    @step("$validate and $everything")
    def _():
        assert not made(client, nurse_for_anna(version)).is_valid()
        assert made(client, patient(unique("fhirpy"))).is_valid()
        everything = client.reference("Patient", "erik").execute("$everything", method="get")
        assert {"Patient", "CareTeam", "CarePlan"} <= {entry.resource.resourceType for entry in everything.entry}

    @step("history")
    def _():
        versions = client.reference("Patient", known["patient"].id).execute("_history", method="get")
        assert versions.entry[-1].resource.meta.versionId == "1" and len(versions.entry) >= 2
        assert client.execute("_history", method="get").entry

    @step("delete, conditional delete")
    def _():
        known["patient"].delete()
        refused(ResourceNotFound, lambda: client.get("Patient", known["patient"].id))
        gone = unique("fhirpy")
        made(client, patient(gone)).save()
        _, status = client.resources("Patient").search(identifier=token(gone)).delete()
        assert status in (200, 204)
        assert client.resources("Patient").search(identifier=token(gone)).first() is None


for name in ["r5", "r4"]:
    story(name)
finish()
