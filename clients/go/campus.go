// Package campus calls the services of Campus: employees, students and an address book.
//
//	client, err := campus.Dial("dns:///employee-headless.campus.svc.cluster.local.:50051")
//	...
//	employee, err := client.Employees.Get(ctx, "employees/10001")
//
// It is a thin layer over the stubs in employeepb, studentpb and personguidepb. These can be used beside it, on the connection
// that [Client.Conn] returns, and get the same deadlines, repetitions and errors.
//
// A call ends when its context does. Every error of a call is an [*Error].
package campus

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"campus.example/client/employeepb"
	"campus.example/client/personguidepb"
	"campus.example/client/studentpb"
)

// Client calls the services at one target. It is safe for use by several goroutines.
type Client struct {
	// Employees are the records of employees.
	Employees *Collection[employeepb.Employee]
	// Students are the records of students.
	Students *Collection[studentpb.Student]
	// AddressBook is the book of people and their phones.
	AddressBook *AddressBook

	conn *grpc.ClientConn
}

// Dial makes a client of the servers at target. It does not connect: the first call does, or [Client.Ready].
//
//	dns:///host:port, host:port     every address that the name has; a headless Service of Kubernetes is such a name
//	dns://10.96.0.10/host:port      the same, from this name server
//	unix:/path                      one server of this machine
//
// A process that has one service only answers the calls of the others with [ErrUnimplemented].
func Dial(target string, options ...Option) (*Client, error) {
	if err := checkTarget(target); err != nil {
		return nil, fmt.Errorf("campus: target %q: %w", target, err)
	}
	settings := defaults()
	for _, option := range options {
		option(&settings)
	}
	conn, err := grpc.NewClient(target, settings.dialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("campus: target %q: %w", target, err)
	}
	return &Client{
		Employees:   &Collection[employeepb.Employee]{employees{employeepb.NewEmployeeServiceClient(conn)}, settings.patience},
		Students:    &Collection[studentpb.Student]{students{studentpb.NewStudentServiceClient(conn)}, settings.patience},
		AddressBook: &AddressBook{personguidepb.NewPersonGuideClient(conn)},
		conn:        conn,
	}, nil
}

// Ready connects, and waits until a call can be sent or ctx ends, and then returns an error that is that of ctx.
func (c *Client) Ready(ctx context.Context) error {
	for {
		state := c.conn.GetState()
		if state == connectivity.Ready {
			return nil
		}
		if state == connectivity.Shutdown {
			return newError("Ready", status.New(codes.Canceled, "the client is closed"))
		}
		c.conn.Connect()
		if !c.conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("campus: no server of %s is ready (%v): %w", c.conn.Target(), state, ctx.Err())
		}
	}
}

// Conn returns the connection, for stubs of services and for what else gRPC does.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Close ends the connections, and all calls that are still under way.
func (c *Client) Close() error { return c.conn.Close() }
