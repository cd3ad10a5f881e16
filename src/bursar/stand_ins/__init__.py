"""Local processes that answer as other companies do, for development and for tests."""
