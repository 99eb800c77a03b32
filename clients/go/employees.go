package campus

import (
	"context"

	"google.golang.org/grpc"

	pb "campus.example/client/employeepb"
)

// employees is the stub of employees.
type employees struct{ pb.EmployeeServiceClient }

func (s employees) create(ctx context.Context, record *pb.Employee, r *request, opts ...grpc.CallOption) (*pb.Employee, error) {
	return s.CreateEmployee(ctx, &pb.CreateEmployeeRequest{Employee: record, EmployeeId: r.id, RequestId: r.requestID}, opts...)
}

func (s employees) get(ctx context.Context, name string, r *request, opts ...grpc.CallOption) (*pb.Employee, error) {
	return s.GetEmployee(ctx, &pb.GetEmployeeRequest{Name: name, ReadMask: r.fieldMask()}, opts...)
}

func (s employees) batchGet(ctx context.Context, names []string, r *request, opts ...grpc.CallOption) ([]*pb.Employee, error) {
	reply, err := s.BatchGetEmployees(ctx, &pb.BatchGetEmployeesRequest{Names: names, ReadMask: r.fieldMask()}, opts...)
	return reply.GetEmployees(), err
}

func (s employees) list(ctx context.Context, r *request, opts ...grpc.CallOption) ([]*pb.Employee, string, error) {
	reply, err := s.ListEmployees(ctx, &pb.ListEmployeesRequest{
		PageSize: r.pageSize, PageToken: r.token, Filter: r.filter, OrderBy: r.orderBy, ReadMask: r.fieldMask(),
	}, opts...)
	return reply.GetEmployees(), reply.GetNextPageToken(), err
}

func (s employees) update(ctx context.Context, record *pb.Employee, r *request, opts ...grpc.CallOption) (*pb.Employee, error) {
	return s.UpdateEmployee(ctx, &pb.UpdateEmployeeRequest{
		Employee: record, UpdateMask: r.fieldMask(), AllowMissing: r.allowMissing,
	}, opts...)
}

func (s employees) delete(ctx context.Context, name string, r *request, opts ...grpc.CallOption) error {
	_, err := s.DeleteEmployee(ctx, &pb.DeleteEmployeeRequest{Name: name, Etag: r.etag, AllowMissing: r.allowMissing}, opts...)
	return err
}

func (s employees) stream(
	ctx context.Context, r *request, opts ...grpc.CallOption,
) (grpc.ServerStreamingClient[pb.Employee], error) {
	return s.StreamEmployees(ctx, &pb.StreamEmployeesRequest{Filter: r.filter, After: r.after, ReadMask: r.fieldMask()}, opts...)
}

func (s employees) watch(
	ctx context.Context, r *request, opts ...grpc.CallOption,
) (func() (*Change[pb.Employee], error), error) {
	stream, err := s.WatchEmployees(ctx, &pb.WatchEmployeesRequest{ResumeToken: r.token, Filter: r.filter}, opts...)
	if err != nil {
		return nil, err
	}
	return func() (*Change[pb.Employee], error) {
		step, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		return &Change[pb.Employee]{
			Type: ChangeType(step.GetChangeType()), Record: step.GetEmployee(),
			ResumeToken: step.GetResumeToken(), Time: step.GetChangeTime().AsTime(),
		}, nil
	}, nil
}

func (s employees) importing(
	ctx context.Context, opts ...grpc.CallOption,
) (func(*pb.Employee) error, func() (*Summary, error), error) {
	stream, err := s.ImportEmployees(ctx, opts...)
	if err != nil {
		return nil, nil, err
	}
	send := func(record *pb.Employee) error { return stream.Send(&pb.ImportEmployeesRequest{Employee: record}) }
	finish := func() (*Summary, error) {
		reply, err := stream.CloseAndRecv()
		if err != nil {
			return nil, err
		}
		return &Summary{
			Created: int(reply.GetCreatedCount()), Updated: int(reply.GetUpdatedCount()),
			Unchanged: int(reply.GetUnchangedCount()), Rejected: int(reply.GetRejectedCount()),
			Rejections: rejections(pb.EmployeeService_ImportEmployees_FullMethodName, reply.GetRejections()),
		}, nil
	}
	return send, finish, nil
}

func (s employees) lookup(ctx context.Context, opts ...grpc.CallOption) (b bidi[string, *Found[pb.Employee]], err error) {
	stream, err := s.LookupEmployees(ctx, opts...)
	if err != nil {
		return b, err
	}
	b.send = func(name string) error { return stream.Send(&pb.LookupEmployeesRequest{Name: name}) }
	b.closeSend = stream.CloseSend
	b.receive = func() (*Found[pb.Employee], error) {
		answer, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		found := &Found[pb.Employee]{Name: answer.GetName(), Record: answer.GetEmployee()}
		if wrong := fromStatus(pb.EmployeeService_LookupEmployees_FullMethodName, answer.GetError()); wrong != nil {
			found.Err = wrong
		}
		return found, nil
	}
	return b, nil
}

func (employees) name(record *pb.Employee) string { return record.GetName() }
