"""The routing rule's runtime: CloudFront Functions, as far as ours needs them, on the bundled Node."""
