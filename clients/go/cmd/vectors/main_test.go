package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"campus.example/client/internal/servertest"
)

// held runs the runner and returns its lines by vector, and its exit code.
func held(t *testing.T, words ...string) (map[string]result, int) {
	t.Helper()
	var out, complaints bytes.Buffer
	code := run(t.Context(), words, &out, &complaints)
	t.Log(complaints.String())
	lines := map[string]result{}
	for line := range bytes.Lines(out.Bytes()) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		lines[r.Vector] = r
	}
	return lines, code
}

// The others are run by make vectors, which compares the languages.
func TestVectorsOfEachKindHoldOverTCPAndMutualTLS(t *testing.T) {
	open := servertest.Start(t)
	authority := servertest.NewAuthority(t)
	certificate, key := authority.Sign(t, "campus.example")
	safe := servertest.Start(t, "[server.tls]",
		fmt.Sprintf("certificate = %q\nkey = %q\nclient_ca = %q", certificate, key, authority.File))
	mine, mineKey := authority.Sign(t, "a-client")
	tcp := []string{"--grpc", open.Address, "--rest", "http://" + open.Rest}
	tls := []string{
		"--grpc", safe.Address, "--rest", "https://" + safe.Rest, "--tls-ca", authority.File, "--tls-cert", mine, "--tls-key", mineKey,
	}
	for _, words := range [][]string{
		append(tcp, "unary/"), append(tcp, "cancellation/"), append(tcp, "compression/"), append(tls, "rest/"), append(tls, "metadata/"),
	} {
		lines, code := held(t, words...)
		for _, line := range lines {
			if !line.OK {
				t.Errorf("%v: %s: %s", words, line.Vector, line.Why)
			}
		}
		if code != 0 || len(lines) == 0 {
			t.Errorf("%v: %d vectors, exit code %d", words, len(lines), code)
		}
	}
}

// create is a step that adds an employee; what is expected of it comes behind.
const create = `{"method": "campus.employee.v1.EmployeeService/CreateEmployee",
	"requests": [{"employeeId": "${run}", "employee": {"givenName": "Ada", "familyName": "Byron"}}]`

const created = `"name": "employees/${run}", "etag": "<etag>", "givenName": "Ada", "createTime": "<time>", "updateTime": "<time>"`

const watch = `{"method": "campus.employee.v1.EmployeeService/WatchEmployees", "requests": [{}]`

const get = `{"http": "GET", "path": "/v1/employees/${run}", "expect": {"status": `

// steps are of a vector that fails, and a part of what is said of it.
type failing struct{ steps, why string }

// unmet are well written, but not what the services do.
var unmet = []failing{
	{create + `, "expect": {"code": "NOT_FOUND"}}`, "step 1: code: expected NOT_FOUND, got OK"},
	{create + `}, ` + create + `}`, "step 2: code: expected OK, got ALREADY_EXISTS"},
	{create + `, "expect": {"responses": [{` + created + `}]}}`, "responses[0].familyName: expected nothing"},
	{create + `, "expect": {"responses": [{` + created + `, "familyName": "X"}]}}`, `responses[0].familyName: expected "X", got "Byron"`},
	{create + `, "expect": {"responses": ["<any>", "<any>"]}}`, "responses: expected 2 elements, got 1"},
	{create + `, "expect": {"includes": [{"name": "x"}]}}`, "includes[0]: not among"},
	{create + `, "expect": {"details": ["<any>"]}}`, "details: expected 1 elements, got 0"},
	{create + `, "expect": {"message": "fine"}}`, `message: expected "fine"`},
	{create + `, "expect": {"headers": {"x-served-by": null}}}`, "headers.x-served-by: expected nothing"},
	{create + `, "expect": {"trailers": {"x-nothing": "<any>"}}}`, "trailers.x-nothing: expected"},
	{create + `, "expect": {"encoding": "gzip"}}`, "encoding: expected gzip, got identity"},
	{watch + `, "timeout": "0.2s"}`, "code: expected OK, got DEADLINE_EXCEEDED"},
	{watch + `, "cancel": {"after-responses": 1}}`, "code: expected OK, got CANCELLED"},
	{watch + `, "cancel": "after-headers"}`, "code: expected OK, got CANCELLED"},
	{watch + `, "cancel": "after-requests"}`, "code: expected OK, got CANCELLED"},
	{get + `200}}`, "status: expected 200, got 404"},
	{get + `404, "body": {}}}`, "body.error: expected nothing"},
	{get + `404, "headers": {"content-type": "text/html"}}}`, `headers.content-type: expected "text/html"`},
}

// bad are not what the format describes.
var bad = []failing{
	{create + `, "expects": {}}`, `unknown field "expects"`},
	{create + `, "expect": {"cod": "OK"}}`, `unknown field "cod"`},
	{strings.Replace(create, "Ada", "${nothing}", 1) + `}`, "${nothing} stands for nothing"},
	{strings.Replace(create, "givenName", "firstName", 1) + `}`, `unknown field "firstName"`},
	{strings.Replace(create, "[{", "[{}, {", 1) + `}`, "takes exactly one"},
	{`{"method": "campus.employee.v1.EmployeeService/Promote", "requests": [{}]}`, "there is no"},
	{create + `, "compression": "zip"}`, "compression"},
	{create + `, "timeout": "soon"}`, "timeout"},
	{create + `, "cancel": "after-headers"}`, "streams on neither side"},
	{watch + `, "cancel": {"after-responses": 0}}`, "cancel"},
	{get + `404, "body": {}, "text": ""}}`, "one form of body"},
	{"", "no step"},
}

func TestAVectorThatIsNotMetFailsWithThePlace(t *testing.T) { fails(t, unmet, exitFailed) }

func TestAVectorThatIsNotAsDescribedFailsWithWhatIsWrong(t *testing.T) { fails(t, bad, exitUsage) }

func fails(t *testing.T, vectors []failing, want int) {
	server, folder := servertest.Start(t, `name = "one"`), t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "all"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, vector := range vectors {
		text := fmt.Sprintf(`{"steps": [%s]}`, vector.steps)
		if err := os.WriteFile(filepath.Join(folder, "all", fmt.Sprintf("%02d.json", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines, code := held(t, "--grpc", server.Address, "--rest", "http://"+server.Rest, "--vectors", folder)
	if code != want {
		t.Errorf("exit code %d", code)
	}
	for i, vector := range vectors {
		if line := lines[fmt.Sprintf("all/%02d", i)]; line.OK || !strings.Contains(line.Why, vector.why) {
			t.Errorf("%s: expected %q in %q", vector.steps, vector.why, line.Why)
		}
	}
}

func TestArgumentsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, words := range [][]string{
		{}, {"--grpc", "127.0.0.1:1"}, {"--grpc", "127.0.0.1:1", "--rest", "nowhere"}, {"--no-such"},
		{"--grpc", "127.0.0.1:1", "--rest", "http://127.0.0.1:1", "--tls-cert", "x"},
		{"--grpc", "127.0.0.1:1", "--rest", "http://127.0.0.1:1", "--vectors", "no/such/folder"},
	} {
		if _, code := held(t, words...); code != exitUsage {
			t.Errorf("%q: exit code %d", words, code)
		}
	}
	if _, code := held(t, "--grpc", "127.0.0.1:1", "--rest", "http://127.0.0.1:1", "no such vector"); code != exitFailed {
		t.Errorf("without a vector: exit code %d", code)
	}
}
