"""Imaging ingestion: from the wire to S3, the manifest, events and FHIR."""
