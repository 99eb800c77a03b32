package campus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// What an [*Error] is, for [errors.Is]. An error of any other code is found with [errors.As] and its Code.
var (
	ErrInvalidArgument   error = kind(codes.InvalidArgument)   // Error.Violations says which fields
	ErrNotFound          error = kind(codes.NotFound)          // no such record
	ErrAlreadyExists     error = kind(codes.AlreadyExists)     // the name, or a value that only one may have
	ErrAborted           error = kind(codes.Aborted)           // the etag is not the stored one: read, then write again
	ErrOutOfRange        error = kind(codes.OutOfRange)        // a resume token whose changes are no longer kept
	ErrPermissionDenied  error = kind(codes.PermissionDenied)  // the server lets this client do nothing
	ErrResourceExhausted error = kind(codes.ResourceExhausted) // too much, or too much at once: Error.RetryDelay
	ErrUnavailable       error = kind(codes.Unavailable)       // no server, or one that is leaving
	ErrUnimplemented     error = kind(codes.Unimplemented)     // no such service at this target
	ErrDataLoss          error = kind(codes.DataLoss)          // the server's storage is damaged
	ErrInternal          error = kind(codes.Internal)          // a fault of the server
)

type kind codes.Code

func (k kind) Error() string { return "campus: " + codes.Code(k).String() }

// Error is a call that failed, or one record of it. [errors.Is] knows it by ErrNotFound and the others, and by
// context.DeadlineExceeded and context.Canceled; status.FromError of gRPC works as well.
type Error struct {
	// Code is the status of gRPC.
	Code codes.Code
	// Message says what is wrong, for people.
	Message string
	// Method is the full name, such as campus.employee.v1.EmployeeService/GetEmployee.
	Method string
	// Details are what the server said for programs: *errdetails.ErrorInfo and others, *anypb.Any where the type is not known.
	Details []proto.Message

	status *status.Status
}

// toError makes an *Error of an error of gRPC; nil and io.EOF stay.
func toError(method string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if already := (*Error)(nil); errors.As(err, &already) {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return newError(method, s)
}

// fromStatus is the error of one record of a stream, nil for OK.
func fromStatus(method string, s *spb.Status) *Error {
	if codes.Code(s.GetCode()) == codes.OK {
		return nil
	}
	return newError(method, status.FromProto(s))
}

func newError(method string, s *status.Status) *Error {
	e := &Error{Code: s.Code(), Message: s.Message(), Method: strings.TrimPrefix(method, "/"), status: s}
	for _, packed := range s.Proto().GetDetails() {
		var detail proto.Message = packed
		if known, err := packed.UnmarshalNew(); err == nil {
			detail = known
		}
		e.Details = append(e.Details, detail)
	}
	return e
}

// Error says which call failed and why, in one line.
func (e *Error) Error() string {
	method := e.Method[strings.LastIndexByte(e.Method, '/')+1:]
	return fmt.Sprintf("campus: %s: %v: %s", method, e.Code, e.Message)
}

// Is reports whether the error has the code of target, for [errors.Is].
func (e *Error) Is(target error) bool {
	switch target {
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	case context.Canceled:
		return e.Code == codes.Canceled
	}
	k, ok := target.(kind)
	return ok && codes.Code(k) == e.Code
}

// GRPCStatus returns the status, for status.FromError.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// Detail returns the first detail of err that is a D, such as *errdetails.ResourceInfo.
func Detail[D proto.Message](err error) (detail D, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return detail, false
	}
	for _, each := range e.Details {
		if detail, ok = each.(D); ok {
			return detail, true
		}
	}
	return detail, false
}

// Reason says why, for programs, such as RESOURCE_NOT_FOUND; it is empty if the server said nothing.
func (e *Error) Reason() string {
	info, _ := Detail[*errdetails.ErrorInfo](e)
	return info.GetReason()
}

// Violations are all fields of the request that are wrong.
func (e *Error) Violations() []*errdetails.BadRequest_FieldViolation {
	bad, _ := Detail[*errdetails.BadRequest](e)
	return bad.GetFieldViolations()
}

// RetryDelay is how long to wait at least before the call is worth another try, if the server said so.
func (e *Error) RetryDelay() (delay time.Duration, ok bool) {
	info, ok := Detail[*errdetails.RetryInfo](e)
	return info.GetRetryDelay().AsDuration(), ok
}
