package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	interopservice "interop/kitex_gen/interop/interop"

	"github.com/cloudwego/kitex/pkg/kerrors"
)

const (
	callers    = 8
	beforeStop = 300 * time.Millisecond
	afterStop  = 1200 * time.Millisecond
)

// shutdown stops a server while it is called: every call is answered, there or, if it never got there, elsewhere.
func shutdown(stopping, other route) {
	report(fmt.Sprint(stopping, ": no call is lost when the server shuts down"), noneLost(stopping, other))
}

func noneLost(stopping, other route) error {
	clients := [2]interopservice.Client{
		interopservice.MustNewClient("interop", stopping.clientOptions()...),
		interopservice.MustNewClient("interop", other.clientOptions()...),
	}
	var done [2]atomic.Int32
	results, end := make(chan error), time.Now().Add(beforeStop+afterStop)
	for caller := range callers {
		go func() { results <- callUntil(end, caller, clients, &done) }()
	}
	time.Sleep(beforeStop)
	stopper := interopservice.MustNewClient("interop", stopping.clientOptions()...)
	failed := stopper.Stop(context.Background())
	for range callers {
		failed = all(failed, <-results)
	}
	there, elsewhere := done[0].Load(), done[1].Load()
	return all(
		failed,
		ensure(there >= callers, "the server answered %d calls before it stopped", there),
		ensure(elsewhere >= callers, "the other server answered %d calls, so this one didn't stop", elsewhere),
	)
}

// callUntil calls the first server until it is gone for sure, then the second one.
func callUntil(end time.Time, caller int, clients [2]interopservice.Client, done *[2]atomic.Int32) error {
	server := 0
	for number := 0; time.Now().Before(end); number++ {
		text := fmt.Sprint("call ", number, " of ", caller)
		reply, err := clients[server].Sleep(context.Background(), 20, text)
		if server == 0 && errors.Is(err, kerrors.ErrGetConnection) {
			server = 1
			continue
		}
		if err := all(err, expect("the reply", reply, text)); err != nil {
			return fmt.Errorf("%s is lost: %w", text, err)
		}
		done[server].Add(1)
	}
	return nil
}
