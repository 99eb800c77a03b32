package campus

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	_ "google.golang.org/grpc/health" // asks servers for their health, as the service config says
	"google.golang.org/grpc/keepalive"
)

// ServiceConfig is the service config of a client that is given none, in JSON: calls go round the servers that say they are
// well, and what may be done twice is sent again when a server is away.
//
//go:embed serviceconfig.json
var ServiceConfig string

// Option is a setting of [Dial].
type Option func(*settings)

type settings struct {
	credentials     credentials.TransportCredentials
	serviceConfig   string
	defaultDeadline time.Duration
	patience        time.Duration
	more            []grpc.DialOption
}

func defaults() settings {
	return settings{
		credentials:     insecure.NewCredentials(),
		serviceConfig:   ServiceConfig,
		defaultDeadline: 10 * time.Second,
		patience:        time.Minute,
	}
}

// WithTLS encrypts, as config says. The name in the target is what certificates must be for, unless config.ServerName is set.
// [TLSFiles] makes such a config.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.credentials = credentials.NewTLS(config) }
}

// WithServiceConfig takes another service config than [ServiceConfig], in gRPC's JSON.
func WithServiceConfig(json string) Option {
	return func(s *settings) { s.serviceConfig = json }
}

// WithDefaultDeadline sets how long a unary call may take whose context has no deadline; 10 s unless set, 0 is without limit.
// Streams have only the deadline of their context.
func WithDefaultDeadline(limit time.Duration) Option {
	return func(s *settings) { s.defaultDeadline = limit }
}

// WithPatience sets how long a Stream or a Watch that was cut is tried again without getting on; 1 min unless set, 0 is never.
func WithPatience(limit time.Duration) Option {
	return func(s *settings) { s.patience = limit }
}

// WithGzip compresses all requests; servers then compress their replies as well. For one call, give it
// grpc.UseCompressor("gzip").
func WithGzip() Option {
	return WithDialOptions(grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
}

// WithDialOptions adds options of gRPC, such as interceptors, credentials of calls and statistics.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.more = append(s.more, options...) }
}

// TLSFiles makes a config for [WithTLS] from PEM files: the authorities to trust, and the certificate and key to show to servers
// that ask for one (mutual TLS). Empty authorities are those of the system; certificate and key go together or not at all. They
// are read anew for each connection, so that they can be renewed while the client runs.
func TLSFiles(authorities, certificate, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pem, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("campus: authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("campus: authorities: %s holds no certificate in PEM", authorities)
		}
	}
	if certificate == "" && key == "" {
		return config, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("campus: certificate %q with key %q: %w", certificate, key, err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}

func (s *settings) dialOptions() []grpc.DialOption {
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(s.credentials),
		grpc.WithDefaultServiceConfig(s.serviceConfig),
		// Otherwise each lookup asks for a TXT record as well, which could replace the config.
		grpc.WithDisableServiceConfig(),
		// Servers take a ping each 10 s, and ask for one themselves.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 500 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 10 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithChainUnaryInterceptor(unaryErrors, s.limit, requestID),
		grpc.WithChainStreamInterceptor(streamErrors),
	}, s.more...)
}
