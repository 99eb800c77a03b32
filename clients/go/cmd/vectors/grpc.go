package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/reflect/protoreflect"

	campus "campus.example/client"
)

// seen is what a call has come to.
type seen struct {
	code, message, encoding string
	details                 []any
	responses               []any
	headers, trailers       metadata.MD
}

// caller calls any method through the client.
type caller struct{ client *campus.Client }

func newCaller(a arguments) (*caller, error) {
	options := []campus.Option{campus.WithDialOptions(grpc.WithStatsHandler(encodings{}))}
	if a.authority != "" {
		config, err := campus.TLSFiles(a.authority, a.certificate, a.key)
		if err != nil {
			return nil, err
		}
		options = append(options, campus.WithTLS(config))
	}
	client, err := campus.Dial(a.grpc, options...)
	return &caller{client}, err
}

// call calls, until the call has ended or is cancelled. An error means that it could not be made or understood.
func (c *caller) call(ctx context.Context, step *call) (*seen, error) {
	method, err := findMethod(step.Method)
	if err != nil {
		return nil, badFile{err}
	}
	var requests [][]byte
	for at, value := range step.Requests {
		encoded, err := encode(method.Input(), value)
		if err != nil {
			return nil, badFile{fmt.Errorf("requests[%d]: %w", at, err)}
		}
		requests = append(requests, encoded)
	}
	limit, err := step.limit()
	if err != nil {
		return nil, badFile{err}
	}
	s := &seen{encoding: "identity"}
	ctx, stop := context.WithTimeout(context.WithValue(ctx, encodingKey{}, &s.encoding), limit)
	defer stop()
	if ctx, err = outgoing(ctx, step.Metadata); err != nil {
		return nil, badFile{err}
	}
	options := []grpc.CallOption{grpc.ForceCodecV2(raw{})}
	if step.Compression == "gzip" {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	exchange := &exchange{step: step, method: method, requests: requests, seen: s, stop: stop}
	if method.IsStreamingClient() || method.IsStreamingServer() || step.Hold {
		err = exchange.stream(ctx, c.client.Conn(), options)
	} else {
		err = exchange.unary(ctx, c.client.Conn(), options)
	}
	return s, s.end(err)
}

// exchange is one call under way.
type exchange struct {
	step     *call
	method   protoreflect.MethodDescriptor
	requests [][]byte
	seen     *seen
	stop     context.CancelFunc
}

func (e *exchange) unary(ctx context.Context, conn *grpc.ClientConn, options []grpc.CallOption) error {
	var reply []byte
	options = append(options, grpc.Header(&e.seen.headers), grpc.Trailer(&e.seen.trailers))
	if err := conn.Invoke(ctx, "/"+e.step.Method, e.requests[0], &reply, options...); err != nil {
		return err
	}
	return e.take(reply)
}

func (e *exchange) stream(ctx context.Context, conn *grpc.ClientConn, options []grpc.CallOption) error {
	// gRPC ends the client's side with the first message of a method that takes one.
	shape := &grpc.StreamDesc{
		ServerStreams: e.method.IsStreamingServer(), ClientStreams: e.method.IsStreamingClient() || e.step.Hold,
	}
	stream, err := conn.NewStream(ctx, shape, "/"+e.step.Method, options...)
	if err != nil {
		return err
	}
	defer func() { e.seen.trailers = stream.Trailer() }()
	sent := make(chan struct{})
	go e.send(stream, sent)
	if cancel := e.step.Cancel; cancel != nil && !cancel.headers && cancel.responses == 0 {
		<-sent
		return e.cancel(stream)
	}
	if e.seen.headers, err = stream.Header(); err != nil {
		return err
	}
	if cancel := e.step.Cancel; cancel != nil && cancel.headers && e.seen.headers != nil {
		return e.cancel(stream)
	}
	for {
		var reply []byte
		err := stream.RecvMsg(&reply)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := e.take(reply); err != nil {
			_ = e.cancel(stream)
			return err
		}
		if !shape.ServerStreams {
			return nil
		}
		if cancel := e.step.Cancel; cancel != nil && cancel.responses == len(e.seen.responses) {
			return e.cancel(stream)
		}
	}
}

func (e *exchange) send(stream grpc.ClientStream, sent chan<- struct{}) {
	defer close(sent)
	for _, request := range e.requests {
		// An error is that of the call, and told where it is read.
		if stream.SendMsg(request) != nil {
			return
		}
	}
	if !e.step.Hold && e.step.Cancel == nil {
		_ = stream.CloseSend()
	}
}

// cancel cancels, and returns what the call ends with then. Responses that were on their way are left out.
func (e *exchange) cancel(stream grpc.ClientStream) error {
	e.stop()
	for {
		var reply []byte
		switch err := stream.RecvMsg(&reply); {
		case errors.Is(err, io.EOF) || err == nil && !e.method.IsStreamingServer():
			return context.Canceled
		case err != nil:
			return err
		}
	}
}

func (e *exchange) take(reply []byte) error {
	value, err := decode(e.method.Output(), reply)
	if err != nil {
		return fmt.Errorf("responses[%d]: %w", len(e.seen.responses), err)
	}
	e.seen.responses = append(e.seen.responses, value)
	return nil
}

// end takes in the status of the call; an error that is none stays one.
func (s *seen) end(err error) error {
	s.details = []any{}
	var e *campus.Error
	switch {
	case err == nil:
		s.code = code.Code_OK.String()
		return nil
	case err == context.Canceled:
		s.code = code.Code_CANCELLED.String()
		return nil
	case !errors.As(err, &e):
		return err
	}
	s.code, s.message = code.Code(e.Code).String(), e.Message
	for _, packed := range e.GRPCStatus().Proto().GetDetails() {
		detail, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("details: %w", err)
		}
		s.details = append(s.details, detail)
	}
	return nil
}

// outgoing adds metadata to the context of a call.
func outgoing(ctx context.Context, all map[string]oneOrMany) (context.Context, error) {
	for key, values := range all {
		for _, value := range values {
			if strings.HasSuffix(key, "-bin") {
				decoded, err := base64.StdEncoding.DecodeString(value)
				if err != nil {
					return nil, fmt.Errorf("metadata.%s: %w", key, err)
				}
				value = string(decoded)
			}
			ctx = metadata.AppendToOutgoingContext(ctx, key, value)
		}
	}
	return ctx, nil
}

// incoming returns all values of a key, base64 of those of -bin keys.
func incoming(all metadata.MD) func(key string) []string {
	return func(key string) []string {
		values := slices.Clone(all.Get(key))
		if strings.HasSuffix(key, "-bin") {
			for i, value := range values {
				values[i] = base64.StdEncoding.EncodeToString([]byte(value))
			}
		}
		return values
	}
}

// raw leaves messages the bytes that they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}

func (raw) Unmarshal(wire mem.BufferSlice, message any) error {
	*message.(*[]byte) = wire.Materialize()
	return nil
}

type encodingKey struct{}

// encodings tells the encoding of a response, which gRPC keeps out of its headers, to the string in the context of its call.
type encodings struct{}

func (encodings) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (encodings) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (encodings) HandleConn(context.Context, stats.ConnStats)                       {}
func (encodings) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if header, is := event.(*stats.InHeader); is && header.Compression != "" {
		if encoding, is := ctx.Value(encodingKey{}).(*string); is {
			*encoding = header.Compression
		}
	}
}
