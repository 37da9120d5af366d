// One leader elector of client-go for each shard, as a controller with a Lease per shard would have it: release on cancel, no limit of
// its own on requests, a shared HTTP connection. It writes the same transition lines as our replicas do, with the same clock, and its
// work writes the same sink lines as their handlers.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/workqueue"
)

var (
	kubeconfig    = flag.String("kubeconfig", "", "path of the kubeconfig")
	namespace     = flag.String("namespace", "default", "namespace of the Leases")
	identity      = flag.String("identity", "", "identity of this replica")
	shards        = flag.Int("shards", 16, "number of shards, each with a Lease")
	leaseDuration = flag.Duration("lease-duration", 15*time.Second, "how long a Lease stands")
	renewDeadline = flag.Duration("renew-deadline", 10*time.Second, "how long a leader tries to renew")
	retryPeriod   = flag.Duration("retry-period", 2*time.Second, "time between two tries")
	objects       = flag.Int("objects", 0, "keys to reconcile, spread evenly over the shards")
	again         = flag.Duration("again", 200*time.Millisecond, "time until a reconciled key is looked at again")
)

func main() {
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	fail(err)
	// No client-side limit: the peer shall not wait for anything but the API server.
	config.QPS = -1
	client, err := coordinationv1.NewForConfig(config)
	fail(err)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var running sync.WaitGroup
	for index := range *shards {
		shard := fmt.Sprintf("configmaps-%02d", index)
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: "bench-" + shard, Namespace: *namespace},
				Client:     client,
				LockConfig: resourcelock.ResourceLockConfig{Identity: *identity},
			},
			LeaseDuration:   *leaseDuration,
			RenewDeadline:   *renewDeadline,
			RetryPeriod:     *retryPeriod,
			ReleaseOnCancel: true,
			Name:            shard,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(ctx context.Context) { lead(ctx, shard, index) },
				OnStoppedLeading: func() { transition("gate-closed", shard) },
			},
		})
		fail(err)
		running.Add(1)
		go func() {
			defer running.Done()
			// Run ends with the term; a controller that lives on contends again.
			for ctx.Err() == nil {
				elector.Run(ctx)
			}
		}()
	}
	running.Wait()
}

func lead(ctx context.Context, shard string, index int) {
	transition("gate-opened", shard)
	if *objects > 0 {
		go work(ctx, shard, index)
	}
	<-ctx.Done()
	transition("work-told-to-stop", shard)
}

// The usual controller: a work queue that is shut down when the context ends, and a worker that takes keys from it.
func work(ctx context.Context, shard string, index int) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	for object := index; object < *objects; object += *shards {
		queue.Add(fmt.Sprintf("%s/object-%06d", *namespace, object))
	}
	for {
		key, shutdown := queue.Get()
		if shutdown {
			return
		}
		sink("begin", shard, key)
		sink("end", shard, key)
		queue.AddAfter(key, *again)
		queue.Done(key)
	}
}

var (
	output  sync.Mutex
	sinking sync.Mutex
	sinkTo  *os.File
)

func transition(event, shard string) {
	line, err := json.Marshal(map[string]string{
		"event": event, "shard": shard, "identity": *identity, "epoch": "0", "reason": "client-go", "monotonicNs": monotonicNs(),
	})
	fail(err)
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func sink(phase, shard, key string) {
	sinking.Lock()
	defer sinking.Unlock()
	if sinkTo == nil {
		var err error
		sinkTo, err = os.OpenFile(os.Getenv("SINK_FILE"), os.O_APPEND|os.O_WRONLY, 0)
		fail(err)
	}
	line, err := json.Marshal(map[string]any{
		"phase": phase, "resource": "configmaps", "key": key, "shard": shard, "epoch": "0", "round": "", "note": "",
		"pid": os.Getpid(), "ns": monotonicNs(),
	})
	fail(err)
	sinkTo.Write(append(line, '\n'))
}

// CLOCK_MONOTONIC, which Node's hrtime reads as well.
func monotonicNs() string {
	var now unix.Timespec
	fail(unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return strconv.FormatInt(now.Nano(), 10)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
