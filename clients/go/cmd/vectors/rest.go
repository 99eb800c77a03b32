package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	campus "campus.example/client"
)

// rest sends requests of HTTP/1.1 to one server, each on a connection of its own.
type rest struct {
	url *url.URL
	tls *tls.Config
}

// answer is what a request has come to.
type answer struct {
	status  int
	headers http.Header
	text    string
}

func newRest(a arguments) (*rest, error) {
	target, err := url.Parse(a.rest)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("--rest %q: give http://HOST:PORT", a.rest)
	}
	r := &rest{url: target}
	if a.authority != "" {
		r.url.Scheme = "https"
		r.tls, err = campus.TLSFiles(a.authority, a.certificate, a.key)
	}
	return r, err
}

// send sends, and reads the answer to its end or until enough is there.
func (r *rest) send(ctx context.Context, step *request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	kind, body, err := step.content()
	if err != nil {
		return nil, badFile{err}
	}
	sent, err := http.NewRequestWithContext(ctx, step.HTTP, r.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, badFile{err}
	}
	// As it is, with the query: nothing is encoded or tidied.
	sent.URL = &url.URL{Scheme: r.url.Scheme, Host: r.url.Host, Opaque: step.Path}
	if kind != "" {
		sent.Header.Set("content-type", kind)
	}
	for key, value := range step.Headers {
		if strings.EqualFold(key, "host") {
			sent.Host = value
		}
		sent.Header.Set(key, value)
	}
	transport := &http.Transport{TLSClientConfig: r.tls, DisableCompression: true}
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	events := strings.HasPrefix(reply.Header.Get("content-type"), "text/event-stream")
	text, err := readBody(reply.Body, events, step.Take)
	return &answer{reply.StatusCode, reply.Header, text}, err
}

// content is the body of a request and what it is.
func (r *request) content() (kind string, body []byte, err error) {
	switch {
	case r.Body != nil:
		body, err = json.Marshal(*r.Body)
		return "application/json", body, err
	case r.Lines != nil:
		for _, line := range *r.Lines {
			text, err := json.Marshal(line)
			if err != nil {
				return "", nil, err
			}
			body = append(append(body, text...), '\n')
		}
		return "application/x-ndjson", body, nil
	case r.Text != nil:
		return "", []byte(*r.Text), nil
	}
	return "", nil, nil
}

// readBody reads to the end, or until so many lines or events are there.
func readBody(body io.Reader, events bool, take *int) (string, error) {
	var all []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := body.Read(chunk)
		all = append(all, chunk[:n]...)
		enough := false
		if take != nil {
			text := string(all)
			complete := strings.Count(text, "\n")
			if events {
				text = text[:strings.LastIndex(text, "\n\n")+1]
				complete = len(blocks(text))
			}
			enough = complete >= *take
		}
		if err == io.EOF || enough {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if !utf8.Valid(all) {
		return "", errors.New("the body is no UTF-8")
	}
	return string(all), nil
}

// lines is the JSON of each line, at most take of them.
func (a *answer) lines(take *int) (any, error) {
	lines := strings.Split(strings.TrimSuffix(a.text, "\n"), "\n")
	if a.text == "" {
		lines = nil
	}
	list := []any{}
	for _, line := range first(lines, take) {
		value, err := parsed(line)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// events are those of a text/event-stream, at most take of them.
func (a *answer) events(take *int) (any, error) {
	list := []any{}
	for _, block := range first(blocks(a.text), take) {
		event := map[string]any{"event": "message"}
		var data []string
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			value = strings.TrimPrefix(value, " ")
			switch name {
			case "event", "id":
				event[name] = value
			case "data":
				data = append(data, value)
			}
		}
		value, err := parsed(strings.Join(data, "\n"))
		if err != nil {
			return nil, err
		}
		event["data"] = value
		list = append(list, event)
	}
	return list, nil
}

// blocks are those of a stream of events that have data; the others are no events.
func blocks(text string) (events []string) {
	for block := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(block, "data:") || strings.Contains(block, "\ndata:") {
			events = append(events, block)
		}
	}
	return events
}

func first[V any](all []V, take *int) []V {
	if take != nil && len(all) > *take {
		return all[:*take]
	}
	return all
}

func parsed(text string) (value any, err error) {
	if err := strict([]byte(text), &value); err != nil {
		return nil, fmt.Errorf("%s is no JSON: %w", short(text), err)
	}
	return value, nil
}
