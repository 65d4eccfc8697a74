"""The archive: Parquet files, packed segments and manifests in a directory or S3; read without PostgreSQL."""
