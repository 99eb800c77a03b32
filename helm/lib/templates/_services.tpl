{{/* Two Services: one with an address of its own, and a headless one whose name has every ready pod, for clients that
     choose among them. The admin port is on the latter only, so that a pod is scraped once. */}}
{{- define "campus.services" -}}
{{ include "campus.head" (list . "v1" "Service" (include "campus.fullname" .)) }}
  {{- with .Values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .Values.service.type }}
  {{- include "campus.ipFamilyPolicy" . }}
  {{- with .Values.service.trafficDistribution }}
  trafficDistribution: {{ . }}
  {{- end }}
  selector:
    {{- include "campus.selectorLabels" . | nindent 4 }}
  ports:
    {{- include "campus.servicePort" . | nindent 4 }}
---
{{ include "campus.head" (list . "v1" "Service" (include "campus.headless" .)) }}
    app.kubernetes.io/component: headless
spec:
  clusterIP: None
  {{- include "campus.ipFamilyPolicy" . }}
  selector:
    {{- include "campus.selectorLabels" . | nindent 4 }}
  ports:
    {{- include "campus.servicePort" . | nindent 4 }}
    - name: admin
      port: 9090
      targetPort: admin
{{- end }}

{{- define "campus.ipFamilyPolicy" }}
{{- with .Values.service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
{{- end }}
{{- end }}

{{- define "campus.servicePort" -}}
- name: {{ .Facts.portName }}
  port: {{ .Facts.port }}
  targetPort: {{ .Facts.portName }}
  {{- if not (include "campus.tls" .) }}
  appProtocol: {{ .Facts.appProtocol }}
  {{- end }}
{{- end }}
