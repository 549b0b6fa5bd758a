package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	evolvedservice "interop/kitex_gen/evolved/interop"
	"interop/kitex_gen/interop"
	interopservice "interop/kitex_gen/interop/interop"

	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"
)

// calls makes calls of all shapes and sees all ways in which they fail.
func calls(r route) {
	ctx := context.Background()
	client := interopservice.MustNewClient("interop", r.clientOptions()...)
	cell := func(name string, err error) { report(fmt.Sprint(r, ": ", name), err) }
	cell("binary with every byte", reverse(ctx, client, 76_800))
	cell("a message of 3 MB", reverse(ctx, client, 3_000_000))
	cell("no arguments and no result", client.Nothing(ctx))
	cell("two arguments", scale(ctx, client, 1.5, -3, -4.5))
	cell("doubles that are no numbers", oddDoubles(ctx, client))
	cell("the first declared exception", firstException(ctx, client))
	cell("the second declared exception", secondException(ctx, client))
	cell("a handler that fails", failure(ctx, client))
	cell("oneway", oneway(ctx, client))
	cell("unknown method", unknownMethod(ctx, r, client))
	cell("a call that takes too long", tooLong(ctx, client))
	cell("20 calls at once", atOnce(ctx, client, r.name == "mux"))
}

func reverse(ctx context.Context, client interopservice.Client, length int) error {
	value := make([]byte, length)
	for i := range value {
		value[i] = byte(i)
	}
	reply, err := client.Reverse(ctx, value)
	slices.Reverse(value)
	return all(err, ensure(bytes.Equal(reply, value), "the bytes came back altered"))
}

func scale(ctx context.Context, client interopservice.Client, value float64, by int32, wanted float64) error {
	reply, err := client.Scale(ctx, value, by)
	equal := math.Float64bits(reply) == math.Float64bits(wanted) || math.IsNaN(reply) && math.IsNaN(wanted)
	return all(err, ensure(equal, "%v instead of %v", reply, wanted))
}

func oddDoubles(ctx context.Context, client interopservice.Client) error {
	for _, value := range []float64{
		math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64, math.MaxFloat64, math.Copysign(0, -1),
	} {
		if err := scale(ctx, client, value, 1, value); err != nil {
			return err
		}
	}
	return nil
}

func firstException(ctx context.Context, client interopservice.Client) error {
	_, err := client.Refuse(ctx, -1)
	var mismatch *interop.Mismatch
	if !errors.As(err, &mismatch) {
		return fmt.Errorf("%v instead of Mismatch", err)
	}
	return expect("name", mismatch.Name, "negative")
}

func secondException(ctx context.Context, client interopservice.Client) error {
	_, err := client.Refuse(ctx, 7)
	var refused *interop.Refused
	if !errors.As(err, &refused) {
		return fmt.Errorf("%v instead of Refused", err)
	}
	code := int32(7)
	wanted := &interop.Refused{Reason: "refused", Code: &code, Where: &interop.Point{X: 7, Y: -7}}
	return ensure(reflect.DeepEqual(refused, wanted), "%v instead of %v", refused, wanted)
}

func failure(ctx context.Context, client interopservice.Client) error {
	_, err := client.Fail(ctx, "because")
	return all(applicationException(err, remote.InternalError, "because"), client.Nothing(ctx))
}

// applicationException checks the type, and the message unless it is empty.
func applicationException(err error, kind int32, message string) error {
	var exception *remote.TransError
	if !errors.As(err, &exception) {
		return fmt.Errorf("%v instead of an application exception", err)
	}
	return all(
		expect("the type", exception.TypeID(), kind),
		ensure(message == "" || exception.Error() == message, "the message is %q", exception.Error()),
	)
}

func oneway(ctx context.Context, client interopservice.Client) error {
	before, err := client.Count(ctx)
	if err := all(err, client.Bump(ctx, 5)); err != nil {
		return err
	}
	// Another connection may be faster than the one with the oneway call.
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		after, err := client.Count(ctx)
		if after == before+5 || err != nil || time.Now().After(deadline) {
			return all(err, expect("the count", after, before+5))
		}
	}
}

func unknownMethod(ctx context.Context, r route, client interopservice.Client) error {
	newer := evolvedservice.MustNewClient("interop", r.clientOptions()...)
	return all(applicationException(newer.Missing(ctx), remote.UnknownMethod, ""), client.Nothing(ctx))
}

func tooLong(ctx context.Context, client interopservice.Client) error {
	_, err := client.Sleep(ctx, 400, "late", callopt.WithRPCTimeout(50*time.Millisecond))
	if !kerrors.IsTimeoutError(err) {
		return fmt.Errorf("%v instead of a timeout", err)
	}
	// The late reply must not be taken for this one.
	reply, err := client.Sleep(ctx, 450, "next")
	return all(err, expect("the next reply", reply, "next"))
}

// atOnce makes calls of which each gets its own reply; the last call is answered first where replies may overtake
// each other.
func atOnce(ctx context.Context, client interopservice.Client, outOfOrder bool) error {
	start, results := time.Now(), make(chan error)
	for i := range 20 {
		go func() {
			text := fmt.Sprint("call ", i)
			reply, err := client.Sleep(ctx, int32(100-5*i), text)
			results <- all(err, expect("the reply", reply, text))
		}()
	}
	var failed error
	for range 20 {
		failed = all(failed, <-results)
	}
	// One after the other on a single connection, they would take a second and more.
	slow := outOfOrder && time.Since(start) > 800*time.Millisecond
	return all(failed, ensure(!slow, "the calls took %v: they waited for each other", time.Since(start)))
}
