"""FHIR's XML format, from and to the decoded JSON that the rest of the server works with.

https://hl7.org/fhir/R5/xml.html
"""

from fhirserver.resources.xml.reading import from_xml
from fhirserver.resources.xml.writing import to_xml

__all__ = ["from_xml", "to_xml"]
