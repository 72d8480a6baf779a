"""The words by which a ResearchStudy holds what the registry adds to a record; the way back knows it by them.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#AnnotationSection
"""

from __future__ import annotations

DOCUMENT = "Study document"
HOLDS = {
    "hasProtocol": "Holds the study protocol",
    "hasSap": "Holds the statistical analysis plan",
    "hasIcf": "Holds the informed consent form",
}
UPLOADED = "Uploaded"
NO_PLAN = {True: "There is no statistical analysis plan", False: "There is a statistical analysis plan"}

ESTIMATED = "Results submission, estimated"
FIRST_COMMENTS = "First posting of major comments on submitted results"
SUBMISSION = "Results submission"
COMMENTS = "major comments posted with release"
UNKNOWN_DATE = ", date unknown"
SUBMITTED = {"releaseDate": "released", "unreleaseDate": "canceled", "resetDate": "returned for changes"}
UNPOSTED = {
    "RELEASE": "Unposted results released",
    "UNRELEASE": "Unposted results canceled",
    "RESET": "Unposted results returned for changes",
}
RESPONSIBLE = "Responsible for unposted results"

VIOLATION = "Violation"
VIOLATIONS = {
    "VIOLATION_IDENTIFIED": "identified by FDA",
    "CORRECTION_CONFIRMED": "corrected, confirmed by FDA",
    "PENALTY_IMPOSED": "penalty imposed by FDA",
}
VIOLATION_DATES = {"creationDate": "entered", "issuedDate": "issued", "releaseDate": "released", "postedDate": "posted"}

REMOVED = "Country no longer in the record"
LOWEST = "Lowest body mass index, predicted by the registry"
HIGHEST = "Highest body mass index, predicted by the registry"
CONDITION, INTERVENTION = "condition", "intervention"
BROADER = "Broader"
LISTED = "Listed"
CHAPTER = "Chapter"
RELEVANCE = {"HIGH": "of high relevance", "LOW": "of low relevance"}
FOUND_AS = "; found as: "
