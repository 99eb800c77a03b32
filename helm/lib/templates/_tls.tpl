{{/* The Secret with the certificate of the server, or nothing without TLS. */}}
{{- define "campus.tls" -}}
{{- if or .Values.tls.enabled (and (eq .Facts.role "records") ((.Values.global).mutualTLS).enabled) }}
{{- default (printf "%s-tls" (include "campus.fullname" .)) .Values.tls.existingSecret }}
{{- end }}
{{- end }}

{{/* The Secret with the certificate that a gateway shows to the services, or nothing. */}}
{{- define "campus.backendTLS" -}}
{{- with .Values.backendTLS }}
{{- if or .enabled (($.Values.global).mutualTLS).enabled }}
{{- default (printf "%s-client" (include "campus.fullname" $)) .existingSecret }}
{{- end }}
{{- end }}
{{- end }}

{{- define "campus.certificates" -}}
{{- $name := include "campus.fullname" . }}
{{- if and (include "campus.tls" .) (not .Values.tls.existingSecret) }}
{{- include "campus.certificate" (list . (printf "%s-tls" $name) .Values.tls.certManager "tls.existingSecret or tls.certManager.issuerRef.name") }}
  dnsNames:
    {{- range $service := list $name (include "campus.headless" .) }}
    - {{ $service }}
    - {{ $service }}.{{ $.Release.Namespace }}
    - {{ $service }}.{{ $.Release.Namespace }}.svc
    - {{ $service }}.{{ $.Release.Namespace }}.svc.{{ include "campus.clusterDomain" $ }}
    {{- end }}
    {{- with .Values.tls.certManager.extraDnsNames }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  # A server shows its own to itself in "helm test".
  usages: [digital signature, key encipherment, server auth, client auth]
{{- end }}
{{- if and (include "campus.backendTLS" .) (not .Values.backendTLS.existingSecret) }}
---
{{ include "campus.certificate" (list . (printf "%s-client" $name) .Values.backendTLS.certManager "backendTLS.existingSecret or backendTLS.certManager.issuerRef.name") }}
  commonName: {{ $name }}
  dnsNames:
    - {{ $name }}.{{ .Release.Namespace }}.svc.{{ include "campus.clusterDomain" . }}
  usages: [digital signature, key encipherment, client auth]
{{- end }}
{{- end }}

{{/* The beginning of a Certificate: list of context, name, block of settings, what to set instead of an issuer. */}}
{{- define "campus.certificate" -}}
{{- $ := index . 0 }}{{ $settings := index . 2 }}
{{- $issuer := $settings.issuerRef }}
{{- if not $issuer.name }}{{ $issuer = (($.Values.global).mutualTLS).issuerRef | default $issuer }}{{ end }}
{{- if and (not $issuer.name) (($.Values.global).mutualTLS).enabled (not $.Chart.IsRoot) }}
{{- $issuer = dict "name" (printf "%s-ca" $.Release.Name) "kind" "Issuer" }}
{{- end }}
{{- if not $issuer.name }}
{{- fail (printf "%s: TLS needs a certificate: set %s" $.Chart.Name (index . 3)) }}
{{- end }}
{{- include "campus.head" (list $ "cert-manager.io/v1" "Certificate" (index . 1)) }}
spec:
  secretName: {{ index . 1 }}
  issuerRef:
    name: {{ $issuer.name }}
    kind: {{ default "Issuer" $issuer.kind }}
    group: {{ default "cert-manager.io" $issuer.group }}
  duration: {{ $settings.duration }}
  renewBefore: {{ $settings.renewBefore }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
    encoding: PKCS8
{{- end }}
