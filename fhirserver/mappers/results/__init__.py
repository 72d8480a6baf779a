"""Posted results of a trial: what was found, and the Evidence and the EvidenceReport that say so.

https://hl7.org/fhir/R5/evidence.html, https://hl7.org/fhir/R5/evidencereport.html, https://build.fhir.org/ig/HL7/ebm/
"""
