"""The only way out: `wire` builds requests and deciphers replies, `http` sends, `batchdata` is the vendor's API."""
