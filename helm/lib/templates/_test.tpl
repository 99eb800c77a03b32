{{/* "helm test": our own command-line tool, by the name that clients use. A pod for each call: Helm 3 reads the log only of
     a pod with one container. */}}
{{- define "campus.test" -}}
{{- if .Values.test.enabled }}
{{- $tls := eq .Facts.role "records" | ternary (include "campus.tls" .) "" }}
{{- range $test := .Facts.tests }}
{{- with $ }}
---
apiVersion: v1
kind: Pod
metadata:
  {{- /* A pod's name is its host's: 63 characters. */}}
  name: {{ include "campus.fullname" . | trunc (sub 62 (len $test.name) | int) | trimSuffix "-" }}-{{ $test.name }}
  namespace: {{ .Release.Namespace }}
  # Not those that the Services select.
  labels:
    app.kubernetes.io/name: {{ include "campus.name" . }}-test
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/component: test
    app.kubernetes.io/part-of: campus
  annotations:
    helm.sh/hook: test
    {{- /* Uninstall does not remove hooks. Helm 3 would remove the pod before it reads its log. */}}
    helm.sh/hook-delete-policy: before-hook-creation{{ if not (hasPrefix "v3." .Capabilities.HelmVersion.Version) }},hook-succeeded{{ end }}
spec:
  restartPolicy: Never
  {{- with include "campus.pullSecrets" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: {{ $test.name }}
      image: {{ include "campus.image" (list $ $.Values.test.image) }}
      imagePullPolicy: {{ include "campus.pullPolicy" $ }}
      args: {{ toJson $test.args }}
      env:
        - name: CAMPUS_SERVER
          value: {{ include "campus.target" $ | replace (printf ":%d" (int $.Facts.port)) (printf ":%d" (int (default $.Facts.port $test.port))) }}
        {{- if and $tls (not $test.port) }}
        {{- range $name, $file := dict "CAMPUS_TLS_CA" "ca.crt" "CAMPUS_TLS_CERT" "tls.crt" "CAMPUS_TLS_KEY" "tls.key" }}
        - name: {{ $name }}
          value: /etc/campus-tls/{{ $file }}
        {{- end }}
        - name: CAMPUS_TLS_SERVER_NAME
          value: {{ include "campus.headless" $ }}.{{ $.Release.Namespace }}.svc.{{ include "campus.clusterDomain" $ }}
        {{- end }}
      resources:
        {{- toYaml $.Values.test.resources | nindent 8 }}
      securityContext:
        {{- toYaml $.Values.securityContext | nindent 8 }}
      {{- if $tls }}
      volumeMounts:
        - name: tls
          mountPath: /etc/campus-tls
          readOnly: true
      {{- end }}
  {{- with $tls }}
  volumes:
    - name: tls
      secret:
        secretName: {{ default . $.Values.test.tlsSecret }}
        defaultMode: 0440
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
