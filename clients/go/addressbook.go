package campus

import (
	"context"
	"io"
	"iter"

	"google.golang.org/grpc"

	pb "campus.example/client/personguidepb"
)

// AddressBook is the people of the book and their phones. Its methods take options of gRPC.
type AddressBook struct{ stub pb.PersonGuideClient }

// Phone returns the first phone of a person. The error is [ErrNotFound] if the id is unknown or the person has none.
func (b *AddressBook) Phone(ctx context.Context, id int32, options ...grpc.CallOption) (*pb.PhoneNumber, error) {
	_, rest, err := takes("Phone", options)
	if err != nil {
		return nil, err
	}
	return b.stub.GetPhone(ctx, &pb.Person{Id: id}, rest...)
}

// People goes through everybody in the order of their ids. It ends after an error; it cannot be taken up in the middle.
func (b *AddressBook) People(ctx context.Context, options ...grpc.CallOption) iter.Seq2[*pb.Person, error] {
	return func(yield func(*pb.Person, error) bool) {
		_, rest, err := takes("People", options)
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := b.stub.ListPersons(ctx, &pb.Adress{}, rest...)
		for err == nil {
			var person *pb.Person
			if person, err = stream.Recv(); err == nil && !yield(person, nil) {
				return
			}
		}
		if err != io.EOF {
			yield(nil, err)
		}
	}
}

// Record stores people, each in place of whoever had the id, all or none, and returns them as stored in the order of their ids.
// At most 10,000 people and 4 MiB a call. After an error other than [ErrInvalidArgument] they may have been stored; to send them
// again is safe.
func (b *AddressBook) Record(ctx context.Context, people iter.Seq[*pb.Person], options ...grpc.CallOption) ([]*pb.Person, error) {
	_, rest, err := takes("Record", options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := b.stub.RecordPersons(ctx, rest...)
	if err != nil {
		return nil, err
	}
	if err := sendAll(people, stream.Send); err != nil {
		return nil, err
	}
	reply, err := stream.CloseAndRecv()
	return reply.GetPeople(), err
}

// Phones sends ids while it receives, and goes through all phones of each, in the order of the ids, as they come. An unknown id
// has none. It ends after an error. The ids are taken in a goroutine, as the names of [Collection.Lookup], and sent as fast as they
// come: a server ends a connection on which tens of thousands wait for a loop that is slow.
func (b *AddressBook) Phones(
	ctx context.Context, ids iter.Seq[int32], options ...grpc.CallOption,
) iter.Seq2[*pb.PhoneNumber, error] {
	return func(yield func(*pb.PhoneNumber, error) bool) {
		_, rest, err := takes("Phones", options)
		if err != nil {
			yield(nil, err)
			return
		}
		converse(ctx, ids, func(ctx context.Context) (talk bidi[int32, *pb.PhoneNumber], err error) {
			stream, err := b.stub.RoutePhones(ctx, rest...)
			if err != nil {
				return talk, err
			}
			talk.send = func(id int32) error { return stream.Send(&pb.Person{Id: id}) }
			talk.closeSend, talk.receive = stream.CloseSend, stream.Recv
			return talk, nil
		}, yield)
	}
}
