// SPDX-License-Identifier: Apache-2.0

// Command live serves a controller's questions about a made-up world, for the tests and the development of the UI and of
// the command line. It is test tooling and is not part of what ships.
//
//	go run ./internal/controller/controllertest/live -listen 127.0.0.1:7777 -assets web/dist
//	curl -X POST '127.0.0.1:7777/fault?client=checkout&server=payment&fault=refuse'
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/controller/controllertest"
	"github.com/aeolus-ebpf/aeolus/internal/controller/credential"
	"github.com/aeolus-ebpf/aeolus/internal/controller/detect"
	"github.com/aeolus-ebpf/aeolus/internal/controller/engine"
	"github.com/aeolus-ebpf/aeolus/internal/controller/history"
	"github.com/aeolus-ebpf/aeolus/internal/controller/query"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/archive"
	"github.com/aeolus-ebpf/aeolus/internal/loss"
)

type options struct {
	listen, token, assets, unix string
	data                        string
	workloads                   int
	toggle                      bool
	learning                    time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:7777", "address to serve on")
	flag.StringVar(&o.token, "token", "", "token to ask for; none unless given")
	flag.StringVar(&o.assets, "assets", "", "directory of the UI's build")
	flag.StringVar(&o.unix, "unix", "", "unix socket to serve on besides")
	flag.StringVar(&o.data, "data", "", "directory to keep what is seen in; nothing is kept unless given")
	flag.IntVar(&o.workloads, "workloads", 0, "make a crowd of so many workloads in place of the shop")
	flag.BoolVar(&o.toggle, "toggle", false, "switch a fault on and off by turns, twenty seconds each")
	flag.DurationVar(&o.learning, "learning", 15*time.Second, "how long the detectors learn")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ledger := loss.NewLedger()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	past, err := keep(ctx, o.data, ledger, logger)
	if err != nil {
		return err
	}
	settings := engine.Config{Ledger: ledger, Logger: logger, Detect: detect.Config{Learning: o.learning}}
	if past != nil {
		settings.Recorder = past.Recorder
	}
	state := engine.New(settings)
	service := query.New(query.Config{Name: "made-up", Version: "test", Engine: state, Ledger: ledger, Past: past})
	world := controllertest.NewShop(1)
	if o.workloads > 0 {
		world = controllertest.NewCrowd(1, o.workloads)
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	go func() { _ = state.Run(ctx) }()
	go world.Run(ctx, state)
	if o.toggle {
		go toggle(ctx, world)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	handler := service.Handler(pages(o.assets))
	root := http.NewServeMux()
	guard := query.Guard{Port: port}
	if o.token != "" {
		if guard.Credentials, err = credential.NewBook(credential.New(credential.Default, o.token, credential.Limits{})); err != nil {
			return err
		}
	}
	root.Handle("/", guard.Wrap(handler))
	root.HandleFunc("POST /fault", switchFault(world))
	server := query.NewServer(root, 20*time.Second)
	if o.unix != "" {
		socket, err := net.Listen("unix", o.unix)
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		go func() { _ = query.NewServer(handler, 20*time.Second).Serve(socket) }()
	}
	fmt.Printf("http://%s/?token=%s\n", listener.Addr(), o.token)
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// keep opens an archive, if there is a directory for it.
func keep(ctx context.Context, directory string, ledger *loss.Ledger, logger *slog.Logger) (*query.Past, error) {
	if directory == "" {
		return nil, nil
	}
	kept, err := archive.Open(archive.Config{Directory: directory, Ledger: ledger, Logger: logger})
	if err != nil {
		return nil, err
	}
	recorder := history.New(history.Config{Sink: kept, Ledger: ledger})
	go func() { _ = recorder.Run(ctx) }()
	go func() { _ = kept.Run(ctx) }()
	return &query.Past{Archive: kept, Recorder: recorder}, nil
}

func pages(directory string) http.Handler {
	if directory == "" {
		return nil
	}
	var files fs.FS = os.DirFS(directory)
	return query.Assets(files)
}

// switchFault lets tests decide what goes wrong.
func switchFault(world *controllertest.World) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if !world.Switch(q.Get("client"), q.Get("server"), controllertest.Fault(q.Get("fault"))) {
			http.Error(w, "there is no such edge", http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintln(w, "switched")
	}
}

// toggle goes through edges and faults.
func toggle(ctx context.Context, world *controllertest.World) {
	edges, faults := world.Edges(), controllertest.Faults()
	for i := 0; ; i++ {
		edge, fault := edges[(i*7)%len(edges)], faults[i%len(faults)]
		for _, now := range []controllertest.Fault{"", fault} {
			world.Switch(edge[0], edge[1], now)
			select {
			case <-ctx.Done():
				return
			case <-time.After(20 * time.Second):
			}
		}
		world.Switch(edge[0], edge[1], "")
	}
}
