"""The pure core: it decides. No clock, no randomness, no logger, no IO; `now` and draws are arguments.

`model` has the words, `replies` what an answer can mean, `paging` the protocol of a pull, `books` and `audit` the two
comparisons with the vendor's totals, `routes` the way a job goes, `schedule` when it is due, `budget` and `retry`
how much and how long, `keys` and `criteria` the two hashes that must never change. `scan` reads JSON that a strict
parser refuses, `redact` takes out of a text what no log line may hold.
"""
