"""The words that synthetic resources are made of."""

from __future__ import annotations

from dataclasses import dataclass

_STEMS = (
    *("Ander", "Berg", "Brand", "Carl", "Dal", "Eriks", "Fors", "Gran", "Hammar", "Holm", "Jans", "Karls"),
    *("Lind", "Lund", "Matts", "Nils", "Olofs", "Peters", "Rosen", "Sand", "Strand", "Svens", "Thors", "Wester"),
)
_ENDINGS = (
    *("berg", "by", "dahl", "ell", "feldt", "gren", "holm", "ing", "kvist", "lund", "man", "mark"),
    *("ner", "qvist", "rup", "sen", "son", "stedt", "strom", "vall"),
)
FAMILIES = tuple(stem + ending for stem in _STEMS for ending in _ENDINGS)
GIVENS = (
    *("Ada", "Bo", "Cleo", "Dan", "Elin", "Finn", "Gerd", "Hugo", "Ida", "Jon", "Kaja", "Leo", "Mia", "Nora", "Ole"),
    *("Pia", "Quinn", "Rolf", "Siri", "Tor", "Una", "Vera", "Willy", "Xenia", "Yrsa", "Zoe", "Alma", "Birk", "Clara"),
)
CITIES = (
    *(("Oslo", "NO"), ("Bergen", "NO"), ("Uppsala", "SE"), ("Lund", "SE"), ("Aarhus", "DK"), ("Odense", "DK")),
    *(("Turku", "FI"), ("Oulu", "FI"), ("Kiel", "DE"), ("Jena", "DE"), ("Gent", "BE"), ("Delft", "NL")),
)
CONDITIONS = (
    *(("38341003", "Hypertensive disorder"), ("44054006", "Type 2 diabetes mellitus"), ("195967001", "Asthma")),
    *(("13645005", "Chronic obstructive lung disease"), ("49436004", "Atrial fibrillation")),
    *(("69896004", "Rheumatoid arthritis"), ("64859006", "Osteoporosis"), ("37796009", "Migraine")),
    *(("709044004", "Chronic kidney disease"), ("84114007", "Heart failure"), ("24700007", "Multiple sclerosis")),
)


@dataclass(frozen=True, slots=True)
class Lab:
    """A measurement: its LOINC code, its unit and the range of healthy values."""

    code: str
    display: str
    unit: str
    low: float
    high: float


LABS = (
    Lab("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12.0, 17.5),
    Lab("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4.0, 5.7),
    Lab("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 70.0, 99.0),
    Lab("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.6, 1.3),
    Lab("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 7.0, 20.0),
    Lab("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 135.0, 145.0),
    Lab("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 3.5, 5.1),
    Lab("2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", 98.0, 107.0),
    Lab("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", 8.6, 10.3),
    Lab("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 7.0, 56.0),
    Lab("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 10.0, 40.0),
    Lab("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", 0.1, 1.2),
    Lab("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 3.5, 5.5),
    Lab("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 125.0, 200.0),
    Lab("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 40.0, 150.0),
    Lab("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 4.5, 11.0),
    Lab("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 150.0, 400.0),
    Lab("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 0.1, 8.0),
    Lab("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 0.4, 4.0),
    Lab("8867-4", "Heart rate", "/min", 60.0, 100.0),
)
