package campus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/internal/servertest"
)

func TestACallEndsAtItsDeadlineAndWithoutOneAtThatOfTheClient(t *testing.T) {
	client, server := start(t, campus.WithDefaultDeadline(200*time.Millisecond))
	fill(t, client, 1)
	server.Pause(t)
	_, err := client.Employees.Get(t.Context(), "employees/e00000")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "WithDefaultDeadline(200ms)") {
		t.Errorf("without a deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Employees.Get(ctx, "employees/e00000")
	equal(t, "code", failed(t, err).Code, codes.DeadlineExceeded)
	_, err = collect(client.Employees.Stream(ctx))
	equal(t, "code of a stream", failed(t, err).Code, codes.DeadlineExceeded)
	server.Continue()
	must(client.Employees.Get(within(t), "employees/e00000"))(t)
}

func TestMetadataGoesThereAndComesBack(t *testing.T) {
	server := servertest.Start(t, `name = "the-first"`)
	client := dial(t, server.Address)
	ctx := metadata.AppendToOutgoingContext(within(t), "x-request-id", "of-this-test")
	var header, trailer metadata.MD
	_, _, err := client.Employees.List(ctx, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	all := metadata.Join(header, trailer)
	equal(t, "x-request-id", all.Get("x-request-id"), []string{"of-this-test"})
	equal(t, "x-served-by", all.Get("x-served-by"), []string{"the-first"})
}

// sizes counts the messages that came smaller, or went smaller, than they are.
type sizes struct{ in, out atomic.Int32 }

func (s *sizes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (s *sizes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (s *sizes) HandleConn(context.Context, stats.ConnStats)                       {}
func (s *sizes) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch e := event.(type) {
	case *stats.InPayload:
		if e.CompressedLength < e.Length {
			s.in.Add(1)
		}
	case *stats.OutPayload:
		if e.CompressedLength < e.Length {
			s.out.Add(1)
		}
	}
}

func TestGzipMakesRequestsAndRepliesSmallerForAllCallsOrForOne(t *testing.T) {
	server := servertest.Start(t)
	long := func(id int) *employeepb.Employee {
		e := employee(id)
		e.FamilyName = strings.Repeat("long", 25)
		return e
	}
	calls := func(client *campus.Client, options ...grpc.CallOption) {
		must(client.Employees.Import(within(t), slices.Values([]*employeepb.Employee{long(1), long(2), long(3)}), options...))(t)
		for id := range 30 {
			must(client.Employees.Update(within(t), long(id), campus.AllowMissing()))(t)
		}
		must(collect(client.Employees.All(within(t), options...)))(t)
	}
	var none, all, some sizes
	calls(dial(t, server.Address, campus.WithDialOptions(grpc.WithStatsHandler(&none))))
	equal(t, "without gzip", none.in.Load()+none.out.Load(), 0)
	calls(dial(t, server.Address, campus.WithGzip(), campus.WithDialOptions(grpc.WithStatsHandler(&all))))
	calls(dial(t, server.Address, campus.WithDialOptions(grpc.WithStatsHandler(&some))), grpc.UseCompressor("gzip"))
	for _, s := range []*sizes{&all, &some} {
		if s.in.Load() == 0 || s.out.Load() < 3 {
			t.Errorf("with gzip %d replies and %d requests are smaller", s.in.Load(), s.out.Load())
		}
	}
	equal(t, "requests of the calls without the option", some.out.Load() < all.out.Load(), true)
}

func TestOverTLSACallIsServedAndOnlyWhoIsTrustedIsCalled(t *testing.T) {
	authority, stranger := servertest.NewAuthority(t), servertest.NewAuthority(t)
	certificate, key := authority.Sign(t, "campus.example")
	server := servertest.Start(t, "[server.tls]", fmt.Sprintf("certificate = %q\nkey = %q", certificate, key))
	trusted := must(campus.TLSFiles(authority.File, "", ""))(t)
	fill(t, dial(t, server.Address, campus.WithTLS(trusted)), 10)

	other := must(campus.TLSFiles(stranger.File, "", ""))(t)
	wrongName := trusted.Clone()
	wrongName.ServerName = "elsewhere.example"
	for what, option := range map[string]campus.Option{
		"an authority not known": campus.WithTLS(other), "another name": campus.WithTLS(wrongName), "no TLS": campus.WithPatience(0),
	} {
		if _, _, err := dial(t, server.Address, option).Employees.List(within(t)); !errors.Is(err, campus.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOverMutualTLSOnlyWhoShowsACertificateIsServed(t *testing.T) {
	authority := servertest.NewAuthority(t)
	certificate, key := authority.Sign(t, "campus.example")
	server := servertest.Start(t, "[server.tls]",
		fmt.Sprintf("certificate = %q\nkey = %q\nclient_ca = %q", certificate, key, authority.File))
	mine, mineKey := authority.Sign(t, "a-client")
	shown := must(campus.TLSFiles(authority.File, mine, mineKey))(t)
	fill(t, dial(t, server.Address, campus.WithTLS(shown)), 10)
	hidden := must(campus.TLSFiles(authority.File, "", ""))(t)
	if _, _, err := dial(t, server.Address, campus.WithTLS(hidden)).Employees.List(within(t)); !errors.Is(err, campus.ErrUnavailable) {
		t.Errorf("without a certificate: %v", err)
	}
}

func TestFilesOfTLSThatCannotBeUsedAreNamed(t *testing.T) {
	authority := servertest.NewAuthority(t)
	certificate, key := authority.Sign(t, "a-client")
	for _, files := range [][3]string{{"missing.pem", "", ""}, {key, "", ""}, {"", certificate, ""}, {"", key, certificate}} {
		_, err := campus.TLSFiles(files[0], files[1], files[2])
		if err == nil || !strings.Contains(err.Error(), strings.Join(files[:], "")[:5]) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

// servedBy calls until the servers that answer are these.
func servedBy(t *testing.T, client *campus.Client, want ...string) {
	t.Helper()
	servertest.Wait(t, fmt.Sprintf("served by %v", want), func() bool {
		counts := map[string]int{}
		for range 10 * len(want) {
			var header, trailer metadata.MD
			if _, _, err := client.Employees.List(within(t), grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
				t.Fatal(err)
			}
			for _, name := range metadata.Join(header, trailer).Get("x-served-by") {
				counts[name]++
			}
		}
		fair := len(counts) == len(want)
		for _, name := range want {
			fair = fair && counts[name] == 10
		}
		return fair
	})
}

// pair starts two servers behind one name, one and two, and returns a client of that name.
func pair(t *testing.T, settings ...string) (client *campus.Client, one, two *servertest.Server) {
	t.Helper()
	one = servertest.Start(t, append(settings, `name = "one"`)...)
	_, port, _ := net.SplitHostPort(one.Address)
	two = servertest.StartAt(t, net.JoinHostPort("127.0.0.2", port), append(settings, `name = "two"`)...)
	names := servertest.NameServer(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2})
	return dial(t, fmt.Sprintf("dns://%s/employee-headless.campus.example.:%s", names, port)), one, two
}

func TestCallsGoRoundTheServersOfANameAndNoneIsLostWhenOneIsKilledOrStopped(t *testing.T) {
	client, one, two := pair(t)
	servedBy(t, client, "one", "two")
	stop, calls := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := client.Employees.List(within(t)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	one.Kill()
	servedBy(t, client, "two")
	one.Restart(t, `name = "one"`)
	servedBy(t, client, "one", "two")
	two.Stop()
	servedBy(t, client, "one")
	close(stop)
	calls.Wait()
}

func TestAServerThatSaysItIsAboutToLeaveGetsNoMoreCalls(t *testing.T) {
	client, _, two := pair(t, `drain_delay = "30s"`)
	servedBy(t, client, "one", "two")
	two.Leave()
	servedBy(t, client, "one")
	equal(t, "the other has ended", two.HasEnded(), false)
}

func TestAClientWaitsForAServerThatIsNotThereYetWhenItIsAskedTo(t *testing.T) {
	server := servertest.Start(t)
	server.Kill()
	client := dial(t, server.Address)
	done := make(chan error, 1)
	go func() {
		_, _, err := client.Employees.List(within(t), grpc.WaitForReady(true))
		done <- err
	}()
	if _, _, err := client.Employees.List(within(t)); !errors.Is(err, campus.ErrUnavailable) {
		t.Error(err)
	}
	server.Restart(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := client.Ready(within(t)); err != nil {
		t.Error(err)
	}
}

func TestAServerBehindAUnixSocketIsCalled(t *testing.T) {
	socket := "unix:" + filepath.Join(t.TempDir(), "campus")
	servertest.StartAt(t, socket)
	fill(t, dial(t, socket), 3)
}
