// Knative's way: for each kind of object a set of buckets, an elector for each bucket, and a reconciler that asks before each key whether
// it leads the key's bucket. A shard is a bucket; kinds have eight of them, because ten are the most that Knative allows. Requests are
// limited as Knative's own main does it. It writes the same transition and sink lines as our replicas, with the same clock.
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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"knative.dev/pkg/leaderelection"
	"knative.dev/pkg/reconciler"
)

const bucketsPerKind = 8

var (
	kubeconfig    = flag.String("kubeconfig", "", "path of the kubeconfig")
	namespace     = flag.String("namespace", "default", "namespace of the objects; that of the Leases is SYSTEM_NAMESPACE")
	identity      = flag.String("identity", "", "identity of this replica")
	shards        = flag.Int("shards", 16, "number of buckets of all kinds")
	leaseDuration = flag.Duration("lease-duration", 60*time.Second, "how long a Lease stands")
	renewDeadline = flag.Duration("renew-deadline", 40*time.Second, "how long a leader tries to renew")
	retryPeriod   = flag.Duration("retry-period", 10*time.Second, "time between two tries")
	objects       = flag.Int("objects", 0, "keys to reconcile, spread evenly over the kinds")
	again         = flag.Duration("again", 200*time.Millisecond, "time until a reconciled key is looked at again")
)

func main() {
	flag.Parse()
	if *shards%bucketsPerKind != 0 {
		fail(fmt.Errorf("--shards must be a multiple of %d, but is %d", bucketsPerKind, *shards))
	}
	kinds := *shards / bucketsPerKind
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	fail(err)
	config.QPS = float32(kinds) * rest.DefaultQPS
	config.Burst = kinds * rest.DefaultBurst
	client, err := kubernetes.NewForConfig(config)
	fail(err)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx = leaderelection.WithStandardLeaderElectorBuilder(ctx, client, leaderelection.ComponentConfig{
		Component:     "bench",
		Buckets:       bucketsPerKind,
		LeaseDuration: *leaseDuration,
		RenewDeadline: *renewDeadline,
		RetryPeriod:   *retryPeriod,
		Identity:      *identity,
	})
	var running sync.WaitGroup
	for index := range kinds {
		elector, err := leaderelection.BuildElector(ctx, newKind(ctx, index, kinds), fmt.Sprintf("kind%02d", index), enqueueNothing)
		fail(err)
		running.Add(1)
		go func() {
			defer running.Done()
			elector.Run(ctx)
		}()
	}
	running.Wait()
}

func enqueueNothing(reconciler.Bucket, types.NamespacedName) {}

// One kind with its queue: promotion enqueues every key of the bucket, and the worker asks before each key.
func newKind(ctx context.Context, index, kinds int) reconciler.LeaderAware {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]())
	var keys []types.NamespacedName
	for object := index; object < *objects; object += kinds {
		keys = append(keys, types.NamespacedName{Namespace: *namespace, Name: fmt.Sprintf("object-%06d", object)})
	}
	var held sync.Map
	leading := &reconciler.LeaderAwareFuncs{}
	leading.PromoteFunc = func(bucket reconciler.Bucket, _ func(reconciler.Bucket, types.NamespacedName)) error {
		held.Store(bucket.Name(), bucket)
		transition("gate-opened", bucket.Name())
		for _, key := range keys {
			if bucket.Has(key) {
				queue.Add(key)
			}
		}
		return nil
	}
	leading.DemoteFunc = func(bucket reconciler.Bucket) {
		held.Delete(bucket.Name())
		transition("gate-closed", bucket.Name())
	}
	go func() {
		<-ctx.Done()
		held.Range(func(name, _ any) bool {
			transition("work-told-to-stop", name.(string))
			return true
		})
		queue.ShutDown()
	}()
	go work(queue, leading, &held)
	return leading
}

func work(queue workqueue.TypedRateLimitingInterface[types.NamespacedName], leading *reconciler.LeaderAwareFuncs, held *sync.Map) {
	for {
		key, shutdown := queue.Get()
		if shutdown {
			return
		}
		if leading.IsLeaderFor(key) {
			shard := ""
			held.Range(func(name, bucket any) bool {
				if bucket.(reconciler.Bucket).Has(key) {
					shard = name.(string)
				}
				return shard == ""
			})
			sink("begin", shard, key.String())
			sink("end", shard, key.String())
			queue.AddAfter(key, *again)
		}
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
		"event": event, "shard": shard, "identity": *identity, "epoch": "0", "reason": "knative", "monotonicNs": monotonicNs(),
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
