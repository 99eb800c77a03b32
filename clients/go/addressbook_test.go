package campus_test

import (
	"errors"
	"slices"
	"testing"

	campus "campus.example/client"
	"campus.example/client/personguidepb"
)

func people() []*personguidepb.Person {
	return []*personguidepb.Person{
		{Id: 2, Name: "Grace", Phones: []*personguidepb.PhoneNumber{{Number: "22"}, {Number: "23", Type: personguidepb.PhoneType_WORK}}},
		{Id: -1, Name: "Ada", Phones: []*personguidepb.PhoneNumber{{Number: "11", Type: personguidepb.PhoneType_HOME}}},
		{Id: 3, Name: "Noor"},
	}
}

func TestTheAddressBookRecordsAndTellsPhones(t *testing.T) {
	client, _ := start(t)
	book, ctx := client.AddressBook, within(t)
	stored := must(book.Record(ctx, slices.Values(people())))(t)
	everybody := must(collect(book.People(ctx)))(t)
	for _, all := range [][]*personguidepb.Person{stored, everybody} {
		var names []string
		for _, person := range all {
			names = append(names, person.GetName())
		}
		equal(t, "names by id", names, []string{"Ada", "Grace", "Noor"})
	}

	equal(t, "phone", must(book.Phone(ctx, 2))(t).GetNumber(), "22")
	if _, err := book.Phone(ctx, 3); !errors.Is(err, campus.ErrNotFound) {
		t.Errorf("who has no phone: %v", err)
	}

	var numbers []string
	for phone, err := range book.Phones(ctx, slices.Values([]int32{2, 404, -1})) {
		numbers = append(numbers, must(phone, err)(t).GetNumber())
	}
	equal(t, "phones", numbers, []string{"22", "23", "11"})
}

func TestAPersonWhoBreaksARuleEndsARecordAndNobodyIsStored(t *testing.T) {
	client, _ := start(t)
	bad := append(people(), &personguidepb.Person{Id: 4})
	_, err := client.AddressBook.Record(within(t), slices.Values(bad))
	if !errors.Is(err, campus.ErrInvalidArgument) {
		t.Fatal(err)
	}
	equal(t, "field", failed(t, err).Violations()[0].GetField(), "people[3].name")
	equal(t, "people stored", len(must(collect(client.AddressBook.People(within(t))))(t)), 0)
}

func TestTheAddressBookTakesNoOptionOfARecordsRequest(t *testing.T) {
	client := dial(t, "127.0.0.1:1")
	book, ctx, mask := client.AddressBook, within(t), campus.Mask("name")
	_, phone := book.Phone(ctx, 2, mask)
	_, everybody := collect(book.People(ctx, mask))
	_, record := book.Record(ctx, slices.Values(people()), mask)
	_, phones := collect(book.Phones(ctx, slices.Values([]int32{2}), mask))
	for _, err := range []error{phone, everybody, record, phones} {
		equal(t, "error", failed(t, err).Message, "it takes no Mask, only options of gRPC")
	}
}
