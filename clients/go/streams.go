package campus

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Change is one step of a Watch.
type Change[T any] struct {
	// Type is what happened.
	Type ChangeType
	// Record is as the change left it; of a deleted one only the name is set. Nil in a mark.
	Record *T
	// ResumeToken starts a Watch right after this step.
	ResumeToken string
	// Time is when the change was committed, or the mark was made.
	Time time.Time
}

// ChangeType is what happened to a record.
type ChangeType int32

// A mark is no change: it says how far the watch is. The first step is one, and an idle watch sends one from time to time.
const (
	Mark ChangeType = iota
	Created
	Updated
	Deleted
)

// String returns the word in small letters.
func (t ChangeType) String() string {
	words := [...]string{"mark", "created", "updated", "deleted"}
	if t < 0 || int(t) >= len(words) {
		return "unknown"
	}
	return words[t]
}

// Stream goes through all records in the order of their names, in one call. When the call is cut it goes on after the last
// record, as long as [WithPatience] says. It ends after an error. Options: [Filter], [After], [Mask].
func (c *Collection[T]) Stream(ctx context.Context, options ...grpc.CallOption) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		r, rest, err := takes("Stream", options, "Filter", "After", "Mask")
		if err != nil {
			yield(nil, err)
			return
		}
		if len(r.mask) > 0 && !slices.Contains(r.mask, "name") && !slices.Contains(r.mask, "*") {
			r.mask = append(slices.Clone(r.mask), "name")
		}
		resume(ctx, c.patience, yield, func(ctx context.Context) (func() (*T, error), error) {
			stream, err := c.stub.stream(ctx, r, rest...)
			if err != nil {
				return nil, err
			}
			return stream.Recv, nil
		}, func(record *T) { r.after = c.stub.name(record) })
	}
}

// Watch goes through every change from now on, or after [ResumeToken], in the order of their commits, until ctx ends or the loop
// does. When the call is cut it goes on after the last change, none left out and none twice, as long as [WithPatience] says. It
// ends after an error; [ErrOutOfRange] means to read all records again and to watch from a new token.
//
// To hold a complete copy: keep the token of the first step, which is a [Mark], read all with Stream, then watch from that token.
//
// Options: [Filter], [ResumeToken].
func (c *Collection[T]) Watch(ctx context.Context, options ...grpc.CallOption) iter.Seq2[*Change[T], error] {
	return func(yield func(*Change[T], error) bool) {
		r, rest, err := takes("Watch", options, "Filter", "ResumeToken")
		if err != nil {
			yield(nil, err)
			return
		}
		resume(ctx, c.patience, yield, func(ctx context.Context) (func() (*Change[T], error), error) {
			receive, err := c.stub.watch(ctx, r, rest...)
			if err != nil {
				return nil, err
			}
			return func() (*Change[T], error) {
				change, err := receive()
				if err == io.EOF {
					// Only a server that is stopping ends a watch.
					err = newError("Watch", status.New(codes.Unavailable, "the server has ended the watch"))
				}
				return change, err
			}, nil
		}, func(change *Change[T]) { r.token = change.ResumeToken })
	}
}

// resume yields what a stream of replies brings, and opens the stream again when it is cut; took keeps where it was.
func resume[M any](
	ctx context.Context, patience time.Duration, yield func(*M, error) bool,
	open func(context.Context) (func() (*M, error), error), took func(*M),
) {
	// Whatever ends the loop, a call that still runs ends with it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tries tries
	for {
		receive, err := open(ctx)
		for err == nil {
			var message *M
			if message, err = receive(); err == nil {
				tries.reset(patience)
				took(message)
				if !yield(message, nil) {
					return
				}
			}
		}
		if err == io.EOF {
			return
		}
		if err = tries.again(ctx, err); err != nil {
			yield(nil, err)
			return
		}
	}
}

const (
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// tries are those since something was achieved; before that there is none, as for any other call.
type tries struct {
	count int
	until time.Time
}

func (t *tries) reset(patience time.Duration) { *t = tries{until: time.Now().Add(patience)} }

// again waits and returns nil to try again after err, or it returns the error that the loop ends with.
func (t *tries) again(ctx context.Context, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	asked, ok := e.RetryDelay()
	if !ok && e.Code != codes.Unavailable {
		return err
	}
	pause := min(firstPause<<min(t.count, 10), longestPause)
	// Many clients of one server must not come back all at once.
	pause = max(asked, time.Duration(float64(pause)*(0.75+rand.Float64()/2)))
	if time.Now().Add(pause).After(t.until) {
		return err
	}
	t.count++
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		// What the caller asked for is the reason, not the cut before it.
		return newError(e.Method, status.FromContextError(ctx.Err()))
	}
}
