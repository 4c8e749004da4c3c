"""The service: OTLP in, priced rows out. `llmcost-collector` runs it, `llmcost up` runs it in the foreground."""
