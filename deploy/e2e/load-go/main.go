// load-go calls employees at a steady pace through grpc-go with round_robin, and says what became of each call, as campus-load
// does: for comparison.
//
//	load-go dns:///employee-headless:50051
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"campus.example/client/employeepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const (
	workers  = 6
	pause    = 10 * time.Millisecond
	deadline = 10 * time.Second
)

type tally struct {
	sync.Mutex
	Calls int            `json:"calls"`
	Lost  int            `json:"lost"`
	By    map[string]int `json:"by"`
}

func (t *tally) count(what string, header metadata.MD, err error) bool {
	time.Sleep(pause)
	t.Lock()
	defer t.Unlock()
	t.Calls++
	if err != nil {
		t.Lost++
		print(map[string]any{"lost": "grpc-go", "call": what, "error": err.Error()})
		return false
	}
	for _, by := range header.Get("x-served-by") {
		t.By[by]++
	}
	return true
}

func print(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}

// work creates, reads, changes, reads, lists and deletes records, without an end.
func work(client employeepb.EmployeeServiceClient, all *tally) {
	call := func(what string, send func(ctx context.Context, header grpc.CallOption) error) bool {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		var header metadata.MD
		err := send(ctx, grpc.Header(&header))
		return all.count(what, header, err)
	}
	for {
		id := fmt.Sprintf("load-%016x", rand.Uint64())
		name := "employees/" + id
		created := call("Create", func(ctx context.Context, header grpc.CallOption) error {
			_, err := client.CreateEmployee(ctx, &employeepb.CreateEmployeeRequest{
				EmployeeId: id, Employee: &employeepb.Employee{GivenName: "One", FamilyName: "Load"}}, header)
			return err
		})
		if !created {
			continue
		}
		get := func(ctx context.Context, header grpc.CallOption) error {
			_, err := client.GetEmployee(ctx, &employeepb.GetEmployeeRequest{Name: name}, header)
			return err
		}
		call("Get", get)
		call("Update", func(ctx context.Context, header grpc.CallOption) error {
			_, err := client.UpdateEmployee(ctx, &employeepb.UpdateEmployeeRequest{
				Employee:   &employeepb.Employee{Name: name, GivenName: "Two"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"given_name"}}}, header)
			return err
		})
		call("Get", get)
		call("List", func(ctx context.Context, header grpc.CallOption) error {
			_, err := client.ListEmployees(ctx, &employeepb.ListEmployeesRequest{PageSize: 10}, header)
			return err
		})
		call("Delete", func(ctx context.Context, header grpc.CallOption) error {
			_, err := client.DeleteEmployee(ctx, &employeepb.DeleteEmployeeRequest{Name: name, AllowMissing: true}, header)
			return err
		})
	}
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: load-go TARGET")
	}
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
	if err != nil {
		log.Fatal(err)
	}
	all := &tally{By: map[string]int{}}
	for range workers {
		go work(employeepb.NewEmployeeServiceClient(conn), all)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for {
		all.Lock()
		line := map[string]any{"grpc-go": map[string]any{"calls": all.Calls, "lost": all.Lost, "by": maps.Clone(all.By)}}
		all.Unlock()
		print(line)
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
	}
}
