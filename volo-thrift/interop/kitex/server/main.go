// The Kitex side of the interop tests: serves the shared IDL until it gets a signal, at a port for each NAME it is given.
// Prints `NAME listens at ADDRESS` for each.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	interopservice "interop/kitex_gen/interop/interop"
	probeservice "interop/kitex_gen/interop/probe"
	"interop/shared"

	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/server"
)

var optionsByName = map[string][]server.Option{
	"plain":    {},
	"mux":      {server.WithMuxTransport()},
	"checked":  {server.WithCodec(shared.ChecksumCodec())},
	"stop":     {}, // in a process of its own, because netpoll closes the descriptor of a listener twice
	"stop-mux": {server.WithMuxTransport()},
}

// Counts servers that run.
var running sync.WaitGroup

func main() {
	for _, name := range os.Args[1:] {
		options, known := optionsByName[name]
		if !known {
			log.Fatal("no server is called ", name)
		}
		start(name, options...)
	}
	running.Wait()
}

// start serves both services at a port of its own.
func start(name string, options ...server.Option) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	options = append(options,
		server.WithListener(listener),
		server.WithMetaHandler(transmeta.ServerTTHeaderHandler),
		server.WithEnableContextTimeout(true),
	)
	values := &handler{}
	svr := interopservice.NewServer(values, options...)
	values.stop = func() {
		_ = listener.Close() // netpoll listens at a copy of it
		_ = svr.Stop()
	}
	if err := probeservice.RegisterService(svr, &probe{}); err != nil {
		log.Fatal(err)
	}
	address := listener.Addr()
	running.Add(1)
	go func() {
		defer running.Done()
		if err := svr.Run(); err != nil {
			log.Fatal(name, ": ", err)
		}
	}()
	fmt.Println(name, "listens at", address)
}
