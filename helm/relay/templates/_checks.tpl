{{/* Rejects combinations of values that cannot work, with advice. */}}
{{- define "relay.checks" -}}
{{- $volume := .Values.logs.persistence.enabled -}}
{{- if and (include "relay.several" .) (include "relay.oneNode" .) -}}
{{- fail "several proxies cannot write to one ReadWriteOnce volume: set logs.persistence.accessMode to ReadWriteMany, or logs.persistence.enabled to false with logs.archive, or replicas to 1" -}}
{{- end -}}
{{- if and (not $volume) (not .Values.logs.archive) -}}
{{- fail "without logs.persistence a pod takes its records with it when it goes: set logs.archive to s3://bucket/prefix" -}}
{{- end -}}
{{- if and (not $volume) (not .Values.keys.existingSecret) -}}
{{- fail "without logs.persistence there is no place where every proxy finds the Relay keys: put keys.yaml into a Secret and name it in keys.existingSecret" -}}
{{- end -}}
{{- if and (not $volume) (semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail "without logs.persistence Kubernetes must be 1.29 or later: only there does a sidecar outlive the proxy to ship its last segment" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled needs at least one entry in ingress.hosts" -}}
{{- end -}}
{{- end }}
