"""The runbook as commands, and what watches the service."""
