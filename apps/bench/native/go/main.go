// What the Go client makes of the same work: see ../c/sink.c.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const inFlight = 4096

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func readPayloads() (payloads [][]byte) {
	input, err := io.ReadAll(os.Stdin)
	check(err)
	for len(input) >= 4 {
		end := 4 + binary.LittleEndian.Uint32(input)
		payloads = append(payloads, input[4:end])
		input = input[end:]
	}
	return payloads
}

func cpu() time.Duration {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func main() {
	url, subject, stream := os.Args[1], os.Args[2], os.Args[3]
	count, err := strconv.Atoi(os.Args[4])
	check(err)
	payloads := readPayloads()
	connection, err := nats.Connect(url)
	check(err)
	refused := func(_ jetstream.JetStream, _ *nats.Msg, err error) { check(err) }
	js, err := jetstream.New(connection,
		jetstream.WithPublishAsyncMaxPending(inFlight), jetstream.WithPublishAsyncErrHandler(refused))
	check(err)
	started, used := time.Now(), cpu()
	for i := range count {
		_, err := js.PublishAsync(subject, payloads[i%len(payloads)],
			jetstream.WithExpectStream(stream), jetstream.WithStallWait(10*time.Second))
		check(err)
	}
	<-js.PublishAsyncComplete()
	fmt.Println(time.Since(started).Seconds()*1e3, (cpu() - used).Seconds()*1e3)
}
