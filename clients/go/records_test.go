package campus_test

import (
	"errors"
	"slices"
	"testing"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/studentpb"
)

// record is what employees and students have in common.
type record interface {
	GetName() string
	GetEtag() string
	GetGivenName() string
	GetFamilyName() string
	GetEmail() string
}

// sample is a kind of record and how the tests make one.
type sample[T any] struct {
	records *campus.Collection[T]
	plural  string
	make    func(id int) *T
	rename  func(record *T, givenName, email string)
	see     func(*T) record
}

func ofEmployees(client *campus.Client) sample[employeepb.Employee] {
	return sample[employeepb.Employee]{
		client.Employees, "employees", employee,
		func(e *employeepb.Employee, name, email string) { e.GivenName, e.Email = name, email },
		func(e *employeepb.Employee) record { return e },
	}
}

func ofStudents(client *campus.Client) sample[studentpb.Student] {
	return sample[studentpb.Student]{
		client.Students, "students", student,
		func(s *studentpb.Student, name, email string) { s.GivenName, s.Email = name, email },
		func(s *studentpb.Student) record { return s },
	}
}

// both runs a test with employees and with students.
func both(t *testing.T, ofEmployee func(*testing.T, sample[employeepb.Employee]), ofStudent func(*testing.T, sample[studentpb.Student])) {
	client, _ := start(t)
	t.Run("employees", func(t *testing.T) { ofEmployee(t, ofEmployees(client)) })
	t.Run("students", func(t *testing.T) { ofStudent(t, ofStudents(client)) })
}

func (s sample[T]) name(id string) string { return s.plural + "/" + id }

func (s sample[T]) names(records []*T) (names []string) {
	for _, each := range records {
		names = append(names, s.see(each).GetName())
	}
	return names
}

// fill imports records from 0 on and returns their names.
func (s sample[T]) fill(t *testing.T, count int) (names []string) {
	t.Helper()
	must(s.records.Import(within(t), func(yield func(*T) bool) {
		for id := range count {
			one := s.make(id)
			names = append(names, s.see(one).GetName())
			if !yield(one) {
				return
			}
		}
	}))(t)
	return names
}

func TestARecordIsCreatedReadChangedAndDeleted(t *testing.T) {
	both(t, createdReadChangedDeleted[employeepb.Employee], createdReadChangedDeleted[studentpb.Student])
}

func createdReadChangedDeleted[T any](t *testing.T, s sample[T]) {
	ctx := within(t)
	created := must(s.records.Create(ctx, s.make(1), campus.ID("ada")))(t)
	equal(t, "name", s.see(created).GetName(), s.name("ada"))

	named := must(s.records.Get(ctx, s.name("ada"), campus.Mask("given_name")))(t)
	equal(t, "given name", s.see(named).GetGivenName(), "Ada")
	equal(t, "family name, not in the mask", s.see(named).GetFamilyName(), "")

	changes := s.make(1)
	s.rename(changes, "Grace", "grace@campus.example")
	s.setName(changes, s.name("ada"))
	changed := must(s.records.Update(ctx, changes, campus.Mask("email")))(t)
	equal(t, "given name, not in the mask", s.see(changed).GetGivenName(), "Ada")
	equal(t, "email", s.see(changed).GetEmail(), "grace@campus.example")

	if _, err := s.records.Update(ctx, created, campus.Mask("email")); !errors.Is(err, campus.ErrAborted) {
		t.Errorf("an update of what has changed since: %v", err)
	}
	if err := s.records.Delete(ctx, s.name("ada"), campus.IfMatch(s.see(created).GetEtag())); !errors.Is(err, campus.ErrAborted) {
		t.Errorf("a deletion of what has changed since: %v", err)
	}
	if err := s.records.Delete(ctx, s.name("ada"), campus.IfMatch(s.see(changed).GetEtag())); err != nil {
		t.Error(err)
	}
	if _, err := s.records.Get(ctx, s.name("ada")); !errors.Is(err, campus.ErrNotFound) {
		t.Errorf("a deleted record: %v", err)
	}
	if err := s.records.Delete(ctx, s.name("ada"), campus.AllowMissing()); err != nil {
		t.Errorf("a deletion of what is missing, allowed: %v", err)
	}
	again := must(s.records.Update(ctx, changes, campus.AllowMissing()))(t)
	equal(t, "created by an update", s.see(again).GetGivenName(), "Grace")
}

func (s sample[T]) setName(record *T, name string) {
	switch r := any(record).(type) {
	case *employeepb.Employee:
		r.Name = name
	case *studentpb.Student:
		r.Name = name
	}
}

func TestACreateWithARequestIDIsDoneOnce(t *testing.T) {
	both(t, createdOnce[employeepb.Employee], createdOnce[studentpb.Student])
}

func createdOnce[T any](t *testing.T, s sample[T]) {
	id := campus.RequestID(campus.NewRequestID())
	first := must(s.records.Create(within(t), s.make(1), id))(t)
	second := must(s.records.Create(within(t), s.make(1), id))(t)
	equal(t, "name", s.see(second).GetName(), s.see(first).GetName())
	third := must(s.records.Create(within(t), s.make(1)))(t)
	fourth := must(s.records.Create(within(t), s.make(1)))(t)
	if s.see(third).GetName() == s.see(first).GetName() || s.see(third).GetName() == s.see(fourth).GetName() {
		t.Error("a Create without a request id is taken for another one")
	}
}

func TestPagesAreGoneThroughInOrderWithFilterAndMask(t *testing.T) {
	both(t, pages[employeepb.Employee], pages[studentpb.Student])
}

func pages[T any](t *testing.T, s sample[T]) {
	ctx, names := within(t), s.fill(t, 25)
	equal(t, "all, in pages of 4", s.names(must(collect(s.records.All(ctx, campus.PageSize(4))))(t)), names)

	last := must(collect(s.records.All(ctx, campus.OrderBy("name desc"), campus.PageSize(10), campus.Mask("name"))))(t)
	slices.Reverse(last)
	equal(t, "backwards", s.names(last), names)
	equal(t, "family name, not in the mask", s.see(last[0]).GetFamilyName(), "")

	some := must(collect(s.records.All(ctx, campus.Filter(`family_name = "Number 7"`))))(t)
	equal(t, "filtered", s.names(some), names[7:8])

	page, token, err := s.records.List(ctx, campus.PageSize(20))
	equal(t, "first page", s.names(must(page, err)(t)), names[:20])
	page, token, err = s.records.List(ctx, campus.PageSize(20), campus.PageToken(token))
	equal(t, "second page", s.names(must(page, err)(t)), names[20:])
	equal(t, "token of the last page", token, "")
}

func TestABatchComesInTheOrderOfItsNames(t *testing.T) {
	both(t, batch[employeepb.Employee], batch[studentpb.Student])
}

func batch[T any](t *testing.T, s sample[T]) {
	names := s.fill(t, 3)
	wanted := []string{names[2], names[0], names[2]}
	equal(t, "batch", s.names(must(s.records.BatchGet(within(t), wanted))(t)), wanted)
	if _, err := s.records.BatchGet(within(t), append(wanted, s.name("nobody"))); !errors.Is(err, campus.ErrNotFound) {
		t.Errorf("a batch with an unknown name: %v", err)
	}
}

func TestAStreamBringsAllAfterANameThatMatch(t *testing.T) {
	both(t, stream[employeepb.Employee], stream[studentpb.Student])
}

func stream[T any](t *testing.T, s sample[T]) {
	names := s.fill(t, 25)
	equal(t, "all", s.names(must(collect(s.records.Stream(within(t))))(t)), names)
	some := s.records.Stream(within(t), campus.After(names[5]), campus.Filter(`family_name != "Number 7"`), campus.Mask("family_name"))
	records := must(collect(some))(t)
	equal(t, "some", s.names(records), slices.Concat(names[6:7], names[8:]))
	equal(t, "given name, not in the mask", s.see(records[0]).GetGivenName(), "")
}

func TestAWatchTellsEveryChangeInOrderFromATokenOn(t *testing.T) {
	both(t, watch[employeepb.Employee], watch[studentpb.Student])
}

func watch[T any](t *testing.T, s sample[T]) {
	ctx := within(t)
	var token string
	for change, err := range s.records.Watch(ctx) {
		token = must(change, err)(t).ResumeToken
		equal(t, "type of the first step", change.Type, campus.Mark)
		break
	}
	record := must(s.records.Create(ctx, s.make(1), campus.ID("seen")))(t)
	s.rename(record, "Grace", "")
	must(s.records.Update(ctx, record))(t)
	if err := s.records.Delete(ctx, s.name("seen")); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for change, err := range s.records.Watch(ctx, campus.ResumeToken(token), campus.Filter(`name = "`+s.name("seen")+`"`)) {
		if must(change, err)(t).Type == campus.Mark {
			continue
		}
		seen = append(seen, change.Type.String()+" "+s.see(change.Record).GetName()+" "+s.see(change.Record).GetGivenName())
		if change.Time.IsZero() || change.Type == campus.Deleted {
			break
		}
	}
	want := []string{"created " + s.name("seen") + " Ada", "updated " + s.name("seen") + " Grace", "deleted " + s.name("seen") + " "}
	equal(t, "changes", seen, want)
}

func TestAnImportSaysWhatItDidAndWhichRecordsItRejected(t *testing.T) {
	both(t, imported[employeepb.Employee], imported[studentpb.Student])
}

func imported[T any](t *testing.T, s sample[T]) {
	s.fill(t, 2)
	other, bad := s.make(1), s.make(3)
	s.rename(other, "Grace", "")
	s.setName(bad, "nothing/of-this-kind")
	summary := must(s.records.Import(within(t), slices.Values([]*T{s.make(0), other, s.make(2), bad})))(t)
	equal(t, "counts", []int{summary.Created, summary.Updated, summary.Unchanged, summary.Rejected}, []int{1, 1, 1, 1})
	rejection := summary.Rejections[0]
	equal(t, "position", rejection.Position, 3)
	equal(t, "name", rejection.Name, "nothing/of-this-kind")
	if !errors.Is(rejection.Err, campus.ErrInvalidArgument) || len(rejection.Err.Violations()) != 1 {
		t.Errorf("rejected with %v, %v", rejection.Err, rejection.Err.Violations())
	}
}

func TestLookupAnswersEachNameBeforeTheNextIsSent(t *testing.T) {
	both(t, lookup[employeepb.Employee], lookup[studentpb.Student])
}

func lookup[T any](t *testing.T, s sample[T]) {
	known := s.fill(t, 2)
	names, next := []string{known[1], s.name("nobody"), known[0]}, make(chan string, 1)
	next <- names[0]
	var seen []string
	for found, err := range s.records.Lookup(within(t), func(yield func(string) bool) {
		for name := range next {
			if !yield(name) {
				return
			}
		}
	}) {
		seen = append(seen, must(found, err)(t).Name)
		unknown := errors.Is(found.Err, campus.ErrNotFound)
		if unknown != (found.Name == s.name("nobody")) || unknown == (found.Record != nil) {
			t.Errorf("%s: %v, %v", found.Name, found.Record, found.Err)
		}
		if len(seen) < len(names) {
			next <- names[len(seen)]
		} else {
			close(next)
		}
	}
	equal(t, "names", seen, names)
}
