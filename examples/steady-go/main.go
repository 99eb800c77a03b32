// Steady asks for an employee at an interval, whatever happens to the server, and says in a line what came of each call, until it is
// told to stop (SIGTERM, SIGINT).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	campus "campus.example/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// seconds is a flag: a time above 0, in seconds.
type seconds time.Duration

func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

// Set reads a time.
func (s *seconds) Set(text string) error {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number > 0 && number < 1e9) {
		return errors.New("it is no number of seconds above 0, such as 0.5")
	}
	*s = seconds(number * float64(time.Second))
	return nil
}

// arguments reads the flags, which the environment gives if they are left out.
func arguments() (target string, interval, timeout time.Duration, err error) {
	every, limit := seconds(time.Second), seconds(5*time.Second)
	for name, value := range map[string]*seconds{"STEADY_INTERVAL": &every, "STEADY_TIMEOUT": &limit} {
		if text, ok := os.LookupEnv(name); ok {
			if err := value.Set(text); err != nil {
				return "", 0, 0, fmt.Errorf("%s=%q: %w", name, text, err)
			}
		}
	}
	server, ok := os.LookupEnv("CAMPUS_SERVER")
	if !ok {
		server = "127.0.0.1:50051"
	}
	flag.StringVar(&target, "target", server, "whom to call: HOST:PORT, or dns:///NAME:PORT (CAMPUS_SERVER)")
	flag.Var(&every, "interval", "seconds between two calls (STEADY_INTERVAL)")
	flag.Var(&limit, "timeout", "longest time of a call in seconds, with the wait for a server (STEADY_TIMEOUT)")
	flag.Parse()
	return target, time.Duration(every), time.Duration(limit), nil
}

// first returns the name of the first employee. The call waits for a server that is not there, and is repeated when one leaves.
func first(client *campus.Client, timeout time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	page, _, err := client.Employees.List(ctx, campus.PageSize(1), grpc.WaitForReady(true))
	if err != nil || len(page) == 0 {
		return "nobody", err
	}
	return page[0].GetName(), nil
}

func run() error {
	target, interval, timeout, err := arguments()
	if err != nil {
		return err
	}
	client, err := campus.Dial(target)
	if err != nil {
		return err
	}
	defer client.Close()
	stop, end := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer end()
	fmt.Printf("calling %s every %v\n", target, interval)
	calls, failed := 0, 0
	// A call that is under way when it is told to stop is not given up: it ends within its time.
	for stop.Err() == nil {
		calls++
		start := time.Now()
		name, err := first(client, timeout)
		took := time.Since(start).Milliseconds()
		if err == nil {
			fmt.Printf("call %d: ok in %d ms: %s\n", calls, took, name)
		} else {
			failed++
			fmt.Printf("call %d: %v in %d ms: %s\n", calls, status.Code(err), took, status.Convert(err).Message())
		}
		select {
		case <-time.After(interval):
		case <-stop.Done():
		}
	}
	fmt.Printf("stopped after %d calls, %d failed\n", calls, failed)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "steady:", err)
		os.Exit(2)
	}
}
