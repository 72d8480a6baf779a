from fhirserver.mappers.releases import converted as converted
