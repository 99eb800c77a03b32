# An image for each program: --target employee, student, addressbook, gateway or cli. "make images" builds them all. The
# target load is for deploy/e2e alone; steady-rust and steady-go are the examples that never stop, for deploy/demo.
#
# The stage "bins" gives the folder that goes into them: the static programs and etc/. It is replaced by programs built before
# with --build-context bins=FOLDER, which needs no base image; that is what .ci/images does. "bins-go" is the same for the one
# that is written in Go.

FROM docker.io/library/rust:1.95-alpine AS build
RUN apk add --no-cache bash ca-certificates-bundle musl-dev python3
WORKDIR /src
COPY . .
ARG REVISION=""
RUN CAMPUS_COMMIT=$REVISION .ci/static here /bins

FROM docker.io/library/golang:1.25-alpine AS build-go
WORKDIR /src/examples/steady-go
COPY clients/go /src/clients/go
COPY examples/steady-go /src/examples/steady-go
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w" -o /bins/campus-steady-go .

FROM scratch AS bins
COPY --from=build /bins/ /

FROM scratch AS bins-go
COPY --from=build-go /bins/ /

FROM scratch AS base
COPY --from=bins etc/ /etc/
USER 65532:65532
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.vendor="Campus" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM base AS employee
LABEL org.opencontainers.image.title="campus-employee" \
      org.opencontainers.image.description="Keeps the employees of the campus."
COPY --from=bins campus-employee campus-employee.spdx.json /
EXPOSE 50051 9090
ENTRYPOINT ["/campus-employee"]

FROM base AS student
LABEL org.opencontainers.image.title="campus-student" \
      org.opencontainers.image.description="Keeps the students of the campus."
COPY --from=bins campus-student campus-student.spdx.json /
EXPOSE 50051 9090
ENTRYPOINT ["/campus-student"]

FROM base AS addressbook
LABEL org.opencontainers.image.title="campus-addressbook" \
      org.opencontainers.image.description="Keeps people and their phones, for clients of the published PersonGuide."
COPY --from=bins campus-addressbook campus-addressbook.spdx.json /
EXPOSE 50051 9090
ENTRYPOINT ["/campus-addressbook"]

FROM base AS gateway
LABEL org.opencontainers.image.title="campus-gateway" \
      org.opencontainers.image.description="REST in front of gRPC services."
COPY --from=bins campus-gateway campus-gateway.spdx.json /
EXPOSE 8080 9090
ENTRYPOINT ["/campus-gateway"]

FROM base AS cli
LABEL org.opencontainers.image.title="campus" \
      org.opencontainers.image.description="The command line of Campus, and all services in one program."
COPY --from=bins campus campus.spdx.json /
ENTRYPOINT ["/campus"]

FROM base AS load
LABEL org.opencontainers.image.title="campus-load" \
      org.opencontainers.image.description="Calls services at a steady pace and counts lost calls."
COPY --from=bins campus-load campus-load.spdx.json /
ENTRYPOINT ["/campus-load"]

FROM base AS steady-rust
LABEL org.opencontainers.image.title="campus-steady-rust" \
      org.opencontainers.image.description="An example of a client that never stops, in Rust."
COPY --from=bins campus-steady campus-steady.spdx.json /
ENTRYPOINT ["/campus-steady"]

FROM base AS steady-go
LABEL org.opencontainers.image.title="campus-steady-go" \
      org.opencontainers.image.description="An example of a client that never stops, in Go."
COPY --from=bins-go campus-steady-go /
ENTRYPOINT ["/campus-steady-go"]
