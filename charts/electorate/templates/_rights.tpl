{{- /*
The watched kinds as rules, by where they are needed: a JSON map of namespace to rules, with "*" for every namespace. Children are
watched where their owners are.
*/}}
{{- define "electorate.kinds" -}}
{{- $kinds := list -}}
{{- range .Values.resources }}
{{- $owner := . }}
{{- $kinds = append $kinds . }}
{{- range .owns }}
{{- $owned := . }}
{{- if kindIs "string" . }}{{ $owned = dict "resource" . }}{{ end }}
{{- $kinds = append $kinds (merge (dict "namespaces" $owner.namespaces) $owned) }}
{{- end }}
{{- range .watches }}
{{- $kinds = append $kinds . }}
{{- end }}
{{- end }}
{{- $places := dict -}}
{{- range $kinds }}
{{- $name := include "electorate.resourceName" .resource }}
{{- $plural := regexFind "^[^.]+" $name }}
{{- $group := trimPrefix "." (trimPrefix $plural $name) }}
{{- $verbs := concat (list "get" "list" "watch") (.verbs | default list) | uniq }}
{{- $rule := dict "apiGroups" (list $group) "resources" (list $plural) "verbs" $verbs }}
{{- range .namespaces | default (list "*") }}
{{- $_ := set $places . (append (get $places . | default list) $rule) }}
{{- end }}
{{- end }}
{{- if .Values.rbac.clusterRules }}
{{- $_ := set $places "*" (concat (get $places "*" | default list) .Values.rbac.clusterRules) }}
{{- end }}
{{- toJson $places }}
{{- end }}

{{- define "electorate.subjects" -}}
- kind: ServiceAccount
  name: {{ include "electorate.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
