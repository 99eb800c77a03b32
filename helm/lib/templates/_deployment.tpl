{{- define "campus.deployment" -}}
{{- $keeps := include "campus.keeps" . }}
{{- include "campus.head" (list . "apps/v1" "Deployment" (include "campus.fullname" .)) }}
spec:
  {{- with include "campus.replicas" . }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 3
  minReadySeconds: {{ .Values.minReadySeconds }}
  strategy:
    {{- if eq $keeps "volume" }}
    # The files belong to one process at a time.
    type: Recreate
    {{- else if eq .Values.strategy.type "Recreate" }}
    type: Recreate
    {{- else }}
    {{- toYaml .Values.strategy | nindent 4 }}
    {{- end }}
  selector:
    matchLabels:
      {{- include "campus.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "campus.podLabels" . | nindent 8 }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # The file of settings. It belongs to the pod, so that no pod ever starts with those of another revision.
        campus/config: |
          {{- include "campus.config" . | nindent 10 }}
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- with include "campus.pullSecrets" . | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      serviceAccountName: {{ include "campus.serviceAccountName" . }}
      automountServiceAccountToken: false
      # A Service called "campus" would give every pod of the namespace CAMPUS_* variables.
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "campus.grace" . }}
      securityContext:
        {{- toYaml .Values.podSecurityContext | nindent 8 }}
      containers:
        - name: {{ .Facts.name }}
          image: {{ include "campus.image" (list . .Values.image) }}
          imagePullPolicy: {{ include "campus.pullPolicy" . }}
          args: [--config, /etc/campus/campus.yaml]
          ports:
            - name: {{ .Facts.portName }}
              containerPort: {{ .Facts.port }}
            - name: admin
              containerPort: 9090
          env:
            {{- include "campus.env" . | trim | nindent 12 }}
          {{- with .Values.extraEnvFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- include "campus.probes" . | trim | nindent 10 }}
          {{- with int .Values.drain.preStopSeconds }}
          lifecycle:
            preStop:
              sleep:
                seconds: {{ . }}
          {{- end }}
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          volumeMounts:
            {{- include "campus.volumeMounts" . | trim | nindent 12 }}
      volumes:
        {{- include "campus.volumes" . | trim | nindent 8 }}
      {{- with .Values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        {{- $own := dict "labelSelector" (dict "matchLabels" (include "campus.selectorLabels" $ | fromYaml)) }}
        - {{ mergeOverwrite $own . | toYaml | nindent 10 | trim }}
        {{- end }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with .Values.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- range $key := list "nodeSelector" "affinity" "tolerations" }}
      {{- with index $.Values $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
{{- end }}

{{/* Readiness is asked as gRPC clients ask for it. That health has no name for "alive" and "started". All three are on the
     admin port, which has no TLS. */}}
{{- define "campus.probes" -}}
startupProbe:
  httpGet:
    path: /startupz
    port: admin
  {{- toYaml .Values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  {{- toYaml .Values.probes.liveness | nindent 2 }}
readinessProbe:
  grpc:
    port: 9090
  {{- toYaml .Values.probes.readiness | nindent 2 }}
{{- end }}

{{- define "campus.volumeMounts" -}}
- name: config
  mountPath: /etc/campus
  readOnly: true
{{- $keeps := include "campus.keeps" . }}
{{- if has $keeps (list "volume" "pod") }}
- name: data
  mountPath: /var/lib/campus
- name: tmp
  mountPath: /tmp
{{- end }}
{{- if and (eq $keeps "postgres") (include "campus.database" . | fromYaml).passwordKey }}
- name: database
  mountPath: /etc/campus-database
  readOnly: true
{{- end }}
{{- if include "campus.tls" . }}
- name: tls
  mountPath: /etc/campus-tls
  readOnly: true
{{- end }}
{{- if include "campus.backendTLS" . }}
- name: backend-tls
  mountPath: /etc/campus-backend-tls
  readOnly: true
{{- end }}
{{- if (.Values.people).existingConfigMap }}
- name: people
  mountPath: /etc/campus-people
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "campus.volumes" -}}
{{- include "campus.volumes.own" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "campus.volumes.own" -}}
- name: config
  downwardAPI:
    items:
      - path: campus.yaml
        fieldRef:
          fieldPath: metadata.annotations['campus/config']
{{- $keeps := include "campus.keeps" . }}
{{- if eq $keeps "volume" }}
- name: data
  persistentVolumeClaim:
    claimName: {{ default (include "campus.fullname" .) .Values.persistence.existingClaim }}
{{- else if eq $keeps "pod" }}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- end }}
{{- if has $keeps (list "volume" "pod") }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- end }}
{{- $database := include "campus.database" . | fromYaml }}
{{- if and (eq $keeps "postgres") $database.passwordKey }}
- name: database
  secret:
    secretName: {{ $database.existingSecret }}
    items:
      - key: {{ $database.passwordKey }}
        path: {{ $database.passwordKey }}
    defaultMode: 0440
{{- end }}
{{- with include "campus.tls" . }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with include "campus.backendTLS" . }}
- name: backend-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.people }}
{{- if .existingConfigMap }}
- name: people
  configMap:
    name: {{ .existingConfigMap }}
{{- end }}
{{- end }}
{{- end }}
