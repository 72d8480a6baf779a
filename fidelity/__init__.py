"""How much of a trial record FHIR keeps: every record is mapped and looked for again in what came out.

docs/mapping.md says what is measured.
"""
