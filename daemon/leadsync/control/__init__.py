"""How commands reach a daemon: HTTP on a Unix socket beside the store, which its owner alone may open.

One request is one command. The answer is a stream of JSON lines: what the log says about it as it happens, each as
`{"line": {…}}`, and at the end `{"result": {…}}` or `{"error": {"exit_code": …, "message": …}}`.
"""
