package campus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"

	campus "campus.example/client"
	"campus.example/client/employeepb"
)

func Example() {
	client, err := campus.Dial("dns:///employee-headless.campus.svc.cluster.local.:50051")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	employee, err := client.Employees.Get(context.Background(), "employees/10001", campus.Mask("given_name"))
	switch {
	case errors.Is(err, campus.ErrNotFound):
		fmt.Println("no such employee")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println(employee.GetGivenName())
	}
}

// A copy of all records that is kept up to date: a token, the records, the changes since the token.
func ExampleCollection_Watch() {
	client, err := campus.Dial("127.0.0.1:50051")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, token, all := context.Background(), "", map[string]*employeepb.Employee{}
	for change, err := range client.Employees.Watch(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		token = change.ResumeToken
		break
	}
	for employee, err := range client.Employees.Stream(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		all[employee.GetName()] = employee
	}
	for change, err := range client.Employees.Watch(ctx, campus.ResumeToken(token)) {
		if err != nil {
			log.Fatal(err)
		}
		switch change.Type {
		case campus.Created, campus.Updated:
			all[change.Record.GetName()] = change.Record
		case campus.Deleted:
			delete(all, change.Record.GetName())
		}
	}
}

func ExampleCollection_Import() {
	client, err := campus.Dial("127.0.0.1:50051")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	employees := []*employeepb.Employee{{Name: "employees/10001", GivenName: "Ada", FamilyName: "Lovelace"}}
	summary, err := client.Employees.Import(context.Background(), slices.Values(employees))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Created, summary.Updated, summary.Unchanged)
	for _, rejection := range summary.Rejections {
		fmt.Println(rejection.Position, rejection.Name, rejection.Err)
	}
}
