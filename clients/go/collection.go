package campus

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"
)

// Collection is the records of one kind. Its methods take options of their request, such as [Mask], and options of gRPC, such as
// grpc.WaitForReady(true), in one list.
type Collection[T any] struct {
	stub     stub[T]
	patience time.Duration
}

// stub is the generated client of one kind of record.
type stub[T any] interface {
	create(context.Context, *T, *request, ...grpc.CallOption) (*T, error)
	get(context.Context, string, *request, ...grpc.CallOption) (*T, error)
	batchGet(context.Context, []string, *request, ...grpc.CallOption) ([]*T, error)
	list(context.Context, *request, ...grpc.CallOption) ([]*T, string, error)
	update(context.Context, *T, *request, ...grpc.CallOption) (*T, error)
	delete(context.Context, string, *request, ...grpc.CallOption) error
	stream(context.Context, *request, ...grpc.CallOption) (grpc.ServerStreamingClient[T], error)
	watch(context.Context, *request, ...grpc.CallOption) (func() (*Change[T], error), error)
	importing(context.Context, ...grpc.CallOption) (func(*T) error, func() (*Summary, error), error)
	lookup(context.Context, ...grpc.CallOption) (bidi[string, *Found[T]], error)
	name(*T) string
}

// Create adds one record and returns it as stored. Options: [ID], [RequestID].
func (c *Collection[T]) Create(ctx context.Context, record *T, options ...grpc.CallOption) (*T, error) {
	r, rest, err := takes("Create", options, "ID", "RequestID")
	if err != nil {
		return nil, err
	}
	return c.stub.create(ctx, record, r, rest...)
}

// Get returns one record. Options: [Mask].
func (c *Collection[T]) Get(ctx context.Context, name string, options ...grpc.CallOption) (*T, error) {
	r, rest, err := takes("Get", options, "Mask")
	if err != nil {
		return nil, err
	}
	return c.stub.get(ctx, name, r, rest...)
}

// BatchGet returns the records of up to 1,000 names, in their order; one unknown name makes the call fail. Options: [Mask].
func (c *Collection[T]) BatchGet(ctx context.Context, names []string, options ...grpc.CallOption) ([]*T, error) {
	r, rest, err := takes("BatchGet", options, "Mask")
	if err != nil {
		return nil, err
	}
	return c.stub.batchGet(ctx, names, r, rest...)
}

// List returns one page of records, and the token of the next one, empty on the last. Options: [Filter], [OrderBy], [PageSize],
// [PageToken], [Mask].
func (c *Collection[T]) List(ctx context.Context, options ...grpc.CallOption) (records []*T, next string, err error) {
	r, rest, err := takes("List", options, "Filter", "OrderBy", "PageSize", "PageToken", "Mask")
	if err != nil {
		return nil, "", err
	}
	return c.stub.list(ctx, r, rest...)
}

// All goes through the records of all pages, one call a page. It ends after an error. Options: as of List.
func (c *Collection[T]) All(ctx context.Context, options ...grpc.CallOption) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, rest, err := takes("All", options, "Filter", "OrderBy", "PageSize", "PageToken", "Mask")
		if err != nil {
			yield(nil, err)
			return
		}
		page := *r
		for {
			records, next, err := c.stub.list(ctx, &page, rest...)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			page.token = next
		}
	}
}

// Update changes the fields of the mask, or those that are set, and returns the record as stored. If its etag is set and not the
// stored one, the error is [ErrAborted]. Options: [Mask], [AllowMissing].
func (c *Collection[T]) Update(ctx context.Context, record *T, options ...grpc.CallOption) (*T, error) {
	r, rest, err := takes("Update", options, "Mask", "AllowMissing")
	if err != nil {
		return nil, err
	}
	return c.stub.update(ctx, record, r, rest...)
}

// Delete removes one record for good. Options: [IfMatch], [AllowMissing].
func (c *Collection[T]) Delete(ctx context.Context, name string, options ...grpc.CallOption) error {
	r, rest, err := takes("Delete", options, "IfMatch", "AllowMissing")
	if err != nil {
		return err
	}
	return c.stub.delete(ctx, name, r, rest...)
}
