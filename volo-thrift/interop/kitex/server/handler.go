package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"interop/kitex_gen/interop"
	"interop/shared"
)

// handler serves Interop: values, calls and how they fail.
type handler struct {
	counter atomic.Int32
	stop    func()
}

func (h *handler) Echo(ctx context.Context, value *interop.Types) (*interop.Types, error) {
	return onlyASample(interop.SAMPLES, value)
}

func (h *handler) EchoEarlier(ctx context.Context, value *interop.Types) (*interop.Types, error) {
	return onlyASample(interop.EARLIER, value)
}

func onlyASample(samples []*interop.Types, value *interop.Types) (*interop.Types, error) {
	for _, sample := range samples {
		if shared.Same(sample, value) {
			return value, nil
		}
	}
	return nil, &interop.Mismatch{Name: value.Name}
}

func (h *handler) Later(ctx context.Context, name string) (*interop.Later, error) {
	for _, later := range interop.LATER {
		if later.Name == name {
			return later, nil
		}
	}
	return nil, &interop.Mismatch{Name: name}
}

func (h *handler) Reverse(ctx context.Context, value []byte) ([]byte, error) {
	reversed := slices.Clone(value)
	slices.Reverse(reversed)
	return reversed, nil
}

func (h *handler) Scale(ctx context.Context, value float64, by int32) (float64, error) {
	return value * float64(by), nil
}

func (h *handler) Nothing(ctx context.Context) error {
	return nil
}

func (h *handler) Refuse(ctx context.Context, code int32) (string, error) {
	if code < 0 {
		return "", &interop.Mismatch{Name: "negative"}
	}
	return "", &interop.Refused{Reason: "refused", Code: &code, Where: &interop.Point{X: code, Y: -code}}
}

func (h *handler) Fail(ctx context.Context, text string) (string, error) {
	return "", errors.New(text)
}

func (h *handler) Bump(ctx context.Context, by int32) error {
	h.counter.Add(by)
	return nil
}

func (h *handler) Count(ctx context.Context) (int32, error) {
	return h.counter.Load(), nil
}

func (h *handler) Sleep(ctx context.Context, durationMs int32, text string) (string, error) {
	time.Sleep(time.Duration(durationMs) * time.Millisecond)
	return text, nil
}

func (h *handler) Stop(ctx context.Context) error {
	go h.stop()
	return nil
}
