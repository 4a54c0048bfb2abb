"""The only way out: what is sent to others, and what their answers mean.

`wire`, `async_wire`, `trace_wire` and `trace_results` build requests and decipher replies, `records` reads a property;
`http` sends, `pace`, `traffic` and `breaker` hold it back; `batchdata` and `realestateapi` are the two vendors' APIs,
`notifiers` and `switch` tell people.
"""
