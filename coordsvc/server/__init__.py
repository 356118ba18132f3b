"""The runtime: sockets, disks, clocks, tasks. The only room that awaits."""
