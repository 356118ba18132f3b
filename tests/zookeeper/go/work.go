package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/samuel/go-zookeeper/zk"
)

// Ordinary work of a Go program: it says what it saw, one line a step.
func main() {
	root := os.Args[2]
	c, ev, err := zk.Connect(strings.Split(os.Args[1], ","), 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		panic(err)
	}
	go func() {
		for range ev {
		}
	}()
	p, err := c.Create(root, []byte("1"), 0, zk.WorldACL(zk.PermAll))
	fmt.Println("create", p == root, err)
	d, st, err := c.Get(root)
	fmt.Println("get", string(d), st.Version, err)
	_, _, w, err := c.GetW(root)
	st, err = c.Set(root, []byte("2"), 0)
	fmt.Println("set", st.Version, err)
	e := <-w
	fmt.Println("event", e.Type, e.Path == root)
	_, err = c.Set(root, nil, 7)
	fmt.Println("set", err)
	q, err := c.CreateProtectedEphemeralSequential(root+"/n-", nil, zk.WorldACL(zk.PermAll))
	fmt.Println("protected", strings.HasSuffix(q, "0000000000"), err)
	l := zk.NewLock(c, root+"-lock", zk.WorldACL(zk.PermAll))
	fmt.Println("lock", l.Lock())
	fmt.Println("unlock", l.Unlock())
	r, err := c.Multi(&zk.CreateRequest{Path: root + "/m", Acl: zk.WorldACL(zk.PermAll)}, &zk.CheckVersionRequest{Path: root, Version: 1}, &zk.DeleteRequest{Path: root + "/m", Version: -1})
	fmt.Println("multi", len(r), err)
	r, err = c.Multi(&zk.CreateRequest{Path: root + "/m", Acl: zk.WorldACL(zk.PermAll)}, &zk.CheckVersionRequest{Path: root, Version: 9})
	fmt.Println("multi", len(r), err)
	ch, st, err := c.Children(root)
	fmt.Println("children", len(ch), st.NumChildren, err)
	fmt.Println("auth", c.AddAuth("digest", []byte("u:p")))
	c.Close()
}
