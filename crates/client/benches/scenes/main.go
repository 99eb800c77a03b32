// Calls the servers of a name at a steady pace through one grpc-go client, and
// counts what each call ended with; the same as main.rs beside it.
//
//	go run . WORKERS PAUSE_US dns://NAMESERVER/NAME:PORT
//
// It ends when its standard input does, and prints one line of JSON then.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	method   = "/campus.employee.v1.EmployeeService/ListEmployees"
	deadline = 2 * time.Second
)

//go:embed config.json
var config string

// Messages are bytes here: what is measured is the way, not the encoding.
type raw struct{}

func (raw) Name() string                    { return "proto" }
func (raw) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

type tally struct {
	sync.Mutex
	calls     int
	failed    map[string]int
	failures  []float64
	latencies []int64
}

func call(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	request, reply := []byte(nil), []byte(nil)
	return conn.Invoke(ctx, method, &request, &reply, grpc.ForceCodec(raw{}))
}

func (t *tally) one(conn *grpc.ClientConn) {
	begun := time.Now()
	err := call(conn)
	t.Lock()
	defer t.Unlock()
	t.calls++
	t.latencies = append(t.latencies, time.Since(begun).Microseconds())
	if err != nil {
		s := status.Convert(err)
		t.failed[fmt.Sprintf("%s: %s", s.Code(), s.Message())]++
		t.failures = append(t.failures, float64(time.Now().UnixMicro())/1e6)
	}
}

// cpu is the time of the processors that this process has had, in seconds.
func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func main() {
	workers, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	pause, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	conn, err := grpc.NewClient(os.Args[3], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(config))
	if err != nil {
		panic(err)
	}
	all := &tally{failed: map[string]int{}, failures: []float64{}}
	var stop atomic.Bool
	var running sync.WaitGroup
	begun, before := time.Now(), cpu()
	for range workers {
		running.Go(func() {
			for !stop.Load() {
				all.one(conn)
				time.Sleep(time.Duration(pause) * time.Microsecond)
			}
		})
	}
	io.Copy(io.Discard, os.Stdin)
	seconds, spent := time.Since(begun).Seconds(), cpu()-before
	stop.Store(true)
	running.Wait()
	slices.Sort(all.latencies)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"calls": all.calls, "failed": all.failed, "failures": all.failures, "seconds": seconds,
		"cpu_us_per_call": spent * 1e6 / float64(all.calls), "p99_us": all.latencies[len(all.latencies)*99/100],
		"version": grpc.Version,
	})
}
