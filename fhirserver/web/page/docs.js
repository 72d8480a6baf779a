"use strict";
// Which types are shown is said in the address: /docs?types=Patient,Group
const types = new URLSearchParams(location.search).get("types") ?? "ResearchStudy,ResearchSubject,PlanDefinition,Group,Patient";
SwaggerUIBundle({
  url: "openapi.json" + (types ? "?types=" + encodeURIComponent(types) : ""),
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 2,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
});
