# The server without a mongod of its own: give it FHIRSERVER_MONGODB_URI.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY fhirserver fhirserver
RUN pip install --no-cache-dir --prefix=/install '.[motor]'

FROM python:3.12-slim
COPY --from=build /install /usr/local
COPY seed /srv/seed
ENV FHIRSERVER_HOST=0.0.0.0 FHIRSERVER_PORT=8000 FHIRSERVER_SEED_DIR=/srv/seed PYTHONUNBUFFERED=1
RUN useradd --system --no-create-home fhir
USER fhir
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["fhirserver"]
CMD ["serve"]
