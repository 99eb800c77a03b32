package campus_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/internal/servertest"
	"campus.example/client/studentpb"
)

// within is the context of a test, which ends in a minute.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// dial makes a client that is closed with the test.
func dial(t *testing.T, target string, options ...campus.Option) *campus.Client {
	t.Helper()
	client, err := campus.Dial(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// start starts a server and returns a client of it.
func start(t *testing.T, options ...campus.Option) (*campus.Client, *servertest.Server) {
	t.Helper()
	server := servertest.Start(t)
	return dial(t, server.Address, options...), server
}

// must returns the value of a call that may not fail: must(call())(t).
func must[V any](value V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// collect returns all values of a sequence, and the error at its end.
func collect[V any](all iter.Seq2[V, error]) (values []V, err error) {
	for value, err := range all {
		if err != nil {
			return values, err
		}
		values = append(values, value)
	}
	return values, nil
}

// first takes the first value of a sequence and leaves it.
func first[V any](t testing.TB, all iter.Seq2[V, error]) {
	t.Helper()
	for value, err := range all {
		must(value, err)(t)
		return
	}
}

// failed returns the error as what every error has to be.
func failed(t testing.TB, err error) *campus.Error {
	t.Helper()
	var e *campus.Error
	if !errors.As(err, &e) {
		t.Fatalf("no *campus.Error but %T: %v", err, err)
	}
	return e
}

func equal[V any](t testing.TB, what string, got, want V) {
	t.Helper()
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); g != w {
		t.Errorf("%s: %s, not %s", what, g, w)
	}
}

func employee(id int) *employeepb.Employee {
	return &employeepb.Employee{Name: fmt.Sprintf("employees/e%05d", id), GivenName: "Ada", FamilyName: fmt.Sprintf("Number %d", id)}
}

func student(id int) *studentpb.Student {
	return &studentpb.Student{Name: fmt.Sprintf("students/e%05d", id), GivenName: "Ada", FamilyName: fmt.Sprintf("Number %d", id)}
}

// fill imports count employees, from 0 on, and returns their names.
func fill(t *testing.T, client *campus.Client, count int) (names []string) {
	t.Helper()
	summary := must(client.Employees.Import(within(t), func(yield func(*employeepb.Employee) bool) {
		for id := range count {
			names = append(names, employee(id).GetName())
			if !yield(employee(id)) {
				return
			}
		}
	}))(t)
	equal(t, "created", summary.Created, count)
	slices.Sort(names)
	return names
}
