"""The door for webhooks: verifies the address, stores what came, answers. Nothing else.

No request names a file, starts spending, deletes anything or changes the configuration. What a message means is read
later, by `jobs.unpack`.
"""
