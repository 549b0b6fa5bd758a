package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"interop/kitex_gen/interop"

	"github.com/cloudwego/kitex/client/genericclient"
	"github.com/cloudwego/kitex/pkg/generic"
)

// genericCalls sends the samples with clients that know the IDL's text only: as JSON, and as maps.
func genericCalls(r route, idl string) {
	for name, echo := range map[string]func(*interop.Types) (*interop.Types, error){
		"generic JSON": echoJSON(genericClient(r, idl, jsonGeneric)),
		"generic map":  echoMap(genericClient(r, idl, mapGeneric)),
	} {
		for _, sample := range interop.SAMPLES {
			reply, err := echo(sample)
			report(fmt.Sprint(r, ": ", name, ": ", sample.Name), all(err, same(reply, sample)))
		}
	}
}

func jsonGeneric(provider generic.DescriptorProvider) (generic.Generic, error) {
	return generic.JSONThriftGeneric(provider)
}

func mapGeneric(provider generic.DescriptorProvider) (generic.Generic, error) {
	return generic.MapThriftGeneric(provider)
}

func genericClient(
	r route, idl string, kind func(generic.DescriptorProvider) (generic.Generic, error),
) func(method string, request any) (any, error) {
	provider, err := generic.NewThriftFileProvider(idl)
	if err != nil {
		return failing(err)
	}
	made, err := kind(provider)
	if err != nil {
		return failing(err)
	}
	client, err := genericclient.NewClient("interop", made, r.clientOptions()...)
	if err != nil {
		return failing(err)
	}
	return func(method string, request any) (any, error) {
		return client.GenericCall(context.Background(), method, request)
	}
}

func failing(err error) func(string, any) (any, error) {
	return func(string, any) (any, error) { return nil, err }
}

func echoJSON(call func(string, any) (any, error)) func(*interop.Types) (*interop.Types, error) {
	return func(sample *interop.Types) (*interop.Types, error) {
		request, err := json.Marshal(toJSON(toGeneric(reflect.ValueOf(sample))))
		if err != nil {
			return nil, err
		}
		reply, err := call("echo", string(request))
		if err != nil {
			return nil, err
		}
		typed := &interop.Types{}
		return typed, json.Unmarshal([]byte(reply.(string)), typed)
	}
}

func echoMap(call func(string, any) (any, error)) func(*interop.Types) (*interop.Types, error) {
	return func(sample *interop.Types) (*interop.Types, error) {
		reply, err := call("echo", toGeneric(reflect.ValueOf(sample)))
		if err != nil {
			return nil, err
		}
		typed := &interop.Types{}
		fromGeneric(reply, reflect.ValueOf(typed).Elem())
		return typed, nil
	}
}

// toGeneric turns a value of a generated type into what a generic client takes.
func toGeneric(value reflect.Value) any {
	switch value.Kind() {
	case reflect.Pointer:
		return toGeneric(value.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := range value.NumField() {
			if field := value.Field(i); !isAbsent(field) {
				fields[fieldName(value.Type().Field(i))] = toGeneric(field)
			}
		}
		return fields
	case reflect.Slice:
		if value.Type() == reflect.TypeFor[[]byte]() {
			return value.Bytes()
		}
		items := []any{}
		for i := range value.Len() {
			items = append(items, toGeneric(value.Index(i)))
		}
		return items
	case reflect.Map:
		pairs := map[any]any{}
		for _, key := range value.MapKeys() {
			pairs[toGeneric(key)] = toGeneric(value.MapIndex(key))
		}
		return pairs
	}
	if colour, isEnum := value.Interface().(interop.Colour); isEnum {
		return int32(colour)
	}
	return value.Interface()
}

// toJSON turns keys into strings, all that JSON has; the generated types' own JSON leaves empty containers out.
func toJSON(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			value[name] = toJSON(field)
		}
	case []any:
		for i, item := range value {
			value[i] = toJSON(item)
		}
	case map[any]any:
		pairs := map[string]any{}
		for key, item := range value {
			pairs[fmt.Sprint(key)] = toJSON(item)
		}
		return pairs
	}
	return value
}

func isAbsent(field reflect.Value) bool {
	switch field.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return field.IsNil()
	}
	return false
}

func fieldName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("thrift"), ",")
	return name
}

// fromGeneric fills a value of a generated type with what a generic client gave.
func fromGeneric(from any, to reflect.Value) {
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		fromGeneric(from, to.Elem())
	case reflect.Struct:
		fields := from.(map[string]any)
		for i := range to.NumField() {
			if field, present := fields[fieldName(to.Type().Field(i))]; present {
				fromGeneric(field, to.Field(i))
			}
		}
	case reflect.Slice:
		if to.Type() == reflect.TypeFor[[]byte]() {
			to.SetBytes([]byte(reflect.ValueOf(from).String()))
			return
		}
		items := from.([]any)
		to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
		for i, item := range items {
			fromGeneric(item, to.Index(i))
		}
	case reflect.Map:
		pairs := from.(map[any]any)
		to.Set(reflect.MakeMap(to.Type()))
		for key, value := range pairs {
			toKey, toValue := reflect.New(to.Type().Key()).Elem(), reflect.New(to.Type().Elem()).Elem()
			fromGeneric(key, toKey)
			fromGeneric(value, toValue)
			to.SetMapIndex(toKey, toValue)
		}
	default:
		to.Set(reflect.ValueOf(from).Convert(to.Type()))
	}
}
