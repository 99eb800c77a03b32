package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// badFile is an error of what a vector says, not of what the services do.
type badFile struct{ error }

// call is a step of gRPC.
type call struct {
	Method      string               `json:"method"`
	Requests    []any                `json:"requests"`
	Metadata    map[string]oneOrMany `json:"metadata"`
	Timeout     string               `json:"timeout"`
	Compression string               `json:"compression"`
	Hold        bool                 `json:"hold"`
	Cancel      *cancel              `json:"cancel"`
	Expect      outcome              `json:"expect"`
}

// outcome is what a call must come to.
type outcome struct {
	Code      string         `json:"code"`
	Message   string         `json:"message"`
	Details   *any           `json:"details"`
	Responses *any           `json:"responses"`
	Includes  []any          `json:"includes"`
	Headers   map[string]any `json:"headers"`
	Trailers  map[string]any `json:"trailers"`
	Encoding  string         `json:"encoding"`
}

// request is a step of REST.
type request struct {
	HTTP    string            `json:"http"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    *any              `json:"body"`
	Lines   *[]any            `json:"lines"`
	Text    *string           `json:"text"`
	Take    *int              `json:"take"`
	Expect  struct {
		Status  int            `json:"status"`
		Headers map[string]any `json:"headers"`
		Body    *any           `json:"body"`
		Lines   *any           `json:"lines"`
		Events  *any           `json:"events"`
		Text    *any           `json:"text"`
	} `json:"expect"`
}

// oneOrMany is a value of metadata, or several of one key.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// cancel is when the client cancels: of all false and 0, when all requests are sent.
type cancel struct {
	headers   bool
	responses int
}

func (c *cancel) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"after-requests"`:
		return nil
	case `"after-headers"`:
		c.headers = true
		return nil
	}
	var after struct {
		Responses int `json:"after-responses"`
	}
	if err := strict(text, &after); err != nil || after.Responses < 1 {
		return fmt.Errorf("cancel: %s is none of those described", text)
	}
	c.responses = after.Responses
	return nil
}

// read returns the steps of a file, whose values are still to be filled in.
func read(file string) ([]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, badFile{err}
	}
	var vector struct {
		About string `json:"about"`
		Steps []any  `json:"steps"`
	}
	if err := strict(text, &vector); err != nil {
		return nil, badFile{fmt.Errorf("%s: %w", file, err)}
	}
	if len(vector.Steps) == 0 {
		return nil, badFile{fmt.Errorf("%s: has no step", file)}
	}
	for at, raw := range vector.Steps {
		if _, err := step(raw); err != nil {
			return nil, badFile{fmt.Errorf("%s: step %d: %w", file, at+1, err)}
		}
	}
	return vector.Steps, nil
}

// step returns what a step says, a *call or a *request.
func step(raw any) (any, error) {
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	if members, _ := raw.(map[string]any); members["http"] == nil {
		c := &call{}
		if err := strict(text, c); err != nil {
			return nil, err
		}
		return c, c.check()
	}
	r := &request{}
	if err := strict(text, r); err != nil {
		return nil, err
	}
	return r, r.check()
}

func (c *call) check() error {
	if c.Compression != "" && c.Compression != "gzip" {
		return fmt.Errorf("compression: %q is not gzip", c.Compression)
	}
	if c.Timeout != "" {
		if _, err := c.limit(); err != nil {
			return err
		}
	}
	if e := c.Expect.Encoding; e != "" && e != "gzip" && e != "identity" {
		return fmt.Errorf("expect.encoding: %q is neither gzip nor identity", e)
	}
	method, err := findMethod(c.Method)
	if err != nil {
		return err
	}
	if !method.IsStreamingClient() && len(c.Requests) != 1 {
		return fmt.Errorf("requests: %s takes exactly one", c.Method)
	}
	if c.Cancel != nil && !method.IsStreamingClient() && !method.IsStreamingServer() {
		return fmt.Errorf("cancel: %s streams on neither side", c.Method)
	}
	return nil
}

var seconds = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?s$`)

// limit is the time the call has.
func (c *call) limit() (time.Duration, error) {
	if c.Timeout == "" {
		return 30 * time.Second, nil
	}
	// A name may stand in it until the step is filled in.
	if !seconds.MatchString(c.Timeout) && !strings.Contains(c.Timeout, "${") {
		return 0, fmt.Errorf(`timeout: %q is not such as "0.5s"`, c.Timeout)
	}
	limit, _ := time.ParseDuration(c.Timeout)
	return limit, nil
}

func (r *request) check() error {
	several := func(given ...bool) bool {
		count := 0
		for _, each := range given {
			if each {
				count++
			}
		}
		return count > 1
	}
	e := &r.Expect
	if several(r.Body != nil, r.Lines != nil, r.Text != nil) || several(e.Body != nil, e.Lines != nil, e.Events != nil, e.Text != nil) {
		return errors.New("there is one form of body, and one of what is expected")
	}
	if e.Status == 0 {
		return errors.New("expect.status: is required")
	}
	return nil
}

// strict decodes one value of JSON, in which every key must be known. Numbers stay as they are written.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something stands behind its end")
	}
	return nil
}
