{{- define "relay.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* Shortened, because names of jobs and of the ETL's metrics are derived from it. */}}
{{- define "relay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "relay.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "relay.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "relay.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "relay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "relay.selector" -}}
app.kubernetes.io/name: {{ include "relay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "relay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "relay.secretName" -}}
{{- .Values.existingSecret | default (include "relay.fullname" .) -}}
{{- end }}

{{- define "relay.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "relay.fullname" .) -}}
{{- end }}

{{/* "yes" or empty: whether a database is configured, and whether segments are on a volume. */}}
{{- define "relay.loads" -}}
{{- if and .Values.etl.enabled (or .Values.secrets.databaseUrl .Values.existingSecret) }}yes{{ end -}}
{{- end }}

{{- define "relay.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}yes{{ end -}}
{{- end }}

{{- define "relay.oneNode" -}}
{{- if and .Values.logs.persistence.enabled (eq .Values.logs.persistence.accessMode "ReadWriteOnce") }}yes{{ end -}}
{{- end }}

{{- define "relay.servesEtlMetrics" -}}
{{- if and (include "relay.loads" .) .Values.etl.metrics.enabled }}yes{{ end -}}
{{- end }}

{{- define "relay.drainSeconds" -}}
{{- int (dig "server" "drain_seconds" 120 .Values.config) -}}
{{- end }}

{{- define "relay.graceSeconds" -}}
{{- $ship := ternary 0 (int .Values.logs.shipSeconds) .Values.logs.persistence.enabled -}}
{{- add (int .Values.preStopSeconds) (int (include "relay.drainSeconds" .)) 30 $ship -}}
{{- end }}

{{- define "relay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "relay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The common part of every Relay pod. */}}
{{- define "relay.pod" -}}
automountServiceAccountToken: false
# Kubernetes sets variables for Services; a Service named like a setting of Relay would change that setting.
enableServiceLinks: false
securityContext: {{- include "relay.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* For a ReadWriteOnce volume: schedules its readers on the proxy's node, a new proxy beside the old one. */}}
{{- define "relay.affinity" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- if include "relay.oneNode" . -}}
{{- $proxy := dict "matchLabels" (merge (dict "app.kubernetes.io/component" "proxy") (include "relay.selector" . | fromYaml)) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" $proxy -}}
{{- $_ := set $affinity "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- end -}}
{{- with $affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "relay.environment" -}}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* Only the values of the Secret that the ETL needs, without providers' keys. */}}
{{- define "relay.databaseEnvironment" -}}
- name: RELAY_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: RELAY_DATABASE_URL}}
{{- include "relay.environment" .context }}
{{- end }}

{{- define "relay.archiveEnvironment" -}}
- {name: RELAY_ARCHIVE, value: {{ .Values.logs.archive | quote }}}
{{- range $name := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ include "relay.secretName" $ }}, key: {{ $name }}, optional: true}}
{{- end }}
{{- end }}

{{- define "relay.dataVolume" -}}
name: data
{{- if .Values.logs.persistence.enabled }}
persistentVolumeClaim: {claimName: {{ .Values.logs.persistence.existingClaim | default (include "relay.fullname" .) }}}
{{- else }}
emptyDir: {sizeLimit: {{ .Values.logs.emptyDirSize }}}
{{- end }}
{{- end }}

{{/* A sidecar has no readiness probe: the proxy beside it must serve without it. */}}
{{- define "relay.etlMetricsContainer" -}}
name: etl-metrics
image: {{ .Values.etl.metrics.image }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [--collector.disable-defaults, --collector.textfile, --collector.textfile.directory=/data/metrics]
ports:
  - {name: etl-metrics, containerPort: 9100}
securityContext: {{- include "relay.containerSecurity" . | nindent 2 }}
livenessProbe: {httpGet: {path: /, port: etl-metrics}}
resources: {{- toYaml .Values.etl.metrics.resources | nindent 2 }}
volumeMounts:
  - {name: data, mountPath: /data, readOnly: true}
{{- end }}
