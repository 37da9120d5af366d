/** What stands around the figures in `bench/README.md`. */

export const HEAD = `# Benchmarks

<!-- Made from bench/results by \`npm run bench -- report\`; \`npm run check\` compares. Change bench/report instead. -->

How long does a shard have no owner, and what does it cost to know? \`npm run bench\` measures handoff, picture, crash, scale-out, frozen and steady-state in at most 15 minutes, with the
incumbents beside us in the same run on the same API server; \`npm run bench -- <question>\` measures one, \`--full\` all of its cells (it goes on where it was
interrupted), which is what rollout, throughput, promotion and footprint need; \`placement\` and \`queue\` need no API server and are asked alone; \`--only <text>\` those whose names contain the text, and \`npm run bench -- compare <A> <B>\` prints the ratios of two result files.
With \`KUBEBUILDER_ASSETS\` the API server is a real kube-apiserver with etcd, else the embedded one. Peers are built from \`bench/peers\` where Go is installed.
Knative's shards are buckets of kinds with eight each, because it allows ten; so there is no cell of it with 256.

Every replica is a process. Gaps and overlaps are computed from the monotonic clock of the machine, which all of them write into their logs. Quantiles are by nearest rank.
Speed is measured here and never asserted in a test. Compare ratios, not absolutes: the machine and its noise are in every number.`;

export const TAIL = `## What this does not show

A network between the machines, an API server under foreign load, a kubelet that ends Pods, and handlers that take long to stop: their time comes on top of a gap, because a shard
is handed over only when its work has ended. One API server on the same cores as everything else makes all contenders slower than a cluster would; the ratios are what carries over.`;
