{{- define "campus.autoscaler" -}}
{{- with .Values.autoscaling }}
{{- if and .enabled .triggers }}
{{- include "campus.head" (list $ "keda.sh/v1alpha1" "ScaledObject" (include "campus.fullname" $)) }}
spec:
  scaleTargetRef:
    name: {{ include "campus.fullname" $ }}
  minReplicaCount: {{ .minReplicas }}
  maxReplicaCount: {{ .maxReplicas }}
  {{- with .behavior }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  triggers:
    {{- with .targetCPUUtilizationPercentage }}
    - type: cpu
      metricType: Utilization
      metadata:
        value: {{ . | quote }}
    {{- end }}
    {{- toYaml .triggers | nindent 4 }}
{{- else if .enabled }}
{{- include "campus.head" (list $ "autoscaling/v2" "HorizontalPodAutoscaler" (include "campus.fullname" $)) }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "campus.fullname" $ }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    {{- with .targetCPUUtilizationPercentage }}
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ . }}
    {{- end }}
    {{- with .metrics }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* With autoscaling: what runs now, within the limits. Without a word, Kubernetes would go back to 1 when autoscaling is
     turned on. Nothing for a first installation, where the cluster cannot be asked, and once the autoscaler owns the field: a
     rollback to a number that Helm 4 had applied would be a conflict. */}}
{{- define "campus.replicas" -}}
{{- if .Values.autoscaling.enabled }}
{{- with lookup "apps/v1" "Deployment" .Release.Namespace (include "campus.fullname" .) }}
{{- $silent := false }}
{{- range .metadata.managedFields }}
{{- if and (eq .manager "helm") (eq .operation "Apply") }}{{ $silent = not (hasKey (index .fieldsV1 "f:spec") "f:replicas") }}{{ end }}
{{- end }}
{{- if not $silent }}{{ .spec.replicas | max $.Values.autoscaling.minReplicas | min $.Values.autoscaling.maxReplicas }}{{ end }}
{{- end }}
{{- else }}{{ .Values.replicaCount }}
{{- end }}
{{- end }}

{{/* The fewest and the most pods there may be. */}}
{{- define "campus.least" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}
{{- define "campus.most" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.maxReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{/* None for a single pod: it could never be evicted. A pod that is not ready may always be. */}}
{{- define "campus.disruptionBudget" -}}
{{- if and .Values.podDisruptionBudget.enabled (gt (include "campus.least" . | int) 1) }}
{{- include "campus.head" (list . "policy/v1" "PodDisruptionBudget" (include "campus.fullname" .)) }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "campus.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}
