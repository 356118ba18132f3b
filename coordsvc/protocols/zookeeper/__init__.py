"""ZooKeeper's language: bytes to requests and back, and one side of a connection, without I/O."""
