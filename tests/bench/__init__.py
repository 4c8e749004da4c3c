"""What we cost, beside others, in the same run: `make bench`.

`worker` runs inside one environment and does calls on command, `pricing_worker` prices on command; `environments` makes
those of the others; `calls`, `startup`, `micro` and `pricing` measure; `results` says what it means and whether the
goals are met.
"""
