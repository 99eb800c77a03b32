package campus

import (
	"context"
	"crypto/rand"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// limit gives calls without a deadline one.
func (s *settings) limit(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if _, has := ctx.Deadline(); has || s.defaultDeadline <= 0 {
		return call(ctx, method, req, reply, conn, opts...)
	}
	ctx, cancel := context.WithTimeout(ctx, s.defaultDeadline)
	defer cancel()
	err := call(ctx, method, req, reply, conn, opts...)
	if status.Code(err) == codes.DeadlineExceeded {
		why := status.Convert(err).Message()
		return status.Errorf(codes.DeadlineExceeded, "%s; the context has no deadline, so it was WithDefaultDeadline(%v)", why, s.defaultDeadline)
	}
	return err
}

// requestID gives writes that can have a request id one, so that they can be sent again.
func requestID(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if message, ok := req.(proto.Message); ok {
		field := message.ProtoReflect().Descriptor().Fields().ByName("request_id")
		if field != nil && !message.ProtoReflect().Has(field) {
			message = proto.Clone(message)
			message.ProtoReflect().Set(field, protoreflect.ValueOfString(NewRequestID()))
			req = message
		}
	}
	return call(ctx, method, req, reply, conn, opts...)
}

// NewRequestID returns a random UUID (version 4) for [RequestID].
func NewRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func unaryErrors(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	return toError(method, call(ctx, method, req, reply, conn, opts...))
}

func streamErrors(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, toError(method, err)
	}
	return &errorStream{stream, method}, nil
}

// errorStream is a stream whose errors are those of this package. io.EOF stays what it is.
type errorStream struct {
	grpc.ClientStream
	method string
}

func (s *errorStream) SendMsg(message any) error {
	return toError(s.method, s.ClientStream.SendMsg(message))
}

func (s *errorStream) RecvMsg(message any) error {
	return toError(s.method, s.ClientStream.RecvMsg(message))
}

func (s *errorStream) CloseSend() error { return toError(s.method, s.ClientStream.CloseSend()) }
