// Calls two servers without a pause through one grpc-go client with its default
// settings, and counts what each call ended with.
//
//	go run . -policy round_robin 127.0.0.1:50051 127.0.0.1:50061
//
// It ends when its standard input does, and prints one line of JSON then.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const service = "/campus.employee.v1.EmployeeService/"

// Messages are bytes here: what is measured is the way, not the encoding.
type raw struct{}

func (raw) Name() string                    { return "proto" }
func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

// text is a field of a message that holds text or a message.
func text(number byte, value string) string {
	return string([]byte{number<<3 | 2, byte(len(value))}) + value
}

func employee() string { return text(3, "Mira") + text(4, "Okafor") }

// ended counts connections that ended, and keeps no more.
type ended struct{ count atomic.Int64 }

func (e *ended) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (e *ended) HandleRPC(context.Context, stats.RPCStats)                         {}
func (e *ended) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (e *ended) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnEnd); ok {
		e.count.Add(1)
	}
}

type tally struct {
	sync.Mutex
	calls  map[string]int
	failed map[string]int
}

func (t *tally) add(method string, err error) {
	t.Lock()
	defer t.Unlock()
	t.calls[method]++
	if err != nil {
		s := status.Convert(err)
		t.failed[fmt.Sprintf("%s %s: %s", method, s.Code(), s.Message())]++
	}
}

func call(conn *grpc.ClientConn, method, message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, reply := []byte(message), []byte(nil)
	return conn.Invoke(ctx, service+method, &request, &reply, grpc.ForceCodec(raw{}))
}

// prepare makes the record that is read at each server by itself.
func prepare(address string) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	return call(conn, "CreateEmployee", text(1, employee())+text(2, "drain"))
}

func main() {
	policy := flag.String("policy", "round_robin", "balancing policy: round_robin, or pick_first, which is grpc-go's default")
	workers := flag.Int("workers", 8, "calls at once")
	flag.Parse()

	var endpoints []resolver.Endpoint
	for _, address := range flag.Args() {
		if err := prepare(address); err != nil {
			fmt.Fprintln(os.Stderr, "drain:", address, err)
			os.Exit(69)
		}
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	list := manual.NewBuilderWithScheme("list")
	list.InitialState(resolver.State{Endpoints: endpoints})
	connections := &ended{}
	conn, err := grpc.NewClient("list:///campus", grpc.WithResolvers(list), grpc.WithStatsHandler(connections),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(fmt.Sprintf(`{"loadBalancingConfig":[{%q:{}}]}`, *policy)))
	if err != nil {
		fmt.Fprintln(os.Stderr, "drain:", err)
		os.Exit(70)
	}

	all := &tally{calls: map[string]int{}, failed: map[string]int{}}
	var stop atomic.Bool
	var running sync.WaitGroup
	for range *workers {
		running.Go(func() {
			for n := 0; !stop.Load(); n++ {
				if n%8 == 0 {
					all.add("Create", call(conn, "CreateEmployee", text(1, employee())))
				} else {
					all.add("Get", call(conn, "GetEmployee", text(1, "employees/drain")))
				}
				// A steady load, not as much as the machine can bear.
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	io.Copy(io.Discard, os.Stdin)
	stop.Store(true)
	running.Wait()
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"client": "grpc-go " + grpc.Version, "policy": *policy,
		"calls": all.calls, "failed": all.failed, "connections_ended": connections.count.Load(),
	})
}
