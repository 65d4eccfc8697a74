"""The operator's command: serves the proxy, runs the ETL, reports and alerts. Nothing may import it."""
