import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Ordinary work with ZooKeeper's own library: it says what it saw, one line a step. A line on its
 * standard input separates the two halves; somebody kills the leader between them.
 */
public final class Work {
    private static final List<ACL> OPEN = ZooDefs.Ids.OPEN_ACL_UNSAFE;
    private static final BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();

    public static void main(String[] args) throws Exception {
        String root = args[1];
        Watcher watcher = event -> {
            if (event.getType() != Watcher.Event.EventType.None) {
                events.add(event);
            }
        };
        ZooKeeper zk = new ZooKeeper(args[0], 10000, watcher);
        nodes(zk, root);
        errors(zk, root);
        access(zk, root);
        transactions(zk, root);
        watches(zk, root);
        zk.create(root + "/mine", bytes(""), OPEN, CreateMode.EPHEMERAL);
        zk.exists(root + "/later", true);
        zk.getChildren(root, true);
        zk.addWatch(root + "/deep", watcher, AddWatchMode.PERSISTENT_RECURSIVE);
        long session = zk.getSessionId();
        say("ready");
        new BufferedReader(new InputStreamReader(System.in)).readLine();
        afterwards(zk, root, session);
        zk.close();
        say("over");
    }

    private static void nodes(ZooKeeper zk, String root) throws Exception {
        say("create " + zk.create(root, bytes("one"), OPEN, CreateMode.PERSISTENT).equals(root));
        Stat stat = new Stat();
        say("get " + text(zk.getData(root, false, stat)) + " version " + stat.getVersion());
        say("set version " + zk.setData(root, bytes("two"), 0).getVersion());
        for (int i = 0; i < 3; i++) {
            zk.create(root + "/s-", bytes(""), OPEN, CreateMode.EPHEMERAL_SEQUENTIAL);
        }
        say("children " + sorted(zk.getChildren(root, false, stat)) + " of " + stat.getNumChildren());
        say("ephemerals " + zk.getEphemerals(root).size());
        say("descendants " + zk.getAllChildrenNumber(root));
        zk.create(root + "/box", bytes(""), OPEN, CreateMode.CONTAINER, stat);
        say("container owner " + stat.getEphemeralOwner());
        zk.create(root + "/fleeting", bytes(""), OPEN, CreateMode.PERSISTENT_WITH_TTL, stat, 300);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
        while (zk.exists(root + "/fleeting", false) != null && System.nanoTime() < until) {
            Thread.sleep(50);
        }
        say("after its time " + (zk.exists(root + "/fleeting", false) == null));
        zk.sync(root, (code, path, context) -> { }, null);
        byte[] config = zk.getConfig(false, stat);
        say("members " + (text(config).split("participant", -1).length - 1));
    }

    private static void errors(ZooKeeper zk, String root) throws Exception {
        expect("exists", () -> zk.create(root, null, OPEN, CreateMode.PERSISTENT));
        expect("missing", () -> zk.getData(root + "/missing", false, null));
        expect("version", () -> zk.setData(root, null, 99));
        expect("children", () -> zk.delete(root, -1));
        expect("ephemeral", () -> {
            zk.create(root + "/e", null, OPEN, CreateMode.EPHEMERAL);
            zk.create(root + "/e/child", null, OPEN, CreateMode.PERSISTENT);
        });
        expect("acl", () -> zk.create(root + "/x", null, new ArrayList<>(), CreateMode.PERSISTENT));
    }

    private static void access(ZooKeeper zk, String root) throws Exception {
        zk.addAuthInfo("digest", bytes("user:secret"));
        String path = zk.create(root + "/private", bytes("p"), ZooDefs.Ids.CREATOR_ALL_ACL,
                CreateMode.PERSISTENT);
        Stat stat = new Stat();
        say("acl " + zk.getACL(path, stat).get(0).getId().getScheme());
        List<ACL> list = Arrays.asList(new ACL(ZooDefs.Perms.READ, new Id("world", "anyone")),
                new ACL(ZooDefs.Perms.ALL, new Id("auth", "")));
        say("acl version " + zk.setACL(path, list, 0).getAversion());
        say("identities " + zk.whoAmI().size());
    }

    private static void transactions(ZooKeeper zk, String root) throws Exception {
        List<OpResult> results = zk.multi(Arrays.asList(
                Op.create(root + "/t", bytes("1"), OPEN, CreateMode.PERSISTENT),
                Op.setData(root + "/t", bytes("2"), 0),
                Op.check(root + "/t", 1),
                Op.create(root + "/t/c", bytes(""), OPEN, CreateMode.PERSISTENT),
                Op.delete(root + "/t/c", 0)));
        say("multi " + results.size());
        try {
            zk.multi(Arrays.asList(Op.delete(root + "/t", 1), Op.check(root, 99)));
        } catch (KeeperException error) {
            say("failed multi " + error.code() + " " + error.getResults().size());
        }
        List<OpResult> read = zk.multi(Arrays.asList(
                Op.getData(root + "/t"), Op.getChildren(root + "/t"), Op.getData(root + "/no")));
        say("multiread " + text(((OpResult.GetDataResult) read.get(0)).getData())
                + " " + ((OpResult.GetChildrenResult) read.get(1)).getChildren()
                + " " + ((OpResult.ErrorResult) read.get(2)).getErr());
    }

    private static void watches(ZooKeeper zk, String root) throws Exception {
        String path = root + "/w";
        zk.exists(path, true);
        zk.create(path, null, OPEN, CreateMode.PERSISTENT);
        say("event " + next(root));
        zk.getData(path, true, null);
        zk.setData(path, null, -1);
        say("event " + next(root));
        zk.addWatch(path, AddWatchMode.PERSISTENT);
        zk.create(path + "/c", null, OPEN, CreateMode.PERSISTENT);
        zk.delete(path + "/c", -1);
        say("event " + next(root) + " " + next(root));
        zk.removeAllWatches(path, Watcher.WatcherType.Any, false);
        say("event " + next(root).replaceAll("Removed.*", "removed"));
        events.clear();
        zk.setData(path, null, -1);
        say("no event " + (events.poll(200, TimeUnit.MILLISECONDS) == null));
    }

    private static void afterwards(ZooKeeper zk, String root, long session) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (true) {
            try {
                zk.setData(root, bytes("three"), -1);
                break;
            } catch (KeeperException.ConnectionLossException error) {
                if (System.nanoTime() > until) {
                    throw error;
                }
                Thread.sleep(50);
            }
        }
        say("same session " + (zk.getSessionId() == session));
        say("still mine " + (zk.exists(root + "/mine", false).getEphemeralOwner() == session));
        say("private " + text(zk.getData(root + "/private", false, null)));
        events.clear();
        zk.create(root + "/later", null, OPEN, CreateMode.PERSISTENT);
        List<String> seen = new ArrayList<>(Arrays.asList(next(root), next(root)));
        zk.create(root + "/deep", null, OPEN, CreateMode.PERSISTENT);
        zk.create(root + "/deep/er", null, OPEN, CreateMode.PERSISTENT);
        seen.add(next(root));
        seen.add(next(root));
        Collections.sort(seen);
        say("events " + seen);
    }

    private interface Call {
        void run() throws Exception;
    }

    private static void expect(String what, Call call) throws Exception {
        try {
            call.run();
            say(what + " no error");
        } catch (KeeperException error) {
            say(what + " " + error.code());
        }
    }

    private static String next(String root) throws Exception {
        WatchedEvent event = events.poll(15, TimeUnit.SECONDS);
        return event == null ? "none" : event.getType() + ":" + event.getPath().replace(root, "");
    }

    private static List<String> sorted(List<String> names) {
        Collections.sort(names);
        return names;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] data) {
        return new String(data, StandardCharsets.UTF_8);
    }

    private static void say(String line) {
        System.out.println(line);
    }
}
