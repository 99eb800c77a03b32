{{/* Every object of a thin chart. The context is that of the chart, with what the chart says of itself in .Facts. */}}
{{- define "campus.all" -}}
{{- include "campus.refuse" . }}
{{- $objects := list "serviceAccount" "persistentVolumeClaim" "services" "deployment" "autoscaler"
  "disruptionBudget" "networkPolicy" "certificates" "routes" "monitor" "rules" "test" "extra" }}
{{- range $objects }}
{{- with include (printf "campus.%s" .) $ | trim | trimPrefix "---" | trim }}
---
{{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- include "campus.head" (list . "v1" "ServiceAccount" (include "campus.serviceAccountName" .)) }}
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "campus.persistentVolumeClaim" -}}
{{- $disk := .Values.persistence | default dict }}
{{- if and (eq (include "campus.keeps" .) "volume") (not $disk.existingClaim) }}
{{- include "campus.head" (list . "v1" "PersistentVolumeClaim" (include "campus.fullname" .)) }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes: [{{ $disk.accessMode }}]
  {{- with $disk.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $disk.size }}
{{- end }}
{{- end }}

{{- define "campus.extra" -}}
{{- range .Values.extraObjects }}
---
{{ tpl (kindIs "string" . | ternary . (toYaml .)) $ }}
{{- end }}
{{- end }}
