// rules-test lets alerts of PrometheusRule objects fire, with Prometheus' own engine: rules-test CASES FILE-OF-OBJECTS...
//
// CASES has, for each alert, the series upon which it fires after some minutes, and others upon which it does not. Built by
// .ci/tool, since Prometheus' own promtool has every service discovery in it.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"gopkg.in/yaml.v3"
)

// object is the part of a PrometheusRule that matters here.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Groups []struct {
			Rules []struct{ Alert, Expr, For string }
		}
	}
}

// example is what one alert is tested with. Series are a line each, as in promtool; %s stands for the labels of the target.
type example struct {
	After        string
	Fires, Quiet []string
}

// failing is a testing.TB whose failures end the program.
type failing struct{}

func (failing) Helper()                           {}
func (failing) FailNow()                          { os.Exit(1) }
func (failing) Errorf(format string, args ...any) { fatal(fmt.Errorf(format, args...)) }

func main() {
	if len(os.Args) < 3 {
		fatal(fmt.Errorf("usage: rules-test CASES FILE-OF-OBJECTS..."))
	}
	var cases map[string]example
	text, err := os.ReadFile(os.Args[1])
	fatal(err)
	fatal(yaml.Unmarshal(text, &cases))
	failed, seen := 0, map[string]bool{}
	for _, path := range os.Args[2:] {
		for _, object := range objects(path) {
			for _, group := range object.Spec.Groups {
				for _, rule := range group.Rules {
					seen[rule.Alert] = true
					example, known := cases[rule.Alert]
					if !known {
						fmt.Printf("%s: %s has no case\n", path, rule.Alert)
						failed++
						continue
					}
					target := fmt.Sprintf(`namespace=%q,job="%s-headless",pod="a"`, object.Metadata.Namespace, object.Metadata.Name)
					for _, want := range []bool{true, false} {
						series := map[bool][]string{true: example.Fires, false: example.Quiet}[want]
						if fires(rule.Alert, rule.Expr, rule.For, series, target, example.After) != want {
							fmt.Printf("%s: %s fires: %v, which is wrong, with %q\n", path, rule.Alert, !want, series)
							failed++
						}
					}
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if !seen[name] {
			fmt.Printf("%s: there is no such alert\n", name)
			failed++
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d alerts\n", len(seen))
}

func objects(path string) []object {
	file, err := os.Open(path)
	fatal(err)
	defer file.Close()
	var found []object
	for decoder := yaml.NewDecoder(file); ; {
		var next object
		if decoder.Decode(&next) != nil {
			return found
		}
		if next.Kind == "PrometheusRule" {
			found = append(found, next)
		}
	}
}

// fires evaluates a rule every minute, as Prometheus would, and tells whether it fires in the end.
func fires(name, expr, hold string, series []string, target, after string) bool {
	load := "load 1m\n"
	for _, line := range series {
		load += "  " + strings.ReplaceAll(line, "%s", target) + "\n"
	}
	storage := promqltest.LoadedStorage(failing{}, load)
	defer storage.Close()
	parsed, err := parser.ParseExpr(expr)
	fatal(err)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second})
	rule := rules.NewAlertingRule(name, parsed, duration(hold), 0, labels.EmptyLabels(), labels.EmptyLabels(), labels.EmptyLabels(), "", true, nil)
	query := rules.EngineQueryFunc(engine, storage)
	for at := time.Unix(0, 0); !at.After(time.Unix(0, 0).Add(duration(after))); at = at.Add(time.Minute) {
		_, err := rule.Eval(context.Background(), 0, at, query, nil, 0)
		fatal(err)
	}
	return rule.State() == rules.StateFiring
}

func duration(text string) time.Duration {
	if text == "" {
		return 0
	}
	parsed, err := model.ParseDuration(text)
	fatal(err)
	return time.Duration(parsed)
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "rules-test:", err)
		os.Exit(1)
	}
}
