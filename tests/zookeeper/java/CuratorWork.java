import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.retry.RetryUntilElapsed;
import org.apache.zookeeper.CreateMode;

/**
 * Ordinary work with Curator: it says what it saw, one line a step. A line on its standard input
 * separates the two halves; somebody kills the leader between them.
 */
public final class CuratorWork {
    public static void main(String[] args) throws Exception {
        String root = args[1];
        CuratorFramework one = client(args[0]);
        CuratorFramework two = client(args[0]);
        nodes(one, root);

        InterProcessMutex held = new InterProcessMutex(one, root + "/mutex");
        InterProcessMutex wanted = new InterProcessMutex(two, root + "/mutex");
        say("mutex " + held.acquire(15, TimeUnit.SECONDS) + " "
                + wanted.acquire(200, TimeUnit.MILLISECONDS));
        InterProcessReadWriteLock shared = new InterProcessReadWriteLock(one, root + "/rw");
        InterProcessReadWriteLock other = new InterProcessReadWriteLock(two, root + "/rw");
        say("read locks " + shared.readLock().acquire(15, TimeUnit.SECONDS)
                + " " + other.readLock().acquire(15, TimeUnit.SECONDS)
                + ", write lock " + other.writeLock().acquire(200, TimeUnit.MILLISECONDS));
        other.readLock().release();
        shared.readLock().release();
        InterProcessSemaphoreV2 seats = new InterProcessSemaphoreV2(one, root + "/seats", 1);
        Lease lease = seats.acquire(15, TimeUnit.SECONDS);
        InterProcessSemaphoreV2 same = new InterProcessSemaphoreV2(two, root + "/seats", 1);
        say("seat " + (lease != null) + " " + (same.acquire(200, TimeUnit.MILLISECONDS) != null));
        LeaderLatch first = new LeaderLatch(one, root + "/latch", "one");
        first.start();
        say("leads " + first.await(15, TimeUnit.SECONDS));
        LeaderLatch second = new LeaderLatch(two, root + "/latch", "two");
        second.start();
        DistributedAtomicLong counter =
                new DistributedAtomicLong(one, root + "/count", new RetryUntilElapsed(15000, 50));
        say("count " + counter.add(5L).succeeded());
        DistributedBarrier barrier = new DistributedBarrier(one, root + "/barrier");
        barrier.setBarrier();
        two.sync().forPath(root + "/barrier");
        say("barrier " + new DistributedBarrier(two, root + "/barrier")
                .waitOnBarrier(200, TimeUnit.MILLISECONDS));
        GroupMember member = new GroupMember(one, root + "/group", "one");
        GroupMember peer = new GroupMember(two, root + "/group", "two");
        member.start();
        peer.start();
        say("group " + eventually(() -> member.getCurrentMembers().size() == 2));

        two.create().forPath(root + "/seen");
        Set<String> events = new ConcurrentSkipListSet<>();
        CuratorCache cache = CuratorCache.build(one, root + "/seen");
        cache.listenable().addListener((type, before, after) ->
                events.add(type + (after == null ? "" : ":" + after.getPath().replace(root, ""))));
        cache.start();
        two.create().forPath(root + "/seen/child", bytes("1"));
        say("cache " + eventually(() -> events.contains("NODE_CREATED:/seen/child")));
        long session = one.getZookeeperClient().getZooKeeper().getSessionId();
        say("ready");
        new BufferedReader(new InputStreamReader(System.in)).readLine();

        two.setData().forPath(root + "/seen/child", bytes("2"));
        say("cache " + eventually(() -> events.contains("NODE_CHANGED:/seen/child")));
        say("same session "
                + (one.getZookeeperClient().getZooKeeper().getSessionId() == session));
        say("mutex " + held.isOwnedByCurrentThread() + " "
                + wanted.acquire(200, TimeUnit.MILLISECONDS));
        held.release();
        say("mutex " + wanted.acquire(15, TimeUnit.SECONDS));
        seats.returnLease(lease);
        say("seat " + (same.acquire(15, TimeUnit.SECONDS) != null));
        say("one leads "
                + eventually(() -> first.hasLeadership() != second.hasLeadership()));
        say("count " + counter.increment().postValue());
        barrier.removeBarrier();
        say("barrier " + new DistributedBarrier(two, root + "/barrier")
                .waitOnBarrier(15, TimeUnit.SECONDS));
        say("group " + eventually(() -> peer.getCurrentMembers().size() == 2));
        say("servers " + one.getCurrentConfig().getAllMembers().size());
        cache.close();
        one.close();
        two.close();
        say("over");
    }

    private static CuratorFramework client(String servers) throws Exception {
        CuratorFramework made = CuratorFrameworkFactory.builder().connectString(servers)
                .sessionTimeoutMs(10000).connectionTimeoutMs(5000)
                .retryPolicy(new RetryUntilElapsed(30000, 50)).build();
        made.start();
        made.blockUntilConnected(20, TimeUnit.SECONDS);
        return made;
    }

    private static void nodes(CuratorFramework zk, String root) throws Exception {
        String made = zk.create().creatingParentContainersIfNeeded().withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/p/n-", bytes("x"));
        say("protected " + made.replaceAll(".*_c_[-0-9a-f]+-", ""));
        say("data " + new String(zk.getData().forPath(made), StandardCharsets.UTF_8));
        List<CuratorTransactionResult> results = zk.transaction().forOperations(Arrays.asList(
                zk.transactionOp().create().forPath(root + "/t", bytes("1")),
                zk.transactionOp().setData().withVersion(0).forPath(root + "/t", bytes("2")),
                zk.transactionOp().check().withVersion(1).forPath(root + "/t")));
        say("transaction " + results.size());
        zk.delete().guaranteed().deletingChildrenIfNeeded().forPath(root + "/p");
        say("children " + new TreeSet<>(zk.getChildren().forPath(root)));
    }

    private static boolean eventually(Callable<Boolean> condition) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.call()) {
            if (System.nanoTime() > until) {
                return false;
            }
            Thread.sleep(20);
        }
        return true;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void say(String line) {
        System.out.println(line);
    }
}
