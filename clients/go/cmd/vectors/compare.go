package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// same compares, and keeps what is to be captured. The error says the place of the first difference, which begins with at.
func (n names) same(at string, expected, seen any) error {
	switch e := expected.(type) {
	case string:
		return n.text(at, e, seen)
	case []any:
		if s, is := seen.([]any); is {
			return n.lists(at, e, s)
		}
	case map[string]any:
		if s, is := seen.(map[string]any); is {
			return n.objects(at, e, s)
		}
	case json.Number:
		if s, is := seen.(json.Number); is && equalNumbers(e, s) {
			return nil
		}
	default:
		if expected == seen {
			return nil
		}
	}
	return differ(at, short(expected), seen)
}

func (n names) lists(at string, expected, seen []any) error {
	for i := range min(len(expected), len(seen)) {
		if err := n.same(fmt.Sprintf("%s[%d]", at, i), expected[i], seen[i]); err != nil {
			return err
		}
	}
	if len(expected) < len(seen) {
		return fmt.Errorf("%s: expected %d elements, got %d; the next is %s", at, len(expected), len(seen), short(seen[len(expected)]))
	}
	if len(expected) > len(seen) {
		return fmt.Errorf("%s: expected %d elements, got %d", at, len(expected), len(seen))
	}
	return nil
}

func (n names) objects(at string, expected, seen map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(expected)) {
		value, has := seen[key]
		if !has {
			return fmt.Errorf("%s.%s: expected %s, got nothing", at, key, short(expected[key]))
		}
		if err := n.same(at+"."+key, expected[key], value); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		if _, has := expected[key]; !has {
			return fmt.Errorf("%s.%s: expected nothing, got %s", at, key, short(seen[key]))
		}
	}
	return nil
}

// text compares with a string, which may stand for others.
func (n names) text(at, expected string, seen any) error {
	text, isText := seen.(string)
	number, isNumber := seen.(json.Number)
	if isNumber {
		text = number.String()
	}
	kind, value := "", ""
	if inner, is := strings.CutPrefix(expected, "<"); is && strings.HasSuffix(inner, ">") {
		kind, value, _ = strings.Cut(strings.TrimSuffix(inner, ">"), ":")
	}
	met := false
	switch kind {
	case "any":
		met = seen != "" && seen != nil
	case "time":
		when, err := time.Parse(time.RFC3339Nano, text)
		met = err == nil && strings.HasSuffix(text, "Z") && time.Since(when).Abs() < time.Hour
	case "etag":
		ascii := !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
		met = isText && ascii && 1 <= len(text) && len(text) <= 64
	case "capture":
		n[value] = text
		met = text != ""
	case "not":
		met = text != "" && text != value
	case "has":
		met = isText && strings.Contains(text, value)
	case "length":
		met = isText && strconv.Itoa(utf8.RuneCountInString(text)) == value
	default:
		met = isText && text == expected || isNumber && equalNumbers(json.Number(expected), number)
	}
	if !met {
		return differ(at, short(expected), seen)
	}
	return nil
}

// metadata compares metadata or headers: those that are expected, whatever else is there.
func (n names) metadata(at string, expected map[string]any, seen func(key string) []string) error {
	for _, key := range slices.Sorted(maps.Keys(expected)) {
		var values []any
		for _, value := range seen(key) {
			values = append(values, value)
		}
		at := at + "." + key
		var err error
		switch e := expected[key].(type) {
		case nil:
			if len(values) > 0 {
				err = differ(at, "nothing", values)
			}
		case string:
			if len(values) != 1 {
				err = differ(at, short(e), values)
			} else {
				err = n.same(at, e, values[0])
			}
		default:
			err = n.same(at, e, values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// includes looks for these responses, in this order, among others.
func (n names) includes(expected, seen []any) error {
	for i, each := range expected {
		for found := false; !found; seen = seen[1:] {
			if len(seen) == 0 {
				return fmt.Errorf("includes[%d]: not among the responses, or not behind the others", i)
			}
			captured := maps.Clone(n)
			if found = captured.same("", each, seen[0]) == nil; found {
				maps.Copy(n, captured)
			}
		}
	}
	return nil
}

func equalNumbers(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, wrongA := a.Float64()
	y, wrongB := b.Float64()
	// Beyond 2^53 floats are equal that numbers are not.
	return wrongA == nil && wrongB == nil && x == y && max(x, -x) < 1<<53
}

func differ(at, expected string, seen any) error {
	return fmt.Errorf("%s: expected %s, got %s", at, expected, short(seen))
}

// short is a value as JSON, its beginning if it is long.
func short(value any) string {
	const longest = 300
	text, _ := json.Marshal(value)
	if len(text) <= longest {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:longest]), "") + "…"
}
