package campus_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/internal/servertest"
	"campus.example/client/personguidepb"
)

// counting counts the streams that were opened, and keeps little of them in memory.
func counting(opened *atomic.Int32) campus.Option {
	return campus.WithDialOptions(
		grpc.WithStaticStreamWindowSize(64<<10),
		grpc.WithStaticConnWindowSize(64<<10),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, conn, method, opts...)
			if err == nil && desc.ServerStreams {
				opened.Add(1)
			}
			return stream, err
		}))
}

func TestAStreamGoesOnAfterItsServerWasKilledAndStartedAgain(t *testing.T) {
	var opened atomic.Int32
	client, server := start(t, counting(&opened))
	names := fill(t, client, 20_000)
	var seen []string
	for record, err := range client.Employees.Stream(within(t), campus.Mask("given_name")) {
		if seen = append(seen, must(record, err)(t).GetName()); len(seen) == 10 {
			server.Kill()
			server.Restart(t)
		}
	}
	if !slices.Equal(seen, names) {
		t.Errorf("%d records of %d, or in another order", len(seen), len(names))
	}
	if opened.Load() < 2 {
		t.Error("the stream was not cut")
	}
}

func TestALoopThatIsCancelledWhileItsServerIsAwayEndsForThat(t *testing.T) {
	for _, why := range []error{context.Canceled, context.DeadlineExceeded} {
		client, server := start(t)
		limit := time.Minute
		if why == context.DeadlineExceeded {
			limit = time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		var last error
		for change, err := range client.Employees.Watch(ctx) {
			if last = err; err != nil {
				break
			}
			equal(t, "change", change.Type, campus.Mark)
			server.Kill()
			if why == context.Canceled {
				// It waits 180 ms or longer.
				time.AfterFunc(90*time.Millisecond, cancel)
			} else {
				<-ctx.Done()
			}
		}
		cancel()
		if failed(t, last); !errors.Is(last, why) {
			t.Errorf("%v, not %v", last, why)
		}
	}
}

func TestAWatchGoesOnAfterItsServerWasStoppedAndStartedAgain(t *testing.T) {
	var opened atomic.Int32
	client, server := start(t, counting(&opened))
	ctx, written := within(t), 0
	write := func() {
		must(client.Employees.Create(ctx, employee(written), grpc.WaitForReady(true)))(t)
		written++
	}
	var seen []string
	for change, err := range client.Employees.Watch(ctx) {
		if must(change, err)(t).Type != campus.Mark {
			seen = append(seen, change.Record.GetFamilyName())
		} else if written > 0 {
			continue
		}
		switch written {
		case 0, 1, 4:
			write()
		case 2:
			server.Stop()
			server.Restart(t)
			// While the watch is away.
			write()
			write()
		}
		if len(seen) == 5 {
			break
		}
	}
	equal(t, "changes", seen, []string{"Number 0", "Number 1", "Number 2", "Number 3", "Number 4"})
	if opened.Load() < 2 {
		t.Error("the watch was not cut")
	}
}

func TestAStreamWhoseServerStaysAwayEndsWithItsErrorWhenPatienceDoes(t *testing.T) {
	client, server := start(t, campus.WithPatience(time.Second))
	var last error
	for _, err := range client.Employees.Watch(within(t)) {
		last = err
		if err == nil {
			server.Kill()
		}
	}
	if !errors.Is(last, campus.ErrUnavailable) {
		t.Error(last)
	}
}

func TestWithoutPatienceACutIsAnError(t *testing.T) {
	var opened atomic.Int32
	client, server := start(t, counting(&opened), campus.WithPatience(0))
	fill(t, client, 20_000)
	count, last := 0, error(nil)
	for _, err := range client.Employees.Stream(within(t)) {
		last = err
		if count++; count == 1 {
			server.Kill()
			server.Restart(t)
		}
	}
	if !errors.Is(last, campus.ErrUnavailable) {
		t.Error(last)
	}
	equal(t, "streams opened", opened.Load(), 1)
}

func TestALoopThatIsLeftEndsItsCallOnTheServer(t *testing.T) {
	// Without a deadline, which would end the calls as well.
	ctx, opened := t.Context(), atomic.Int32{}
	client, server := start(t, counting(&opened))
	fill(t, client, 20_000)
	var people []*personguidepb.Person
	for id := range int32(10_000) {
		people = append(people, &personguidepb.Person{Id: id, Name: strings.Repeat("x", 100), Phones: []*personguidepb.PhoneNumber{{Number: "1"}}})
	}
	must(client.AddressBook.Record(within(t), slices.Values(people)))(t)
	loops := map[string]func(){
		"WatchEmployees":  func() { first(t, client.Employees.Watch(ctx)) },
		"StreamEmployees": func() { first(t, client.Employees.Stream(ctx)) },
		"LookupEmployees": func() { first(t, client.Employees.Lookup(ctx, endless(t, "employees/e00000"))) },
		"ListPersons":     func() { first(t, client.AddressBook.People(ctx)) },
		"RoutePhones":     func() { first(t, client.AddressBook.Phones(ctx, endless(t, int32(2)))) },
	}
	for method, loop := range loops {
		loop()
		servertest.Wait(t, method+" has ended", func() bool { return server.InFlight(t, method) == "0" })
	}
}

// endless yields the value, and then nothing more until the test ends.
func endless[V any](t *testing.T, value V) iter.Seq[V] {
	return func(yield func(V) bool) {
		if yield(value) {
			<-t.Context().Done()
		}
	}
}

func TestALookupSendsAtMostAThousandNamesAheadOfTheAnswersThatAreTaken(t *testing.T) {
	client, _ := start(t)
	var taken atomic.Int32
	count := int32(0)
	for _, err := range client.Employees.Lookup(within(t), func(yield func(string) bool) {
		for id := 0; id < 20_000 && yield(employee(id).GetName()); id++ {
			taken.Add(1)
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count == 1 {
			servertest.Wait(t, "a thousand names are sent", func() bool { return taken.Load() >= 1000 })
		}
		if ahead := taken.Load() - count; ahead > 1000 {
			t.Fatalf("%d names are sent ahead", ahead)
		}
	}
	equal(t, "answers", count, 20_000)
}

func TestAContextThatIsCancelledEndsAWatchWithItsError(t *testing.T) {
	client, server := start(t)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var last error
	for _, err := range client.Employees.Watch(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
	servertest.Wait(t, "the watch has ended", func() bool { return server.InFlight(t, "WatchEmployees") == "0" })
}

func TestAnImportWhoseSourceIsCancelledEndsWithTheErrorOfTheContext(t *testing.T) {
	client, _ := start(t)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	_, err := client.Employees.Import(ctx, func(yield func(*employeepb.Employee) bool) {
		for id := 0; yield(employee(id)); id++ {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
