"""A small support product, the providers it calls, and a month of its past: something to look at on day one."""
