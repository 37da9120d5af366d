{{- /* Milliseconds of a duration such as 15s, 500ms or 1m30s; the schema has seen to its form. */}}
{{- define "electorate.milliseconds" -}}
{{- $units := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9]+(\\.[0-9]+)?(ms|h|m|s)" . -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $total = addf $total (mulf (float64 (trimSuffix $unit .)) (get $units $unit)) -}}
{{- end -}}
{{- int64 (round $total 0) }}
{{- end }}

{{- /* The same in whole seconds, rounded up. */}}
{{- define "electorate.seconds" -}}
{{- div (add (int64 (include "electorate.milliseconds" .)) 999) 1000 }}
{{- end }}

{{- define "electorate.gracePeriod" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add (int64 (include "electorate.seconds" .Values.shutdownTimeout)) 5 }}
{{- else }}{{ int64 .Values.terminationGracePeriodSeconds }}{{ end }}
{{- end }}
