"""Where the form that a client speaks meets the form that is stored: R4 in and out of what is kept as R5.

What comes in is converted once it is known to be valid, what goes out last of all; between the two all is in the stored
form. https://hl7.org/fhir/R5/versioning.html
"""

from __future__ import annotations

from functools import partial

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions.server import Server
from fhirserver.releases import converted
from fhirserver.resources.registry import Release, has_lens, stored_release
from fhirserver.store.documents import Version


def taken(server: Server, resource: Resource) -> Resource:
    """A client's resource in the form that is stored."""
    return converted(resource, server.release, server.form(resource["resourceType"]))


def served(server: Server, version: Version) -> Version:
    """A stored version in the form that the client speaks; what it becomes is remembered like the version itself."""
    if version.release == server.release or version.gone or not has_lens(version.type):
        return version
    return server.store.formed(version, server.release, partial(_formed, server.release))


def spoken(server: Server, resource: Resource) -> Resource:
    """A resource in the stored form, in the form that the client speaks."""
    type_ = resource["resourceType"]
    return converted(resource, server.form(type_), server.release)


def _formed(release: Release, version: Version) -> Version:
    stored = stored_release(release, version.type)
    body = fhirjson.dumps(converted(fhirjson.loads(version.body), stored, release))
    return structs.replace(version, release=release, body=body)
