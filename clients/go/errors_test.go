package campus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/internal/servertest"
)

func TestAnErrorSaysItsCodeMethodAndDetails(t *testing.T) {
	client, _ := start(t)
	_, err := client.Employees.Get(within(t), "employees/nobody")
	e := failed(t, fmt.Errorf("wrapped: %w", err))
	equal(t, "code", e.Code, codes.NotFound)
	equal(t, "method", e.Method, "campus.employee.v1.EmployeeService/GetEmployee")
	equal(t, "reason", e.Reason(), "RESOURCE_NOT_FOUND")
	equal(t, "text", e.Error(), "campus: GetEmployee: NotFound: "+e.Message)
	resource, _ := campus.Detail[*errdetails.ResourceInfo](err)
	equal(t, "resource", resource.GetResourceName(), "employees/nobody")
	if !errors.Is(err, campus.ErrNotFound) || errors.Is(err, campus.ErrAborted) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is not what it is, or is something else", err)
	}
	if _, has := e.RetryDelay(); has {
		t.Error("what is not found is said to be worth another try")
	}
}

func TestAnErrorIsAStatusOfGRPC(t *testing.T) {
	client, _ := start(t)
	_, err := client.Employees.Get(within(t), "employees/nobody")
	s, ok := status.FromError(err)
	equal(t, "is a status", ok, true)
	equal(t, "code", s.Code(), codes.NotFound)
	equal(t, "details", len(s.Details()), len(failed(t, err).Details))
}

func TestAllFaultsOfARequestAreToldAtOnce(t *testing.T) {
	client, _ := start(t)
	_, err := client.Employees.Create(within(t), &employeepb.Employee{BirthDate: "yesterday"}, campus.ID("No!"))
	if !errors.Is(err, campus.ErrInvalidArgument) {
		t.Fatal(err)
	}
	var fields []string
	for _, violation := range failed(t, err).Violations() {
		fields = append(fields, violation.GetField())
	}
	slices.Sort(fields)
	equal(t, "fields", fields, []string{"employee.birth_date", "employee.family_name", "employee.given_name", "employee_id"})
}

func TestAnErrorOfAnOverloadedServerSaysWhenToTryAgain(t *testing.T) {
	server := servertest.Start(t, "max_stream_calls = 1")
	client := dial(t, server.Address)
	for _, err := range client.Employees.Watch(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		_, err = collect(client.Employees.Stream(within(t)))
		if !errors.Is(err, campus.ErrResourceExhausted) {
			t.Fatal(err)
		}
		if delay, ok := failed(t, err).RetryDelay(); !ok || delay <= 0 {
			t.Errorf("try again in %v, %v", delay, ok)
		}
		break
	}
}

func TestABadOptionIsRefusedBeforeTheCall(t *testing.T) {
	client := dial(t, "127.0.0.1:1")
	_, err := client.Employees.Get(t.Context(), "employees/1", campus.Filter("x"))
	if !errors.Is(err, campus.ErrInvalidArgument) || !strings.Contains(err.Error(), "Get: InvalidArgument: it takes no Filter") {
		t.Error(err)
	}
	_, err = collect(client.Employees.Watch(t.Context(), campus.PageSize(1)))
	if !errors.Is(err, campus.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestBadInputIsAnErrorAndTheClientGoesOn(t *testing.T) {
	client, _ := start(t)
	ctx, bad := within(t), "employees/\xff"
	_, unary := client.Employees.Get(ctx, bad)
	_, streamed := collect(client.Employees.Stream(ctx, campus.Filter("given_name = ")))
	_, missing := client.Employees.Create(ctx, nil)
	_, token := collect(client.Employees.Watch(ctx, campus.ResumeToken("not a token")))
	_, page := collect(client.Employees.All(ctx, campus.PageSize(-1)))
	_, mask := client.Employees.Get(ctx, "employees/1", campus.Mask("no_such_field"))
	for _, err := range []error{streamed, missing, token, page, mask} {
		if !errors.Is(err, campus.ErrInvalidArgument) {
			t.Errorf("%v", err)
		}
	}
	_, sent := client.Employees.Import(ctx, slices.Values([]*employeepb.Employee{employee(1), {Name: bad}}))
	_, asked := collect(client.Employees.Lookup(ctx, slices.Values([]string{"employees/1", bad})))
	for _, err := range []error{unary, sent, asked} {
		if e := failed(t, err); !strings.Contains(e.Message, "UTF-8") {
			t.Errorf("text that is none: %v", err)
		}
	}
	summary := must(client.Employees.Import(ctx, slices.Values([]*employeepb.Employee{nil, employee(1)})))(t)
	equal(t, "rejected", summary.Rejected, 1)
	must(client.Employees.Get(ctx, employee(1).GetName()))(t)
}

func TestATargetThatCannotBeIsRefused(t *testing.T) {
	for _, target := range []string{
		"", "\x00", "https://campus.example:50051", "HTTP://127.0.0.1:50051", "ftp://127.0.0.1:1", "static:///127.0.0.1:1",
		"127.0.0.1:1,127.0.0.1:2", "127.0.0.1:0", "127.0.0.1:99999", "dns:///campus.example:grpc", "dns://127.0.0.1/h:x",
	} {
		if _, err := campus.Dial(target); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", target)) {
			t.Errorf("%q is taken, or not named: %v", target, err)
		}
	}
	for _, target := range []string{"127.0.0.1:1", "[::1]:1", "campus.example", "dns:campus.example:1", "unix:/a", "DNS:///h:1"} {
		if _, err := campus.Dial(target); err != nil {
			t.Error(err)
		}
	}
	if _, err := campus.Dial("127.0.0.1:1", campus.WithServiceConfig(`{"loadBalancingConfig": 1}`)); err == nil {
		t.Error("a service config that is none is taken")
	}
}

func TestWhereNobodyListensACallFailsSoonAndReadyWaits(t *testing.T) {
	client := dial(t, "127.0.0.1:1")
	_, err := client.Employees.Get(within(t), "employees/1")
	_, streamed := collect(client.Employees.Stream(within(t)))
	if !errors.Is(err, campus.ErrUnavailable) || !errors.Is(streamed, campus.ErrUnavailable) {
		t.Errorf("%v, %v", err, streamed)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Error(err)
	}
	_ = client.Close()
	if err := client.Ready(within(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("when it is closed: %v", err)
	}
}

func TestTheStubsHaveTheSameErrorsOnTheSameConnection(t *testing.T) {
	client, _ := start(t)
	stub := employeepb.NewEmployeeServiceClient(client.Conn())
	_, err := stub.GetEmployee(within(t), &employeepb.GetEmployeeRequest{
		Name: "employees/1", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"nothing"}},
	})
	if !errors.Is(err, campus.ErrInvalidArgument) {
		t.Error(err)
	}
}
