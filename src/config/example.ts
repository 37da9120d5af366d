/** A configuration with every key, its default where it has one, and what it means: printed by `electorate config example`. */
export const EXAMPLE_CONFIGURATION = `coordinator: shop            # prefix of every Lease
namespace: default           # of the Leases; left out: the pod's own, or that of the kubeconfig's context
lease:
  duration: 15s              # how long a Lease stands after its last change was seen; whole seconds
  renewDeadline: 10s         # how long a holder acts after it sent its last acknowledged renewal
  retryPeriod: 2s            # time between two renewals
  clockRatio: 1.25           # the worst ratio of two replicas' clock rates that is survived
  renewal: per-shard         # per-member: only member Leases are renewed, for hundreds of shards and more
  proofOfDeath: false        # true: a dead member's Pod may prove its death before its Lease has expired
  static: false              # true: shard Leases are made by somebody else, such as the Helm chart; replicas never create or delete one
drainTimeout: 20s            # how long keys in work may go on after their shard stopped taking new ones
shutdownTimeout: 25s         # how long a stop may take in all; the pod's grace period is 5s more
onOverrun: exit              # work that outlives its Lease ends the process; report only says so
leaderElection: shards       # none: no Lease at all, this replica works on everything
rolloutWindow: 10m           # two versions alive for longer than this share all shards; until then shards move to the newer one
respread: 3                  # pairs of buckets that a move for the sake of the spread alone must remove; left out: no such moves
http:
  address: "0.0.0.0:8080"    # livez, readyz, metrics; "none" serves nothing
  authorizeMetrics: false    # true: /metrics is for those alone whose token the API server knows and lets get it
weight: 1                    # share of the load beside other replicas
zone: eu-1a                  # buckets of one resource are spread over zones; left out: ELECTORATE_ZONE
version: v1.4.2              # while two are alive, shards move to the newer only; left out: POD_TEMPLATE_HASH
queue:
  driver: memory             # bull: in Redis, so that keys, delays and back-offs outlive a replica
  # clusterId: prod-eu       # bull: names the cluster where namespace kube-system may not be read
  # redis:                   # bull: how to reach it
  #   addresses: ["redis:6379"]   # of the server; of the sentinels, or of some nodes of a cluster
  #   sentinelMaster: shop   # when the addresses are of sentinels
  #   cluster: false         # true: a Redis Cluster
  #   database: 0
  #   username: electorate   # ACL user
  #   passwordFile: /etc/redis/password   # the password alone; read again at every connect
  #   sentinelPasswordFile: /etc/redis/sentinel-password
  #   tls:                   # {}: TLS as Node does it by default
  #     caFile: /etc/redis/ca.crt
  #     certFile: /etc/redis/tls.crt
  #     keyFile: /etc/redis/tls.key
  #     serverName: redis.example.com
resources:
  - resource: configmaps     # plural[.group][/version], as kubectl takes it; found by discovery
    namespaces: [default]    # left out: all
    labelSelector: app=shop  # left out: everything
    fieldSelector: metadata.name!=kube-root-ca.crt
    metadataOnly: false      # true: handlers see no data, spec or status
    buckets: 8               # 1 when left out: one Lease for the kind
    workers: 4               # per shard; 1 when left out
    updates: [generation]    # an update is looked at when one of generation, labels and annotations changed; left out: every one
    owns:                    # kinds of children, whose events enqueue their owner's key
      - deployments.apps     # or a map with resource, labelSelector, fieldSelector, metadataOnly and updates
    watches:                 # other kinds, whose events enqueue the keys that a function names
      - resource: secrets
        namespaces: [default]
        labelSelector: app=shop
        map: ./handlers.js#configMapsOfSecret
    reconcileTimeout: 1m     # how long a handler may take before it is told to stop; without end when left out
    handler: ./handlers.js#reconcileConfigMap   # module, relative to this file, and export
`;
