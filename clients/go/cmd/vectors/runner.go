package main

import (
	"context"
	"fmt"
	"strings"
)

// runner has a way to the services.
type runner struct {
	caller *caller
	rest   *rest
}

func newRunner(a arguments) (*runner, error) {
	caller, err := newCaller(a)
	if err != nil {
		return nil, err
	}
	rest, err := newRest(a)
	return &runner{caller, rest}, err
}

func (r *runner) close() { _ = r.caller.client.Close() }

// vector runs the steps of a file in order. The error is the first that comes to something else than it must.
func (r *runner) vector(ctx context.Context, file string) error {
	steps, err := read(file)
	if err != nil {
		return err
	}
	names := newNames()
	for at, raw := range steps {
		if err := r.step(ctx, raw, names); err != nil {
			return fmt.Errorf("step %d: %w", at+1, err)
		}
	}
	return nil
}

func (r *runner) step(ctx context.Context, raw any, names names) error {
	filled, err := names.fill(raw)
	if err != nil {
		return badFile{err}
	}
	said, err := step(filled)
	if err != nil {
		return badFile{err}
	}
	if c, is := said.(*call); is {
		seen, err := r.caller.call(ctx, c)
		if err != nil {
			return err
		}
		return c.Expect.compare(seen, names)
	}
	request := said.(*request)
	answer, err := r.rest.send(ctx, request)
	if err != nil {
		return err
	}
	return request.compare(answer, names)
}

func (o *outcome) compare(seen *seen, names names) error {
	code := o.Code
	if code == "" {
		code = "OK"
	}
	if seen.code != code {
		return fmt.Errorf("code: expected %s, got %s: %s", code, seen.code, seen.message)
	}
	if !strings.Contains(seen.message, o.Message) {
		return fmt.Errorf("message: expected %q in %q", o.Message, seen.message)
	}
	if o.Details != nil {
		if err := names.same("details", *o.Details, seen.details); err != nil {
			return err
		}
	}
	if o.Responses != nil {
		if err := names.same("responses", *o.Responses, seen.responses); err != nil {
			return err
		}
	}
	if err := names.includes(o.Includes, seen.responses); err != nil {
		return err
	}
	if err := names.metadata("headers", o.Headers, incoming(seen.headers)); err != nil {
		return err
	}
	if err := names.metadata("trailers", o.Trailers, incoming(seen.trailers)); err != nil {
		return err
	}
	if o.Encoding != "" && o.Encoding != seen.encoding {
		return fmt.Errorf("encoding: expected %s, got %s", o.Encoding, seen.encoding)
	}
	return nil
}

func (r *request) compare(answer *answer, names names) error {
	e := &r.Expect
	if answer.status != e.Status {
		return fmt.Errorf("status: expected %d, got %d: %s", e.Status, answer.status, short(answer.text))
	}
	if err := names.metadata("headers", e.Headers, answer.headers.Values); err != nil {
		return err
	}
	forms := []struct {
		name     string
		expected *any
		seen     func() (any, error)
	}{
		{"body", e.Body, func() (any, error) { return parsed(answer.text) }},
		{"lines", e.Lines, func() (any, error) { return answer.lines(r.Take) }},
		{"events", e.Events, func() (any, error) { return answer.events(r.Take) }},
		{"text", e.Text, func() (any, error) { return answer.text, nil }},
	}
	for _, form := range forms {
		if form.expected == nil {
			continue
		}
		seen, err := form.seen()
		if err != nil {
			return err
		}
		if err := names.same(form.name, *form.expected, seen); err != nil {
			return err
		}
	}
	return nil
}
