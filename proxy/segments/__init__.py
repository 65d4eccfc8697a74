"""The segment files and the records in them: format, files, writer. Must not know HTTP."""
