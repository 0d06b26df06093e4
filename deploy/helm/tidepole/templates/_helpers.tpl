{{- define "tidepole.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tidepole.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What tells this installation's metrics from another's. */}}
{{- define "tidepole.metrics" -}}
{{- .Values.worker.autoscaling.labels | default (dict "namespace" .Release.Namespace "app_kubernetes_io_instance" .Release.Name) | toYaml }}
{{- end }}

{{- define "tidepole.labels" -}}
{{ include "tidepole.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tidepole.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "tidepole.secret" -}}
{{ .Values.secret | default (include "tidepole.name" .) }}
{{- end }}

{{/* What does not go together is refused before anything is installed. */}}
{{- define "tidepole.check" -}}
{{- if and (not .Values.store.external) (gt (int .Values.server.replicas) 1) }}{{ fail "server.replicas: more than one server takes store.external" }}{{ end }}
{{- if and (not .Values.blobs) (gt (int .Values.server.replicas) 1) }}{{ fail "server.replicas: more than one server takes blobs" }}{{ end }}
{{- if and .Values.worker.enabled (not (and .Values.store.external .Values.blobs)) }}{{ fail "worker.enabled: workers take store.external and blobs" }}{{ end }}
{{- if and .Values.store.external (not .Values.store.secret) }}{{ fail "store.external: store.secret names the Secret with TIDEPOLE_STORE" }}{{ end }}
{{- if not (has .Values.worker.autoscaling.kind (list "" "hpa" "keda")) }}{{ fail "worker.autoscaling.kind: have hpa, keda or nothing" }}{{ end }}
{{- include "tidepole.checkRoom" (dict "Values" .Values "pod" "server") }}
{{- if .Values.worker.enabled }}{{ include "tidepole.checkRoom" (dict "Values" .Values "pod" "worker") }}{{ end }}
{{- end }}

{{/* A pod that takes more memory than its limit, or more of a volume than its size, is ended. */}}
{{- define "tidepole.checkRoom" -}}
{{- $pod := index .Values .pod -}}
{{- $workers := int64 $pod.workers -}}
{{- $memory := add (mul $workers (include "tidepole.bytes" .Values.analysis.memory)) (include "tidepole.bytes" .Values.analysis.own) -}}
{{- $disk := mul $workers (include "tidepole.bytes" .Values.analysis.disk) -}}
{{- $limits := (($pod.resources).limits) | default dict -}}
{{- with $limits.memory }}{{ if gt $memory (int64 (include "tidepole.bytes" .)) }}{{ fail (printf "%s.resources.limits.memory: %v is less than workers * analysis.memory + analysis.own, %d bytes" $.pod . $memory) }}{{ end }}{{ end -}}
{{- with $pod.temporary }}{{ if gt $disk (int64 (include "tidepole.bytes" .)) }}{{ fail (printf "%s.temporary: %v is less than workers * analysis.disk, %d bytes" $.pod . $disk) }}{{ end }}{{ end -}}
{{- end }}

{{/* A size as Kubernetes writes it, in bytes. */}}
{{- define "tidepole.bytes" -}}
{{- $s := toString . -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if not (regexMatch "^[0-9]+([.][0-9]+)?([kMGT]|[KMGT]i)?$" $s) }}{{ fail (printf "%s: give a size as in 512Mi or 4Gi" $s) }}{{ end -}}
{{- mulf (regexFind "^[0-9.]+" $s | float64) (get $units (regexFind "[A-Za-z]*$" $s)) | int64 -}}
{{- end }}

{{- define "tidepole.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tidepole.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A time as in 30s or 2m, in seconds. */}}
{{- define "tidepole.seconds" -}}
{{- $s := . -}}
{{- if hasSuffix "ms" $s }}1{{ else if hasSuffix "s" $s }}{{ trimSuffix "s" $s | int }}{{ else if hasSuffix "m" $s }}{{ mul 60 (trimSuffix "m" $s | int) }}{{ else }}{{ fail (printf "%s: give seconds or minutes, as in 30s" $s) }}{{ end }}
{{- end }}
