from hypothesis import given
from hypothesis import strategies as st

from coordsvc.server.addresses import members_of
from coordsvc.server.config import resolve
from coordsvc.server.options import OPTIONS
from coordsvc.server.zoocfg.keys import KEYS
from coordsvc.server.zoocfg.properties import parse
from coordsvc.server.zoocfg.translation import translate

BY_NAME = {option.name: option for option in OPTIONS}

# As ZooKeeper's own distribution has it.
SAMPLE = """
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/tmp/zookeeper
clientPort=2181
#maxClientCnxns=60
#autopurge.snapRetainCount=3
"""
# As its guide has it for three machines.
THREE = """
tickTime=2000
dataDir=/var/lib/zookeeper/
clientPort=2181
initLimit=5
syncLimit=2
server.1=zoo1:2888:3888
server.2=zoo2:2888:3888
server.3=zoo3:2888:3888
"""
# As its guide has it for one machine.
ONE_MACHINE = """
dataDir=/tmp/zk
clientPort=2182
server.1=localhost:2888:3888
server.2=localhost:2889:3889
server.3=localhost:2890:3890
"""
# As its container image writes it.
CONTAINER = """
dataDir=/data
dataLogDir=/datalog
tickTime=2000
initLimit=5
syncLimit=2
autopurge.snapRetainCount=3
autopurge.purgeInterval=0
maxClientCnxns=60
standaloneEnabled=true
admin.enableServer=true
server.1=localhost:2888:3888;2181
"""


def translated(text, *, my_id=None):
    return translate(parse(text), my_id=my_id, hostname="machine")


def warnings(result):
    return result.warnings


def test_the_sample_of_the_distribution_is_a_lone_node():
    result = translated(SAMPLE)
    assert result.faults == []
    assert result.options == {
        "data-dir": "/tmp/zookeeper/coordsvc",
        "zookeeper-timeout-min-ms": "4000",
        "zookeeper-timeout-max-ms": "40000",
        "connections-per-host-max": "60",
        "zookeeper-read-only": "false",
        "node": "n1",
        "client-address": "0.0.0.0:2181",
        "advertise-client": "machine:2181",
        "peer-address": "127.0.0.1:2281",
        "http-address": "127.0.0.1:8181",
        "insecure": "true",
    }
    (warning,) = warnings(result)
    assert warning.startswith("0.0.0.0:2181: open to other machines without TLS")


def test_three_machines_become_three_members():
    result = translated(THREE, my_id="2")
    assert result.faults == []
    assert result.options["node"] == "n2"
    assert result.options["peer-address"] == "zoo2:2888"
    assert result.options["http-address"] == "0.0.0.0:8181"
    members = members_of(result.options["members"])
    assert [str(member) for member in members] == [f"n{i}=zoo{i}:2888/2181/8181" for i in (1, 2, 3)]


def test_every_server_of_one_machine_reads_the_same_members():
    readings = set()
    for number in (1, 2, 3):
        text = ONE_MACHINE.replace("2182", str(2180 + number))
        readings.add(translated(text, my_id=str(number)).options["members"])
    (members,) = readings
    assert [str(member.client) for member in members_of(members)] == [
        "localhost:2181",
        "localhost:2182",
        "localhost:2183",
    ]


def test_guessed_ports_are_told():
    assert "1: 2181, 2: 2182, 3: 2183" in warnings(translated(ONE_MACHINE, my_id="2"))[0]


def test_a_server_alone_in_a_container_needs_no_myid():
    result = translated(CONTAINER)
    assert result.faults == []
    assert result.options["client-address"] == "0.0.0.0:2181"
    assert result.options["advertise-client"] == "localhost:2181"
    assert any(text.startswith("dataLogDir = /datalog: ignored") for text in warnings(result))


def test_servers_that_name_their_client_ports_need_no_guess():
    text = (
        "dataDir=/d\nserver.1=a:1:2;3001\nserver.2=a:2:3;10.0.0.9:3002\n"
        "server.5=[::1]:5:6:participant;3005\nquorumListenOnAllIPs=true\n"
    )
    result = translated(text, my_id="5")
    assert result.faults == []
    assert result.options["client-address"] == "0.0.0.0:3005"
    assert result.options["peer-address"] == "0.0.0.0:5"
    assert result.options["members"] == (
        "n1=a:1/a:3001/a:9001,n2=a:2/10.0.0.9:3002/a:9002,n5=[::1]:5/[::1]:3005/[::1]:9005"
    )


def test_a_port_for_one_interface_is_for_that_interface():
    result = translated("dataDir=/d\nclientPort=99\nclientPortAddress=127.0.0.1\n")
    assert result.options["client-address"] == "127.0.0.1:99"
    assert "insecure" not in result.options
    assert result.warnings == []
    six = translated("dataDir=/d\nclientPort=99\nclientPortAddress=::1\n")
    assert six.options["client-address"] == "[::1]:99"


def test_session_timeouts_follow_the_tick_unless_they_are_given():
    base = "dataDir=/d\nclientPort=1\n"
    given = translated(base + "minSessionTimeout=20000\nmaxSessionTimeout=60000\n").options
    assert given["zookeeper-timeout-min-ms"] == "20000"
    assert given["zookeeper-timeout-max-ms"] == "60000"
    without = translated(base).options
    assert (without["zookeeper-timeout-min-ms"], without["zookeeper-timeout-max-ms"]) == (
        "6000",
        "60000",
    )
    short = translated(base + "tickTime=100\n")
    assert short.options["zookeeper-timeout-min-ms"] == "1000"
    assert "minSessionTimeout (2 times tickTime) = 200: 1000 is taken" in warnings(short)


def test_snapshots_come_as_often_as_asked():
    options = translated("dataDir=/d\nclientPort=1\nsnapCount=10\nsnapSizeLimitInKb=4096\n").options
    assert options["snapshot-every-entries"] == "100"
    assert options["snapshot-every-bytes"] == str(4096 * 1024)


def test_operators_find_what_they_ask_for_where_the_file_says():
    base = "dataDir=/d\nclientPort=1\nclientPortAddress=127.0.0.1\n"
    options = translated(
        base
        + "4lw.commands.whitelist=stat, ruok,conf,gtmk\nadmin.serverPort=8080\nmaxClientCnxns=0\n"
        + "readonlymode.enabled=true\njute.maxbuffer=0x200000\n"
        + "metricsProvider.className=org.apache.zookeeper.metrics.prometheus"
        + ".PrometheusMetricsProvider\nmetricsProvider.httpHost=127.0.0.1\n"
    )
    assert options.options["zookeeper-words"] == "stat,ruok,conf"
    assert options.options["zookeeper-admin-address"] == "0.0.0.0:8080"
    assert options.options["zookeeper-metrics-address"] == "127.0.0.1:7000"
    assert options.options["connections-per-host-max"] == "0"
    assert options.options["zookeeper-read-only"] == "true"
    assert options.options["zookeeper-frame-bytes-max"] == str(2 * 2**20)
    first, second = warnings(options)
    assert first == "4lw.commands.whitelist: gtmk not known here"
    assert second.startswith("0.0.0.0:8080: open")
    off = translated(base + "admin.enableServer=false\nadmin.serverPort=8080\n").options
    assert "zookeeper-admin-address" not in off
    assert translated(base + "4lw.commands.whitelist=*\n").options["zookeeper-words"] == "*"


SECURE = """
dataDir=/d
clientPort=2181
clientPortAddress=127.0.0.1
secureClientPort=2281
ssl.keyStore.location=/etc/zk/key.pem
ssl.keyStore.passwordPath=/etc/zk/password
ssl.trustStore.location=/etc/zk/ca.pem
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider
"""


def test_the_secure_port_and_who_is_above_all_rules():
    text = (
        SECURE
        + "ssl.clientAuth=want\nX509AuthenticationProvider.superUser=CN=root,O=x\nsuperUser=admin\n"
        + "DigestAuthenticationProvider.superDigest=super:GcMT0ijsx21yLyTWAWMqFV/azZE=\n"
    )
    result = translated(text)
    assert result.faults == []
    assert {
        "tls-client-address": "0.0.0.0:2281",
        "tls-certificate-file": "/etc/zk/key.pem",
        "tls-key-password-file": "/etc/zk/password",
        "tls-client-ca-file": "/etc/zk/ca.pem",
        "tls-client-certificates": "optional",
        "super-users": "admin;CN=root,O=x",
        "zookeeper-super-digest": "super:GcMT0ijsx21yLyTWAWMqFV/azZE=",
    }.items() <= result.options.items()
    assert "insecure" not in result.options
    (warning,) = warnings(result)
    assert "sasl-users-file" in warning
    assert translated(SECURE).options["tls-client-certificates"] == "required"


def test_key_stores_of_java_are_refused_with_the_way_out():
    text = SECURE.replace("key.pem", "key.jks") + "ssl.clientAuth=maybe\n"
    first, second = faults(text)
    assert "ssl.keyStore.location = /etc/zk/key.jks: is not PEM" in first
    assert "ssl.clientAuth" in second


def faults(text, *, my_id=None):
    return translated(text, my_id=my_id).faults


def test_what_zookeeper_would_not_start_with_is_a_fault():
    assert faults("") == ["dataDir is not set", "clientPort is not set"]
    assert faults("dataDir=/d\nclientPort=x\n")[0] == "clientPort = x: is not a whole number"
    assert "no file myid" in faults(THREE)[0]
    assert faults(THREE, my_id="7") == ["myid is 7, but there is no server.7"]
    assert faults(THREE, my_id="one") == ["myid: 'one' is not the number of a server"]
    assert "is neither" in faults(THREE + "server.4=a:1:2:king", my_id="1")[0]
    both = "dataDir=/d\nclientPort=1\nserver.1=a:1:2;3\n"
    assert faults(both) == ["clientPort 1 is not that of this server's own line, 3"]
    bounds = "dataDir=/d\nclientPort=1\nminSessionTimeout=5000\nmaxSessionTimeout=4000\n"
    assert "must not be larger" in faults(bounds)[0]


def test_what_would_be_less_safe_than_asked_is_refused():
    assert faults(SAMPLE + "sslQuorum=true\n")[0].startswith("sslQuorum = true: members do not")
    assert faults(SAMPLE + "sslQuorum=false\n") == []


def test_what_is_not_done_is_told_unless_nothing_is_lost():
    assert warnings(translated(SAMPLE + "skipACL=no\nforceSync=yes\nfoo.bar=1\n"))[0] == (
        "foo.bar: not known here, and ignored"
    )
    assert "forceSync = no: ignored" in warnings(translated(SAMPLE + "forceSync=no\n"))[0]


def test_an_observer_cannot_found_a_cluster():
    four = THREE + "server.4=zoo4:2888:3888:observer\n"
    waiting = translated(four, my_id="4")
    assert (waiting.faults, waiting.options["join"]) == ([], "true")
    assert "is an observer: it waits until it is added" in warnings(waiting)[0]
    assert "n4" not in waiting.options["members"]
    settings = resolve(flags=waiting.options, environment={}).settings
    assert (settings.join, str(settings.advertise_client)) == (True, "zoo4:2181")
    members = members_of(translated(four, my_id="1").options["members"])
    assert [member.name for member in members] == ["n1", "n2", "n3"]


def test_further_addresses_of_a_server_are_told():
    text = "dataDir=/d\nclientPort=5\nserver.1=a:1:2|b:1:2\nserver.2=c:1:2\n"
    assert "server.1: of its addresses only a:1 is used" in warnings(translated(text, my_id="1"))


names = st.sampled_from([key.name.replace("*", "1") for key in KEYS] + ["x", "server.2"])
values = st.one_of(
    st.integers(-(2**40), 2**40).map(str),
    st.sampled_from(["true", "no", "", "a:1:2", "[::1]:1:2;3", "h:1:2:observer;4", "*", "\u00e9"]),
    st.text(max_size=8),
)


@given(st.dictionaries(names, values, max_size=12), st.none() | values)
def test_any_file_is_either_at_fault_or_comes_to_options_that_can_be_read(pairs, my_id):
    result = translate(pairs, my_id=my_id, hostname="machine")
    if not result.faults:
        for name, text in result.options.items():
            if name != "members" and not name.endswith("password-file"):
                BY_NAME[name].kind.parse(text)
