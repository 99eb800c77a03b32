package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
)

// names are what ${NAME} stands for in one run of a vector.
type names map[string]string

func newNames() names {
	return names{
		"run": fmt.Sprintf("%08x", rand.Uint32()),
		"n":   strconv.Itoa(10_000_000 + rand.IntN(21_474_836-10_000_000)),
	}
}

// fill returns the value with everything filled in.
func (n names) fill(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return n.replace(v)
	case []any:
		return n.list(v)
	case map[string]any:
		if times, has := v["$repeat"]; has {
			return n.repeat(times, v)
		}
		filled := make(map[string]any, len(v))
		for key, member := range v {
			var err error
			if filled[key], err = n.fill(member); err != nil {
				return nil, err
			}
		}
		return filled, nil
	}
	return value, nil
}

func (n names) repeat(times any, v map[string]any) (any, error) {
	count, err := copies(times)
	text, is := v["of"].(string)
	if err != nil || !is || len(v) != 2 {
		return nil, errors.Join(errors.New("$repeat wants a string in `of`"), err)
	}
	text, err = n.replace(text)
	return strings.Repeat(text, count), err
}

func (n names) list(elements []any) (any, error) {
	list := make([]any, 0, len(elements))
	for _, element := range elements {
		members, _ := element.(map[string]any)
		times, is := members["$each"]
		if !is {
			filled, err := n.fill(element)
			if err != nil {
				return nil, err
			}
			list = append(list, filled)
			continue
		}
		count, err := copies(times)
		of, has := members["of"]
		if err != nil || !has || len(members) != 2 {
			return nil, errors.Join(errors.New("$each wants `of`"), err)
		}
		inner, width := maps.Clone(n), len(strconv.Itoa(max(count-1, 0)))
		for i := range count {
			inner["i"] = fmt.Sprintf("%0*d", width, i)
			filled, err := inner.fill(of)
			if err != nil {
				return nil, err
			}
			list = append(list, filled)
		}
	}
	return list, nil
}

func copies(times any) (int, error) {
	number, _ := times.(json.Number)
	count, err := strconv.Atoi(number.String())
	if err != nil || count < 0 {
		return 0, fmt.Errorf("%v is no number of copies", times)
	}
	return count, nil
}

func (n names) replace(text string) (string, error) {
	var out strings.Builder
	for {
		before, after, has := strings.Cut(text, "${")
		out.WriteString(before)
		if !has {
			return out.String(), nil
		}
		name, behind, ended := strings.Cut(after, "}")
		value, known := n[name]
		if !ended || !known {
			return "", fmt.Errorf("${%s} stands for nothing", name)
		}
		out.WriteString(value)
		text = behind
	}
}
