// dashboards-test asks what dashboards ask, of figures that were read from running pods:
//
//	dashboards-test [-without PATTERN] NAMESPACE FOLDER DASHBOARD...
//
// FOLDER has what each pod said at /metrics in OpenMetrics, as JOB/POD/SECONDS, SECONDS being when. Each query must be one that Prometheus
// understands, and must be about figures that there are, but for those whose names fit the pattern. Built by .ci/tool.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

type dashboard struct {
	Title  string
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

// failing is what a test is to Prometheus; its failures end the program.
type failing struct{}

func (failing) Helper()                           {}
func (failing) FailNow()                          { os.Exit(1) }
func (failing) Errorf(format string, args ...any) { fatal(fmt.Errorf(format, args...)) }

var without = flag.String("without", "^$", "names of figures that need not be there")

func main() {
	flag.Parse()
	if flag.NArg() < 3 {
		fatal(errors.New("usage: dashboards-test [-without PATTERN] NAMESPACE FOLDER DASHBOARD..."))
	}
	store := teststorage.New(failing{})
	defer store.Close()
	paths, err := filepath.Glob(filepath.Join(flag.Arg(1), "*", "*", "*"))
	fatal(err)
	slices.SortFunc(paths, func(a, b string) int { return seconds(a).Compare(seconds(b)) })
	if len(paths) == 0 {
		fatal(errors.New("no figures in " + flag.Arg(1)))
	}
	for _, path := range paths {
		take(store, path, flag.Arg(0))
	}
	last := seconds(paths[len(paths)-1])
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second})
	failed, asked, answered := 0, 0, 0
	for _, path := range flag.Args()[2:] {
		var board dashboard
		text, err := os.ReadFile(path)
		fatal(err)
		fatal(json.Unmarshal(text, &board))
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				asked++
				found, err := ask(engine, store, target.Expr, last)
				if err != nil {
					fmt.Printf("%s, %s: %v: %s\n", board.Title, panel.Title, err, target.Expr)
					failed++
				} else if found > 0 {
					answered++
				}
			}
		}
	}
	fmt.Printf("%d queries, %d of them with an answer now\n", asked, answered)
	if failed > 0 {
		os.Exit(1)
	}
}

// take stores one answer of a pod, with the labels that Prometheus adds.
func take(store storage.Storage, path, namespace string) {
	text, err := os.ReadFile(path)
	fatal(err)
	pod := filepath.Base(filepath.Dir(path))
	job := filepath.Base(filepath.Dir(filepath.Dir(path)))
	at := seconds(path).UnixMilli()
	appender := store.Appender(context.Background())
	lines := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	for {
		entry, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		fatal(err)
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		lines.Labels(&series)
		_, _, value := lines.Series()
		full := labels.NewBuilder(series).Set("namespace", namespace).Set("job", job).Set("pod", pod).Labels()
		_, err = appender.Append(0, full, at, value)
		fatal(err)
	}
	fatal(appender.Commit())
}

// ask returns how many series answer a query; that none does is an error if it asks for figures that there are not.
func ask(engine *promql.Engine, store storage.Storage, expr string, at time.Time) (int, error) {
	filled := strings.NewReplacer("$namespace", flag.Arg(0), "$job", ".+", "$__rate_interval", "1m").Replace(expr)
	parsed, err := parser.ParseExpr(filled)
	if err != nil {
		return 0, err
	}
	optional := regexp.MustCompile(*without)
	for _, selectors := range parser.ExtractSelectors(parsed) {
		kept := slices.DeleteFunc(slices.Clone(selectors), func(match *labels.Matcher) bool {
			return !slices.Contains([]string{labels.MetricName, "namespace", "job"}, match.Name)
		})
		querier, err := store.Querier(0, at.UnixMilli())
		fatal(err)
		found := querier.Select(context.Background(), false, nil, kept...).Next()
		fatal(querier.Close())
		named := func(match *labels.Matcher) bool {
			return match.Name == labels.MetricName && optional.MatchString(match.Value)
		}
		if !found && !slices.ContainsFunc(kept, named) {
			return 0, fmt.Errorf("no pod has %v", kept)
		}
	}
	query, err := engine.NewInstantQuery(context.Background(), store, nil, filled, at)
	if err != nil {
		return 0, err
	}
	defer query.Close()
	result := query.Exec(context.Background())
	if result.Err != nil {
		return 0, result.Err
	}
	vector, err := result.Vector()
	return len(vector), err
}

func seconds(path string) time.Time {
	at, err := strconv.ParseInt(filepath.Base(path), 10, 64)
	fatal(err)
	return time.Unix(at, 0)
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboards-test:", err)
		os.Exit(1)
	}
}
