{{- /* Names and labels: everything that selects or refers to something takes its name from here. */}}

{{- define "electorate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "electorate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- end }}

{{- /* Of an object that belongs to no namespace: two releases of one name may be in two of them. */}}
{{- define "electorate.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "electorate.fullname" .) }}
{{- end }}

{{- define "electorate.coordinator" -}}
{{- default (include "electorate.fullname" .) .Values.coordinator }}
{{- end }}

{{- define "electorate.leaseNamespace" -}}
{{- default .Release.Namespace .Values.lease.namespace }}
{{- end }}

{{- /* plural[.group] of plural[.group][/version] and, as kubectl takes it, of plural.version.group. */}}
{{- define "electorate.resourceName" -}}
{{- $name := regexReplaceAll "/.*$" . "" -}}
{{- $plural := regexFind "^[^.]+" $name -}}
{{- $group := regexReplaceAll "^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?(\\.|$)" (trimPrefix "." (trimPrefix $plural $name)) "" -}}
{{- printf "%s.%s" $plural $group | trimSuffix "." }}
{{- end }}

{{- /* The Lease of every shard, as the program names and labels it: a JSON list. */}}
{{- define "electorate.shardLeases" -}}
{{- $coordinator := include "electorate.coordinator" . -}}
{{- $leases := list -}}
{{- range .Values.resources }}
{{- $resource := include "electorate.resourceName" .resource }}
{{- /* A label holds 63 characters. */}}
{{- $label := ternary $resource (printf "%s-%s" (trunc 54 $resource) (sha256sum $resource | trunc 8)) (le (len $resource) 63) }}
{{- range $bucket := until (int (.buckets | default 1)) }}
{{- $bucket = printf "%02d" $bucket }}
{{- $name := printf "%s-%s-%s" $coordinator $resource $bucket | lower }}
{{- $leases = append $leases (dict "name" $name "resource" $resource "label" $label "bucket" $bucket) }}
{{- end }}
{{- end }}
{{- toJson $leases }}
{{- end }}

{{- define "electorate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "electorate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "electorate.labels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.Values.image.tag | default .Chart.AppVersion | trunc 63)
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" (include "electorate.coordinator" .) }}
{{- mergeOverwrite (deepCopy .Values.commonLabels) $labels (include "electorate.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "electorate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "electorate.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "electorate.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}
{{- else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* The port of http.address; empty when nothing is served. */}}
{{- define "electorate.port" -}}
{{- if ne .Values.http.address "none" }}{{ regexFind "[0-9]+$" .Values.http.address }}{{ end }}
{{- end }}

{{- /* "true" when a program of the user's own runs, with whatever configuration it has. */}}
{{- define "electorate.ownProgram" -}}
{{- if or .Values.command .Values.args }}true{{ end }}
{{- end }}

{{- /* Fewest replicas that there are meant to be. */}}
{{- define "electorate.replicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}
{{- else if .Values.keda.enabled }}{{ .Values.keda.minReplicas }}
{{- else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{- /* Selects this release's time series. */}}
{{- define "electorate.series" -}}
namespace="{{ .Release.Namespace }}",pod=~"{{ include "electorate.fullname" . }}-[a-z0-9]+-[a-z0-9]+"
{{- end }}
