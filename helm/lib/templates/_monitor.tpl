{{- define "campus.monitor" -}}
{{- with .Values.metrics.serviceMonitor }}
{{- if .enabled }}
{{- include "campus.head" (list $ "monitoring.coreos.com/v1" "ServiceMonitor" (include "campus.fullname" $)) }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  namespaceSelector:
    matchNames: [{{ $.Release.Namespace }}]
  selector:
    matchLabels:
      {{- include "campus.selectorLabels" $ | nindent 6 }}
      app.kubernetes.io/component: headless
  endpoints:
    - port: admin
      interval: {{ .interval }}
      scrapeTimeout: {{ .scrapeTimeout }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.rules" -}}
{{- with .Values.metrics.prometheusRule }}
{{- if .enabled }}
{{- $rules := include (printf "campus.rules.%s" $.Facts.role) $ | fromYamlArray }}
{{- $rules = concat (include "campus.rules.all" $ | fromYamlArray) $rules }}
{{- include "campus.head" (list $ "monitoring.coreos.com/v1" "PrometheusRule" (include "campus.fullname" $)) }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  groups:
    - name: {{ include "campus.fullname" $ }}
      rules:
        {{- range $rule := $rules }}
        {{- if not (has .alert $.Values.metrics.prometheusRule.disabled) }}
        {{- $_ := set .annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" $.Values.metrics.prometheusRule.runbookUrl) .alert) }}
        {{- $_ := set . "labels" (merge .labels (dict "namespace" $.Release.Namespace "service" (include "campus.fullname" $))) }}
        - {{ toYaml . | nindent 10 | trim }}
        {{- end }}
        {{- end }}
        {{- with .extraRules }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}
{{- end }}
{{- end }}
