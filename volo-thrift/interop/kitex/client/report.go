package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// cell is the outcome of one test, printed as a line of JSON.
type cell struct {
	Suite     string `json:"suite"`
	Peer      string `json:"peer"`
	Direction string `json:"direction"`
	Case      string `json:"case"`
	Pass      bool   `json:"pass"`
	Error     string `json:"error,omitempty"`
}

var failures int

func report(name string, err error) {
	line := cell{Suite: "interop", Peer: "kitex", Direction: "peer->us", Case: name, Pass: err == nil}
	if err != nil {
		line.Error = err.Error()
		failures++
	}
	lines := json.NewEncoder(os.Stdout)
	lines.SetEscapeHTML(false)
	_ = lines.Encode(line)
}

func ensure(condition bool, format string, values ...any) error {
	if condition {
		return nil
	}
	return fmt.Errorf(format, values...)
}

func expect[T comparable](what string, actual, wanted T) error {
	return ensure(actual == wanted, "%s is %v instead of %v", what, actual, wanted)
}

// all gives the first error.
func all(errors ...error) error {
	for _, err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}
