"""Writes fhirserver/resources/definitions/ from HL7's npm packages.

    python tools/generate_definitions.py [--packages DIR]

The packages (hl7.fhir.r5.core; hl7.fhir.r4.examples, which carries the 4.0.1 definitions too; hl7.terminology) are
fetched with `npm pack` unless DIR holds them already as .tgz files. Each release gives six compact tables:

    structures.json          type -> {kind, base, elements: {JSON name -> {t, r, m, b, g, c}}}
                             t type, r minimum (left out when 0), m maximum (left out when many), b value set of a
                             required binding, g target types of references, c the choice element it belongs to
    valuesets.json           value set of a required binding -> {system: its codes}
    search_parameters.json   type, or Resource and DomainResource for all of them
                             -> {code -> [kind, expression, url, {targets, components}]}
    compartments.json        compartment -> {type -> [codes]}
    invariants.json          type, backbone element or element -> [[key, severity, expression]], each where it is
                             defined: what a type inherits is not repeated
    summary.json             type or backbone element -> [elements of its summary, a choice by its name without [x]]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = {"R5": "hl7.fhir.r5.core@5.0.0", "R4": "hl7.fhir.r4.examples@4.0.1"}
TERMINOLOGY = "hl7.terminology@7.0.1"
TARGET = Path(__file__).parent.parent / "fhirserver" / "resources" / "definitions"
WANTED = ("StructureDefinition", "SearchParameter", "ValueSet", "CodeSystem", "CompartmentDefinition")
FHIRPATH_TYPE = "http://hl7.org/fhirpath/System."

Json = dict[str, Any]


def fetch(package: str, folder: Path) -> Path:
    """The package's archive in `folder`, fetched if it is not there."""
    archive = folder / f"{package.replace('@', '-')}.tgz"
    if not archive.exists():
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return archive


def read(archive: Path) -> dict[str, dict[str, Json]]:
    """The wanted resources of the package: kind -> url -> resource."""
    found: dict[str, dict[str, Json]] = {kind: {} for kind in WANTED}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.split("/")
            if len(path) != 2 or not path[1].startswith(WANTED) or not path[1].endswith(".json"):
                continue
            stream = tar.extractfile(member)
            assert stream is not None
            resource = json.load(stream)
            kind = resource.get("resourceType")
            if kind in found and "url" in resource:
                found[kind].setdefault(resource["url"], resource)
    return found


def last(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def fhir_type(coded: Json) -> str:
    """The type of an element.type entry; ids and extension urls name a FHIRPath system type."""
    for extension in coded.get("extension", []):
        if extension["url"].endswith("structuredefinition-fhir-type"):
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    code = str(coded["code"])
    return code.removeprefix(FHIRPATH_TYPE).lower() if code.startswith(FHIRPATH_TYPE) else code


def structures(definitions: dict[str, Json]) -> tuple[Json, set[str]]:
    """Every resource, data type and backbone element, and the value sets that they bind as required."""
    tables: Json = {}
    bound: set[str] = set()
    for definition in definitions.values():
        if definition.get("derivation") == "constraint" or definition["kind"] == "logical":
            continue
        name = last(definition["type"])
        base = last(definition.get("baseDefinition", "")) or None
        tables[name] = {
            "kind": definition["kind"],
            "abstract": bool(definition["abstract"]),
            "base": base,
            "elements": {},
        }
        if definition["kind"] == "primitive-type":
            for element in definition["snapshot"]["element"]:
                if element["path"].endswith(".value"):
                    for extension in element["type"][0].get("extension", []):
                        if extension["url"].endswith("/regex"):
                            tables[name]["regex"] = extension["valueString"]
        paths = {element["path"] for element in definition["snapshot"]["element"]}
        for element in definition["snapshot"]["element"]:
            path = element["path"]
            if "." not in path:
                continue
            parent, leaf = path.rsplit(".", 1)
            owner = tables.setdefault(
                parent, {"kind": "backbone", "abstract": False, "base": "BackboneElement", "elements": {}}
            )
            entry: Json = {}
            if element["min"]:
                entry["r"] = element["min"]
            if element["max"] != "*":
                entry["m"] = int(element["max"])
            binding = element.get("binding", {})
            if binding.get("strength") == "required" and "valueSet" in binding:
                entry["b"] = binding["valueSet"].split("|")[0]
            if "contentReference" in element:
                owner["elements"][leaf] = entry | {"t": element["contentReference"].split("#")[1]}
                continue
            for coded in element.get("type", []):
                kind = fhir_type(coded)
                own = dict(entry)
                backbone = any(other.startswith(path + ".") for other in paths)
                own["t"] = path if backbone and kind in ("BackboneElement", "Element") else kind
                targets = sorted({last(url) for url in coded.get("targetProfile", [])})
                if targets and targets != ["Resource"]:
                    own["g"] = targets
                if kind not in ("code", "Coding", "CodeableConcept", "CodeableReference", "Quantity", "string", "uri"):
                    own.pop("b", None)
                if "b" in own:
                    bound.add(own["b"])
                if leaf.endswith("[x]"):
                    own["c"] = leaf[:-3]
                    owner["elements"][leaf[:-3] + kind[0].upper() + kind[1:]] = own
                else:
                    owner["elements"][leaf] = own
    for name, table in tables.items():
        if table["kind"] == "backbone" and name.split(".")[0] in tables:
            head = tables[name.split(".")[0]]
            table["base"] = "BackboneElement" if head["kind"] == "resource" else "Element"
    return tables, bound


def invariants(definitions: dict[str, Json], tables: Json) -> Json:
    """The constraints of every element, but for those that its type, or the type it derives from, brings along."""
    own = {
        last(definition["type"]): definition["snapshot"]["element"]
        for definition in definitions.values()
        if definition.get("derivation") != "constraint" and definition["kind"] != "logical"
    }
    of_type = {name: {rule(c) for c in elements[0].get("constraint", [])} for name, elements in own.items()}
    by_path = {e["path"]: {rule(c) for c in e.get("constraint", [])} for elements in own.values() for e in elements}
    found: Json = {}
    for name, elements in own.items():
        for element in elements:
            path = element["path"]
            if "." not in path:
                known = of_type.get(tables[name]["base"], set())
            elif "contentReference" in element:
                known = by_path[element["contentReference"].split("#")[1]]
            else:
                known = of_type["Element"].union(*(of_type.get(fhir_type(t), set()) for t in element.get("type", [])))
            # A rule that is given again under another key, where an element shares the content of another, is one.
            expressions = {expression for _, expression in known} if "contentReference" in element else set()
            for constraint in element.get("constraint", []):
                key, expression = rule(constraint)
                if expression and (key, expression) not in known and expression not in expressions:
                    found.setdefault(path, []).append([key, constraint["severity"], constraint["expression"]])
    return {path: found[path] for path in sorted(found)}


def summary(definitions: dict[str, Json]) -> Json:
    """The elements that a summary holds, of each type and backbone element that has any."""
    found: Json = {}
    for definition in definitions.values():
        if definition.get("derivation") == "constraint" or definition["kind"] in ("logical", "primitive-type"):
            continue
        for element in definition["snapshot"]["element"]:
            parent, dot, leaf = element["path"].rpartition(".")
            if dot and element.get("isSummary"):
                found.setdefault(parent, []).append(leaf.removesuffix("[x]"))
    return {name: found[name] for name in sorted(found)}


def rule(constraint: Json) -> tuple[str, str]:
    """What tells one constraint from another: its key and its expression without blanks."""
    return constraint["key"], "".join(constraint.get("expression", "").split())


def codes_below(concepts: list[Json]) -> list[str]:
    found = []
    for concept in concepts:
        found.append(concept["code"])
        found.extend(codes_below(concept.get("concept", [])))
    return found


def below(concepts: list[Json], code: str) -> list[str]:
    """`code` and what is under it."""
    for concept in concepts:
        if concept["code"] == code:
            return codes_below([concept])
        found = below(concept.get("concept", []), code)
        if found:
            return found
    return []


def expand(url: str, sets: dict[str, Json], systems: dict[str, Json]) -> dict[str, list[str]] | None:
    """system -> codes of a value set, or None where the package does not hold all of its content."""
    valueset = sets.get(url.split("|")[0])
    if valueset is None or "compose" not in valueset:
        return None
    compose = valueset["compose"]
    found: dict[str, list[str]] = {}
    for include in compose["include"]:
        part = expand_include(include, sets, systems)
        if part is None:
            return None
        for system, codes in part.items():
            found.setdefault(system, []).extend(codes)
    for exclude in compose.get("exclude", []):
        part = expand_include(exclude, sets, systems)
        if part is None:
            return None
        for system, codes in part.items():
            gone = set(codes)
            found[system] = [code for code in found.get(system, []) if code not in gone]
    return found


def expand_include(include: Json, sets: dict[str, Json], systems: dict[str, Json]) -> dict[str, list[str]] | None:
    found: dict[str, list[str]] | None = None
    if "system" in include:
        system = include["system"]
        if "concept" in include:
            found = {system: [concept["code"] for concept in include["concept"]]}
        else:
            defined = systems.get(system)
            if defined is None or defined.get("content") != "complete":
                return None
            codes = codes_below(defined.get("concept", []))
            for rule in include.get("filter", []):
                if rule["op"] == "is-a":
                    kept = set(below(defined["concept"], rule["value"]))
                    by_parent = {
                        c["code"]
                        for c in walk(defined["concept"])
                        if any(
                            p["code"] in ("subsumedBy", "parent") and p.get("valueCode") in kept
                            for p in c.get("property", [])
                        )
                    }
                    kept |= by_parent
                    codes = [code for code in codes if code in kept]
                elif rule["op"] in ("=", "in") and rule["property"] != "concept":
                    values = set(rule["value"].split(","))
                    kept = {
                        c["code"]
                        for c in walk(defined["concept"])
                        for p in c.get("property", [])
                        if p["code"] == rule["property"]
                        and str(next(v for k, v in p.items() if k.startswith("value"))).lower() in values
                    }
                    codes = [code for code in codes if code in kept]
                else:
                    return None
            found = {system: codes}
    for url in include.get("valueSet", []):
        part = expand(url, sets, systems)
        if part is None:
            return None
        found = part if found is None else {s: [c for c in codes if c in part.get(s, [])] for s, codes in found.items()}
    return found


def walk(concepts: list[Json]) -> list[Json]:
    found = []
    for concept in concepts:
        found.append(concept)
        found.extend(walk(concept.get("concept", [])))
    return found


def split_union(expression: str) -> list[str]:
    """The branches of a FHIRPath union at its top level."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(expression):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            parts.append(expression[start:at].strip())
            start = at + 1
    parts.append(expression[start:].strip())
    return parts


def for_type(expression: str, kind: str, own_bases: set[str]) -> str:
    """The branches of an expression that start at `kind` (or at a type it derives from, or at no type at all)."""
    kept = []
    for branch in split_union(expression):
        head = re.match(r"\(*\s*([A-Z][A-Za-z]+)\b", branch)
        if head is None or head[1] == kind or head[1] in own_bases:
            kept.append(branch)
    return " | ".join(kept)


def search_parameters(parameters: dict[str, Json], tables: Json) -> Json:
    found: Json = {}
    concrete = [n for n, t in tables.items() if t["kind"] == "resource" and not t["abstract"]]
    for parameter in sorted(parameters.values(), key=lambda p: str(p["url"])):
        if not parameter["url"].startswith("http://hl7.org/fhir/SearchParameter/"):
            continue
        if parameter["id"].startswith("example") or "base" not in parameter:
            continue
        for kind in parameter["base"]:
            bases = {"Resource"}
            if tables[kind]["base"] != "Resource":
                bases |= {"DomainResource", "CanonicalResource", "MetadataResource", tables[kind]["base"]}
            expression = parameter.get("expression") or ""
            more: Json = {}
            if parameter.get("target"):
                more["targets"] = sorted(set(parameter["target"]) & set(concrete))
                if len(more["targets"]) == len(concrete):
                    del more["targets"]
            if parameter.get("component"):
                more["components"] = [[c["definition"], c["expression"]] for c in parameter["component"]]
            own = for_type(expression, kind, bases) if expression else ""
            row = [parameter["type"], own, parameter["url"]]
            found.setdefault(kind, {})[parameter["code"]] = [*row, more] if more else row
    return {kind: dict(sorted(found[kind].items())) for kind in sorted(found)}


def compartments(definitions: dict[str, Json]) -> Json:
    found: Json = {}
    for definition in definitions.values():
        if not definition["url"].startswith("http://hl7.org/fhir/CompartmentDefinition/"):
            continue
        code = definition["code"]
        if "example" in definition["id"]:
            continue
        found[code] = {r["code"]: r["param"] for r in definition.get("resource", []) if r.get("param")}
    return found


def write(folder: Path, name: str, table: Json) -> None:
    """One row a line, so that a new package shows as a readable difference."""
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in table.items())
    (folder / name).write_text("{\n" + rows + "\n}\n")


def generate(release: str, archive: Path, terminology: dict[str, Json]) -> None:
    found = read(archive)
    systems = terminology | found["CodeSystem"]
    # A stub in the core package (no concepts) gives way to the terminology package's own system.
    for url, system in found["CodeSystem"].items():
        if system.get("content") != "complete" and url in terminology:
            systems[url] = terminology[url]
    tables, bound = structures(found["StructureDefinition"])
    sets: Json = {}
    missing = []
    for url in sorted(bound):
        expanded = expand(url, found["ValueSet"], systems)
        if expanded is None:
            missing.append(url)
        else:
            sets[url] = {system: sorted(set(codes)) for system, codes in expanded.items()}
    folder = TARGET / release
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "structures.json", dict(sorted(tables.items())))
    write(folder, "valuesets.json", sets)
    write(folder, "search_parameters.json", search_parameters(found["SearchParameter"], tables))
    write(folder, "compartments.json", compartments(found["CompartmentDefinition"]))
    write(folder, "summary.json", summary(found["StructureDefinition"]))
    rules = invariants(found["StructureDefinition"], tables)
    write(folder, "invariants.json", rules)
    print(f"{release}: {sum(map(len, rules.values()))} invariants")
    print(f"{release}: {len(tables)} structures, {len(sets)} required value sets; not held: {', '.join(missing)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--packages", type=Path, help="directory that holds or receives the packages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.packages or Path(temporary)
        terminology = read(fetch(TERMINOLOGY, folder))["CodeSystem"]
        for release, package in PACKAGES.items():
            generate(release, fetch(package, folder), terminology)
    return 0


if __name__ == "__main__":
    sys.exit(main())
