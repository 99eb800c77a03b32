package campus

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// request is what a call can say beside what each of its kind must say.
type request struct {
	id, requestID, etag, filter, orderBy, after, token string
	mask                                               []string
	pageSize                                           int32
	allowMissing                                       bool
}

// field is an option that sets a field of the request. Options of gRPC and these go into one list.
type field struct {
	grpc.EmptyCallOption
	name string
	set  func(*request)
}

// ID chooses the last segment of a new record's name; without it the server does. For Create.
func ID(id string) grpc.CallOption {
	return field{name: "ID", set: func(r *request) { r.id = id }}
}

// RequestID is a UUID, such as [NewRequestID] makes. A Create with the same one and the same content answers with the record that
// the first of them made, for at least 24 hours. Without it each Create has its own. For Create.
func RequestID(uuid string) grpc.CallOption {
	return field{name: "RequestID", set: func(r *request) { r.requestID = uuid }}
}

// Mask names the fields to return (Get, BatchGet, List, All, Stream) or to change (Update): given_name, or * for all.
// Without it all are returned, and those changed that are set. A Stream returns the name as well, which resumes it.
func Mask(paths ...string) grpc.CallOption {
	return field{name: "Mask", set: func(r *request) { r.mask = paths }}
}

// AllowMissing makes an Update of an unknown record create it, and a Delete of one no error. For Update and Delete.
func AllowMissing() grpc.CallOption {
	return field{name: "AllowMissing", set: func(r *request) { r.allowMissing = true }}
}

// IfMatch deletes only the record that still has this etag; otherwise the error is [ErrAborted]. For Delete; an Update has the
// etag in its record.
func IfMatch(etag string) grpc.CallOption {
	return field{name: "IfMatch", set: func(r *request) { r.etag = etag }}
}

// Filter chooses records in the language of AIP-160: family_name = "Facello" AND hire_date < "1990-01-01". For List, All,
// Stream and Watch.
func Filter(expression string) grpc.CallOption {
	return field{name: "Filter", set: func(r *request) { r.filter = expression }}
}

// OrderBy orders records: family_name, hire_date desc. Without it they come by name. For List and All.
func OrderBy(fields string) grpc.CallOption {
	return field{name: "OrderBy", set: func(r *request) { r.orderBy = fields }}
}

// PageSize is the most records that come at once, at most 1,000; 50 unless set. For List and All.
func PageSize(records int32) grpc.CallOption {
	return field{name: "PageSize", set: func(r *request) { r.pageSize = records }}
}

// PageToken is what List returned with the page before. For List and All.
func PageToken(token string) grpc.CallOption {
	return field{name: "PageToken", set: func(r *request) { r.token = token }}
}

// After leaves out all records up to this name, which need not exist. For Stream.
func After(name string) grpc.CallOption {
	return field{name: "After", set: func(r *request) { r.after = name }}
}

// ResumeToken goes on right after the [Change] that has it. For Watch.
func ResumeToken(token string) grpc.CallOption {
	return field{name: "ResumeToken", set: func(r *request) { r.token = token }}
}

// takes separates what the request says from the options of gRPC. An option that verb has no use for is an error.
func takes(verb string, options []grpc.CallOption, names ...string) (*request, []grpc.CallOption, error) {
	r := &request{}
	var rest []grpc.CallOption
	for _, option := range options {
		f, ok := option.(field)
		if !ok {
			rest = append(rest, option)
			continue
		}
		if !slices.Contains(names, f.name) {
			message := fmt.Sprintf("it takes no %s, only %s", f.name, strings.Join(append(names, "options of gRPC"), ", "))
			return nil, nil, newError(verb, status.New(codes.InvalidArgument, message))
		}
		f.set(r)
	}
	return r, rest, nil
}

func (r *request) fieldMask() *fieldmaskpb.FieldMask {
	if r.mask == nil {
		return nil
	}
	return &fieldmaskpb.FieldMask{Paths: r.mask}
}
