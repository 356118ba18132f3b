#!/bin/sh
# Keeps a file equal to a node of the tree, and runs a command after each change.
#
#     coordctl put /config/web 'workers = 4'
#     examples/config_reload.sh /config/web web.conf systemctl reload web
#
# Nothing is missed, and nothing is polled: the watch begins at the revision that was read first,
# and survives the loss of servers. COORDSVC_ENDPOINTS says where the cluster is.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 NODE FILE COMMAND..." >&2
    exit 2
fi
node=$1 file=$2

if [ -z "${COORDSVC_EVENT:-}" ]; then
    revision=$(coordctl stat "$node" -o json | sed 's/.*"revision": \([0-9]*\).*/\1/')
    COORDSVC_EVENT=first "$0" "$@"
    exec coordctl watch "$node" --since "$revision" -- "$0" "$@"
fi

# From here on: called once at first, and then by `coordctl watch` for each change.
shift 2
if [ "$COORDSVC_EVENT" = deleted ]; then
    echo "$node is gone; $file stays as it is" >&2
    exit 0
fi
coordctl get "$node" > "$file.new"
mv "$file.new" "$file" # whole or not at all
"$@"
