"""The archive: Parquet, sealed segments and manifests in a directory or S3. Is read without PostgreSQL."""
