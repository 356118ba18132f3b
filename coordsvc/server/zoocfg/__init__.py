"""zoo.cfg: ZooKeeper's configuration file, read as settings of a node.

`read` takes an unmodified file and says which settings it comes to, what of it is not honoured,
and why. The keys it knows and what becomes of each are in `keys`.
"""

from coordsvc.server.zoocfg.reading import read
from coordsvc.server.zoocfg.translation import Translation

__all__ = ["Translation", "read"]
