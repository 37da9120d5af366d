{{- define "electorate.pod" -}}
serviceAccountName: {{ include "electorate.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "electorate.gracePeriod" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" }}
{{- with get $.Values $key }}
{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "dnsConfig" "hostAliases" "initContainers" }}
{{- with get $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else if .Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
    # Each release of the pods is spread by itself, or the pods of the old one would decide where those of the new one go.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "electorate.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
containers:
  {{- include "electorate.container" . | nindent 2 }}
  {{- with .Values.sidecars }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "electorate.tokenVolume" . | nindent 2 }}
  {{- if not (include "electorate.ownProgram" .) }}
  - name: configuration
    projected:
      sources:
        - configMap:
            name: {{ include "electorate.fullname" . }}
        {{- with .Values.existingModules }}
        - configMap:
            name: {{ . }}
        {{- end }}
  {{- end }}
  {{- if and (eq .Values.queue.driver "bull") .Values.queue.redis.existingSecret }}
  - name: redis
    secret:
      secretName: {{ .Values.queue.redis.existingSecret }}
      defaultMode: 288 # r--r-----
  {{- end }}
  {{- with .Values.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* The token, the authorities and the namespace, where every client looks for them. */}}
{{- define "electorate.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 288 # r--r-----
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: {{ int64 .Values.serviceAccount.tokenSeconds }}
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- define "electorate.container" -}}
- name: electorate
  image: {{ include "electorate.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  {{- with .Values.command }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.args }}
  args:
    {{- toYaml .Values.args | nindent 4 }}
  {{- else if not .Values.command }}
  args: [run, --config, /app/config/electorate.yaml, --log-level, {{ .Values.logLevel }}]
  {{- end }}
  env:
    {{- include "electorate.environment" . | trim | nindent 4 }}
  {{- with .Values.envFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "electorate.port" . }}
  ports:
    - name: http
      containerPort: {{ . }}
      protocol: TCP
  {{- range $probe, $path := dict "startupProbe" "/livez" "livenessProbe" "/livez" "readinessProbe" "/readyz" }}
  {{- with get $.Values $probe }}
  {{ $probe }}:
    {{- merge (dict "httpGet" (dict "path" $path "port" "http")) . | toYaml | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- with .Values.podResources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - name: token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
    {{- if not (include "electorate.ownProgram" .) }}
    # Below the program, so that a module may import "electorate".
    - name: configuration
      mountPath: /app/config
      readOnly: true
    {{- end }}
    {{- if and (eq .Values.queue.driver "bull") .Values.queue.redis.existingSecret }}
    - name: redis
      mountPath: /etc/electorate/redis
      readOnly: true
    {{- end }}
    {{- with .Values.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "electorate.environment" -}}
{{- $fields := list
  (list "POD_NAME" "metadata.name")
  (list "POD_NAMESPACE" "metadata.namespace")
  (list "POD_UID" "metadata.uid")
  (list "POD_IP" "status.podIP")
  (list "NODE_NAME" "spec.nodeName")
  (list "POD_TEMPLATE_HASH" "metadata.labels['pod-template-hash']")
  (list "ELECTORATE_ZONE" "metadata.labels['topology.kubernetes.io/zone']") -}}
{{- range $fields }}
- name: {{ index . 0 }}
  valueFrom:
    fieldRef:
      fieldPath: {{ index . 1 }}
{{- end }}
- name: CONTAINER_NAME
  value: electorate
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
