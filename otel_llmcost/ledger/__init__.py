"""Upkeep of the ledger: correct, prove, erase, fill it from elsewhere; all of it is "write rows, touch hours"."""
