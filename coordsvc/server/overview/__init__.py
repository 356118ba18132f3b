"""A server as ZooKeeper's operators see it: what words, admin commands and metrics tell."""

from coordsvc.server.overview.overview import Overview

__all__ = ["Overview"]
