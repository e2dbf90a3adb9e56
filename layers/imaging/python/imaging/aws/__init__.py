"""The ports on S3, DynamoDB, EventBridge, Step Functions and a FHIR server."""
