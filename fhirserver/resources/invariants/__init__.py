"""The specification's invariants: the table, what is evaluated of it, and what is said when one is broken.

https://hl7.org/fhir/R5/conformance-rules.html#constraints
"""
