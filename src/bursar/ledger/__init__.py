"""The ledger: one SQL function a file, its caller beside it, and the engine that gathers calls."""
