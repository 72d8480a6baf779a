"""Functions of FHIRPath by subject, each module with a table of what it has.

https://hl7.org/fhirpath/N1/#functions
"""
