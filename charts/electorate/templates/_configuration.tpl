{{- /* electorate.yaml: what `electorate run` reads. Every key is said, so that a new default of the program surprises nobody. */}}
{{- define "electorate.configuration" -}}
{{- $values := .Values -}}
{{- $configuration := dict
  "coordinator" (include "electorate.coordinator" .)
  "namespace" (include "electorate.leaseNamespace" .)
  "lease" (omit $values.lease "namespace")
  "http" $values.http -}}
{{- range list "drainTimeout" "shutdownTimeout" "onOverrun" "leaderElection" "rolloutWindow" "weight" }}
{{- $_ := set $configuration . (get $values .) }}
{{- end }}
{{- with $values.respread }}{{ $_ := set $configuration "respread" . }}{{ end }}
{{- with $values.zone }}{{ $_ := set $configuration "zone" . }}{{ end }}
{{- with $values.version }}{{ $_ := set $configuration "version" . }}{{ end }}
{{- if ne $values.queue.driver "memory" }}
{{- $_ := set $configuration "queue" (include "electorate.queue" . | fromYaml) }}
{{- end }}
{{- $resources := list -}}
{{- range $values.resources }}
{{- $given := . }}
{{- $resource := dict "buckets" 1 "workers" 1 "metadataOnly" false "handler" "./handlers.js#reconcile" }}
{{- $resource = mergeOverwrite $resource (omit . "verbs" "owns" "watches") }}
{{- range $related := list "owns" "watches" }}
{{- $entries := list }}
{{- range get $given $related | default list }}
{{- if kindIs "string" . }}{{ $entries = append $entries . }}{{ else }}{{ $entries = append $entries (omit . "verbs") }}{{ end }}
{{- end }}
{{- if $entries }}{{ $_ := set $resource $related $entries }}{{ end }}
{{- end }}
{{- $resources = append $resources $resource }}
{{- end }}
{{- $_ := set $configuration "resources" $resources }}
{{- toYaml $configuration }}
{{- end }}

{{- define "electorate.queue" -}}
{{- $queue := .Values.queue -}}
{{- $redis := $queue.redis -}}
{{- $files := "/etc/electorate/redis" -}}
{{- $out := dict "addresses" $redis.addresses "cluster" $redis.cluster -}}
{{- $tls := $redis.tls.enabled -}}
{{- with $redis.url }}
{{- $url := urlParse . }}
{{- $tls = eq $url.scheme "rediss" }}
{{- $_ := set $out "addresses" (list (ternary $url.host (printf "%s:6379" $url.host) (regexMatch ":[0-9]+$" $url.host))) }}
{{- with trimPrefix "/" $url.path }}{{ $_ := set $out "database" (int .) }}{{ end }}
{{- with $url.userinfo }}{{ $_ := set $out "username" . }}{{ end }}
{{- end }}
{{- with $redis.sentinelMaster }}{{ $_ := set $out "sentinelMaster" . }}{{ end }}
{{- if $redis.existingSecret }}
{{- with $redis.passwordKey }}{{ $_ := set $out "passwordFile" (printf "%s/%s" $files .) }}{{ end }}
{{- with $redis.sentinelPasswordKey }}{{ $_ := set $out "sentinelPasswordFile" (printf "%s/%s" $files .) }}{{ end }}
{{- end }}
{{- if $tls }}
{{- $material := dict }}
{{- with $redis.tls.caKey }}{{ $_ := set $material "caFile" (printf "%s/%s" $files .) }}{{ end }}
{{- with $redis.tls.certKey }}{{ $_ := set $material "certFile" (printf "%s/%s" $files .) }}{{ end }}
{{- with $redis.tls.keyKey }}{{ $_ := set $material "keyFile" (printf "%s/%s" $files .) }}{{ end }}
{{- with $redis.tls.serverName }}{{ $_ := set $material "serverName" . }}{{ end }}
{{- $_ := set $out "tls" $material }}
{{- end }}
{{- $section := dict "driver" $queue.driver "redis" $out }}
{{- with $queue.clusterId }}{{ $_ := set $section "clusterId" . }}{{ end }}
{{- toYaml $section }}
{{- end }}

{{- /* What no schema can say: values that need each other. Nothing is rendered. */}}
{{- define "electorate.check" -}}
{{- $values := .Values -}}
{{- if not (include "electorate.ownProgram" .) }}
{{- if not $values.resources }}
{{- fail "resources is empty: name at least one kind, such as --set 'resources[0].resource=configmaps'" }}
{{- end }}
{{- range $index, $resource := $values.resources }}
{{- $references := dict "handler" ($resource.handler | default "./handlers.js#reconcile") }}
{{- range $at, $watched := $resource.watches }}
{{- $_ := set $references (printf "watches[%d].map" $at) $watched.map }}
{{- end }}
{{- range $key, $reference := $references }}
{{- $file := regexReplaceAll "#.*$" $reference "" | trimPrefix "./" }}
{{- if not (or (hasPrefix "/" $file) $values.existingModules (and $values.handlers (eq $file "handlers.js")) (hasKey $values.modules $file)) }}
{{- fail (printf "resources[%d].%s names %s, which is nowhere: give it with --set-file %s, name existingModules, or give the absolute path of a module in your image" $index $key $file (ternary "handlers=handlers.js" (printf "'modules.%s=%s'" (replace "." "\\." $file) $file) (eq $file "handlers.js"))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if lt (int64 (include "electorate.milliseconds" $values.shutdownTimeout)) (int64 (include "electorate.milliseconds" $values.drainTimeout)) }}
{{- fail (printf "drainTimeout (%s) is longer than shutdownTimeout (%s): a stop would be cut short while it drains" $values.drainTimeout $values.shutdownTimeout) }}
{{- end }}
{{- if and $values.autoscaling.enabled $values.keda.enabled }}
{{- fail "autoscaling.enabled and keda.enabled are both true: only one may scale the Deployment" }}
{{- end }}
{{- if and $values.keda.enabled (not $values.keda.serverAddress) }}
{{- fail "keda.enabled needs keda.serverAddress, such as http://prometheus.monitoring:9090" }}
{{- end }}
{{- if and (eq $values.queue.driver "bull") (not $values.queue.redis.url) (not $values.queue.redis.addresses) }}
{{- fail "queue.driver is bull, and there is no Redis: set queue.redis.url, such as redis://redis:6379, or queue.redis.addresses" }}
{{- end }}
{{- if and (eq $values.http.address "none") (or $values.serviceMonitor.enabled $values.podMonitor.enabled) }}
{{- fail "http.address is none: there are no metrics for a serviceMonitor or podMonitor to read" }}
{{- end }}
{{- if and $values.http.authorizeMetrics $values.podMonitor.enabled (not $values.podMonitor.authorization) }}
{{- fail "podMonitor.enabled needs podMonitor.authorization where http.authorizeMetrics asks for a token: name the Secret that has one" }}
{{- end }}
{{- if and $values.serviceMonitor.enabled (not $values.service.enabled) }}
{{- fail "serviceMonitor.enabled needs service.enabled; podMonitor needs no Service" }}
{{- end }}
{{- if and (or $values.handlers $values.modules) $values.existingModules }}
{{- fail "handlers or modules and existingModules are both set: give the modules in one way" }}
{{- end }}
{{- end }}
