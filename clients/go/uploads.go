package campus

import (
	"context"
	"errors"
	"io"
	"iter"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// Summary is what an Import did. The four counts add up to the records sent.
type Summary struct {
	// Created records were new.
	Created int
	// Updated records replaced a different one.
	Updated int
	// Unchanged records were there already, equal in every field that a client may set.
	Unchanged int
	// Rejected records were not written.
	Rejected int
	// Rejections are the first 100 of those.
	Rejections []Rejection
}

// Rejection is a record that was not written.
type Rejection struct {
	// Position in the sequence; the first is 0.
	Position int
	// Name as it was sent.
	Name string
	// Err says why.
	Err *Error
}

// Found is the answer to one name of a Lookup.
type Found[T any] struct {
	// Name as it was asked for.
	Name string
	// Record that has the name, or nil.
	Record *T
	// Err says why there is none, or is nil.
	Err error
}

// Import writes each record, new or in place of the one that has its name, and returns a summary. A bad record is rejected alone.
// After an error some may have been written; to send all again is safe. Only options of gRPC.
func (c *Collection[T]) Import(ctx context.Context, records iter.Seq[*T], options ...grpc.CallOption) (*Summary, error) {
	_, rest, err := takes("Import", options)
	if err != nil {
		return nil, err
	}
	// If the sequence panics, the call ends.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	send, finish, err := c.stub.importing(ctx, rest...)
	if err != nil {
		return nil, err
	}
	if err := sendAll(records, send); err != nil {
		return nil, err
	}
	return finish()
}

// Lookup sends names while it receives, and goes through the answers in the order of the names, as they come. An unknown name does
// not end it. It ends after an error. Only options of gRPC.
//
// The names are taken in a goroutine of their own. When the loop ends early, that goroutine ends with the next name.
func (c *Collection[T]) Lookup(ctx context.Context, names iter.Seq[string], options ...grpc.CallOption) iter.Seq2[Found[T], error] {
	return func(yield func(Found[T], error) bool) {
		_, rest, err := takes("Lookup", options)
		if err != nil {
			yield(Found[T]{}, err)
			return
		}
		ahead := make(chan struct{}, mostAhead)
		converse(ctx, names, func(ctx context.Context) (bidi[string, *Found[T]], error) {
			stream, err := c.stub.lookup(ctx, rest...)
			send := stream.send
			stream.send = func(name string) error {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
				}
				return send(name)
			}
			return stream, err
		}, func(found *Found[T], err error) bool {
			if err != nil {
				return yield(Found[T]{}, err)
			}
			<-ahead
			return yield(*found, nil)
		})
	}
}

// mostAhead is how many names a Lookup sends before their answers are taken. A server ends a connection on which tens of thousands
// of small messages wait.
const mostAhead = 1000

// bidi is a stream both ways.
type bidi[Q, A any] struct {
	send      func(Q) error
	closeSend func() error
	receive   func() (A, error)
}

// converse sends all questions while it yields the answers.
func converse[Q, A any](
	ctx context.Context, questions iter.Seq[Q], open func(context.Context) (bidi[Q, A], error), yield func(A, error) bool,
) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := open(ctx)
	var none A
	if err != nil {
		yield(none, err)
		return
	}
	go func() {
		// An error of sending is told where answers are received.
		if sendAll(questions, stream.send) == nil {
			_ = stream.closeSend()
		}
	}()
	for {
		answer, err := stream.receive()
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(none, err)
			return
		}
		if !yield(answer, nil) {
			return
		}
	}
}

// sendAll sends until the sequence or the call ends. Of a call that has ended, gRPC tells the status where its reply is received.
func sendAll[Q any](all iter.Seq[Q], send func(Q) error) error {
	for each := range all {
		if err := send(each); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// rejection is that of the generated stubs, of either kind.
type rejection interface {
	GetPosition() int32
	GetName() string
	GetStatus() *spb.Status
}

func rejections[R rejection](method string, sent []R) []Rejection {
	var all []Rejection
	for _, r := range sent {
		all = append(all, Rejection{int(r.GetPosition()), r.GetName(), fromStatus(method, r.GetStatus())})
	}
	return all
}
