"""The work: `runner` takes a run from its claim to its closing line, `audit` asks whether it may, `pull` does it.

They are strangers to each other; `desk` has what each is handed.
"""
