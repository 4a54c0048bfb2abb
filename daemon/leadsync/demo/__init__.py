"""The demo: the one place that knows both the daemon and the vendors' simulator."""
