// Vectors holds the services to the vectors of testdata/vectors, through the Go client. The README there says what its arguments,
// its lines and its exit codes are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// atOnce is how many vectors are under way at once; few, since deadlines of some are short.
const atOnce = 8

const (
	exitFailed = 1
	exitUsage  = 64
)

type arguments struct {
	grpc, rest, authority, certificate, key, vectors, filter string
}

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run does all and returns the exit code.
func run(ctx context.Context, words []string, out, complaints io.Writer) int {
	a, err := parse(words, complaints)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(complaints, err)
		return exitUsage
	}
	runner, err := newRunner(a)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return exitUsage
	}
	defer runner.close()
	names, err := find(a.vectors, a.filter)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return exitUsage
	}
	if len(names) == 0 {
		fmt.Fprintf(complaints, "no vector in %s has %q in its name\n", a.vectors, a.filter)
		return exitFailed
	}
	return runner.all(ctx, a.vectors, names, out)
}

func parse(words []string, complaints io.Writer) (a arguments, err error) {
	_, file, _, _ := runtime.Caller(0)
	flags := flag.NewFlagSet("vectors", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.StringVar(&a.grpc, "grpc", "", "`HOST:PORT` of the services of gRPC")
	flags.StringVar(&a.rest, "rest", "", "`URL` of REST")
	flags.StringVar(&a.authority, "tls-ca", "", "both speak TLS, and the authority of this `FILE` is trusted")
	flags.StringVar(&a.certificate, "tls-cert", "", "`FILE` of the certificate to show")
	flags.StringVar(&a.key, "tls-key", "", "`FILE` of its private key")
	flags.StringVar(&a.vectors, "vectors", filepath.Join(filepath.Dir(file), "../../../../testdata/vectors"), "`DIR` of the vectors")
	if err := flags.Parse(words); err != nil {
		return a, err
	}
	switch a.filter = flags.Arg(0); {
	case flags.NArg() > 1:
		return a, fmt.Errorf("one FILTER, not %q", flags.Args())
	case a.grpc == "" || a.rest == "":
		return a, errors.New("give both --grpc and --rest")
	case (a.certificate == "") != (a.key == "") || a.certificate != "" && a.authority == "":
		return a, errors.New("--tls-cert and --tls-key go together, and with --tls-ca")
	}
	return a, nil
}

// find returns folder/name of every vector whose name has the filter in it.
func find(folder, filter string) (names []string, err error) {
	files, err := fs.Glob(os.DirFS(folder), "*/*")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(folder); err != nil {
		return nil, err
	}
	for _, file := range files {
		name, is := strings.CutSuffix(file, ".json")
		if !is {
			return nil, fmt.Errorf("%s is no vector: a vector ends in .json", filepath.Join(folder, file))
		}
		if strings.Contains(name, filter) {
			names = append(names, name)
		}
	}
	return names, nil
}

// result is the line of a vector.
type result struct {
	Vector string `json:"vector"`
	OK     bool   `json:"ok"`
	Why    string `json:"why,omitempty"`
}

// all runs these vectors, prints a line for each, and returns the exit code.
func (r *runner) all(ctx context.Context, folder string, names []string, out io.Writer) (code int) {
	var running sync.WaitGroup
	var printing sync.Mutex
	places := make(chan struct{}, atOnce)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, name := range names {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			err := r.vector(ctx, filepath.Join(folder, name+".json"))
			printing.Lock()
			defer printing.Unlock()
			line := result{Vector: name, OK: err == nil}
			if bad := (badFile{}); errors.As(err, &bad) {
				code = exitUsage
			} else if err != nil {
				code = max(code, exitFailed)
			}
			if err != nil {
				line.Why = err.Error()
			}
			_ = lines.Encode(line)
		})
	}
	running.Wait()
	return code
}
