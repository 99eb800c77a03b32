# shellcheck shell=bash
# Values that a chart refuses, each with what it says. Sourced by .ci/charts.

two="replicaCount is 2, but records in SQLite belong to one pod: set database.existingSecret"
for chart in employee student addressbook; do refuses "$chart" "$two" --set replicaCount=2; done
refuses employee "autoscaling.maxReplicas is 6, but records in SQLite" --set autoscaling.enabled=true
refuses employee "minReplicas is 5, more than autoscaling.maxReplicas, 2" \
  --set autoscaling.enabled=true,autoscaling.minReplicas=5,autoscaling.maxReplicas=2,database.existingSecret=d
refuses employee "set resources.requests.cpu" --set autoscaling.enabled=true,database.existingSecret=d,resources.requests.cpu=null
refuses employee "name them as autoscaling.triggers" --set autoscaling.enabled=true,database.existingSecret=d \
  --set 'autoscaling.triggers[0].type=cron,autoscaling.metrics[0].type=Pods'
refuses employee "holds a password" --set database.url=postgres://me:secret@host/db
refuses employee "are both set: set database.passwordKey" --set database.url=postgres://me@host/db,database.existingSecret=d
refuses employee "set database.existingSecret" --set database.url=postgres://me@host/db,database.passwordKey=p
refuses employee "/database/url" --set database.url=mysql://host/db
refuses employee "tls.existingSecret or tls.certManager.issuerRef.name" --set tls.enabled=true
refuses gateway "backendTLS.existingSecret or backendTLS.certManager.issuerRef.name" --set backendTLS.enabled=true
refuses employee "set grpcRoute.parentRefs" --set grpcRoute.enabled=true
refuses gateway "set httpRoute.parentRefs" --set httpRoute.enabled=true
refuses campus "set gateway.backends.student.enabled to false" --set student.enabled=false
refuses campus "set gateway.backends.employee.target to dns:///staff-headless.campus.svc.cluster.local.:50051" \
  --set employee.fullnameOverride=staff

# Names that other charts have.
refuses employee "there is no value replicas: use replicaCount" --set replicas=2
refuses employee "there is no value env: use extraEnv" --set env.A=b
refuses gateway "there is no value config: use settings" --set config.a=b
refuses campus "employee: there is no value employee.livenessProbe: use probes.liveness" --set employee.livenessProbe.periodSeconds=3
refuses employee "use drain.limitSeconds" --set terminationGracePeriodSeconds=60

# Settings that the chart makes.
refuses employee "settings.server.drain_limit is set by the chart: use drain.limitSeconds" --set settings.server.drain_limit=60s
refuses employee "settings.store.url is set by the chart: use database.url" --set settings.store.url=postgres://h/d
refuses employee "settings.server.tls.key is set by the chart: use tls" --set settings.server.tls.key=k
refuses gateway "settings.gateway.backends is set by the chart: use backends" --set settings.gateway.backends=dns:///x:1

# What there is not, anywhere, and what is of the wrong kind.
refuses employee "nonsense" --set nonsense=1
refuses employee "max_connection" --set settings.server.max_connection=1
refuses employee "rest" --set settings.rest.max_body=1MiB
refuses campus "nonsense" --set nonsense=1
refuses campus "imageRegistry" --set employee.imageRegistry=x
refuses campus "imageRegistry" --set global.image.imageRegistry=x
refuses employee "replicaCount" --set replicaCount=two
refuses employee "maxUnavailable" --set podDisruptionBudget.maxUnavailable=0
refuses employee "protocol" --set otel.protocol=http/json
refuses employee "/otel/endpoint" --set otel.endpoint=collector:4318
refuses employee "/otel/env" --set otel.env.PATH=/x
refuses employee "digest" --set image.digest=sha256:12

# What is there already, and what is no name.
refuses employee "employee: extraEnv has POD_NAME, which is there already: use another name" --set 'extraEnv[0].name=POD_NAME,extraEnv[0].value=x'
refuses employee "extraEnv has OTEL_SERVICE_NAME, which is there already: use otel" \
  --set 'otel.endpoint=http://c:4318,extraEnv[0].name=OTEL_SERVICE_NAME,extraEnv[0].value=x'
refuses employee "extraEnv has A, which is there already" --set 'extraEnv[0].name=A,extraEnv[1].name=A'
refuses employee "extraVolumes has tmp, which is there already" --set 'extraVolumes[0].name=tmp'
refuses campus "employee: employee.commonLabels has app.kubernetes.io/part-of, which the chart sets itself" \
  --set 'employee.commonLabels.app\.kubernetes\.io/part-of=shop'
refuses gateway "podLabels has app.kubernetes.io/name" --set 'podLabels.app\.kubernetes\.io/name=x'
refuses employee "/podAnnotations/scrape" --set podAnnotations.scrape=true
refuses employee "/fullnameOverride" --set fullnameOverride=Bad_Name
refuses employee "/image/repository" --set image.repository=UPPER/x
refuses employee "/resources/limits/memory" --set resources.limits.memory=abc
refuses campus "nothing is enabled" --set employee.enabled=false,student.enabled=false,addressbook.enabled=false,gateway.enabled=false

# Names of objects do not collide.
refuses campus "employee and student would both be named x: set student.fullnameOverride" \
  --set gateway.enabled=false,employee.fullnameOverride=x,student.fullnameOverride=x

# TLS that only one side speaks, or that is only half set.
refuses campus "employee.tls is on, but the gateway calls it without TLS: set gateway.backendTLS.enabled" \
  --set employee.tls.enabled=true,employee.tls.existingSecret=s
refuses campus "gateway.backendTLS is on, but employee speaks no TLS: set employee.tls.enabled" \
  --set gateway.backendTLS.enabled=true,gateway.backendTLS.existingSecret=s
refuses employee "tls.existingSecret is set, but nothing would use it: set tls.enabled" --set tls.existingSecret=s
refuses gateway "backendTLS.existingSecret is set, but nothing would use it" --set backendTLS.existingSecret=s

refuses employee "holds a password" --set 'database.url=postgres://me@host/db?sslmode=require&password=secret'

# Within the umbrella a value is named by its path from there.
refuses campus "employee.replicaCount is 2, but records in SQLite belong to one pod: set global.database.existingSecret" --set employee.replicaCount=2
refuses campus "set employee.resources.requests.cpu" --set employee.autoscaling.enabled=true,global.database.existingSecret=d,employee.resources.requests.cpu=null
refuses campus "employee.settings.server.listen is set by the chart" --set employee.settings.server.listen=x
for name in replicaCount image database otel networkPolicy mutualTLS metrics ingress settings resources; do
  refuses campus "there is no value $name: use " --set "$name.a=b"
done
refuses employee "use podDisruptionBudget.maxUnavailable" --set podDisruptionBudget.minAvailable=1
refuses employee "use persistence.storageClassName" --set persistence.storageClass=fast
refuses gateway "use tls.existingSecret" --set tls.secretName=s
refuses employee "there is no value service.nodePort" --set service.nodePort=30000
refuses employee "use settings.log.level" --set logLevel=debug
# Names in global that are nearly ours.
for name in databases Database otell imagePullSecret mutualTls clusterdomain; do
  refuses campus "there is no value global.$name: use global." --set "global.$name.a=b"
done
# Nothing, where there has to be something.
for name in settings tls; do refuses employee "$name is null, which takes its defaults away" --set "$name=null"; done
refuses gateway "backends is null" --set backends=null
refuses campus "gateway.backends is null" --set gateway.backends=null
refuses gateway "no backend is enabled, and a gateway needs one" \
  --set backends.employee.enabled=false,backends.student.enabled=false,backends.addressbook.enabled=false
refuses gateway "/backends/employee/target" --set backends.employee.target=https://host
