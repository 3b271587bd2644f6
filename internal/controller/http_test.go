// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1/queryv1connect"
	"github.com/aeolus-ebpf/aeolus/internal/controller"
	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

// ask sends a request with headers, and gives the status, the headers and the body.
func (p *place) ask(t *testing.T, method, path, body string, headers map[string]string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.addresses.HTTP+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	response, err := p.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(content)
}

const statusPath = queryv1connect.QueryServiceGetStatusProcedure

func TestHTTP_whoMayAsk(t *testing.T) {
	p := start(t, func(c *controller.Config) { c.Names = []string{"aeolus.test", "Monitor.Test."} })
	_, port, err := net.SplitHostPort(p.addresses.HTTP)
	require.NoError(t, err)
	right, cookie := "Bearer "+token, "aeolus-token-"+port+"="+token
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("grafana:"+token))
	for name, attempt := range map[string]struct {
		headers map[string]string
		want    int
	}{
		"with the token":            {map[string]string{"Authorization": right}, 200},
		"by localhost":              {map[string]string{"Authorization": right, "Host": "localhost:" + port}, 200},
		"by IPv6":                   {map[string]string{"Authorization": right, "Host": "[::1]:" + port}, 200},
		"by a name that is allowed": {map[string]string{"Authorization": right, "Host": "Aeolus.Test:" + port}, 200},
		"by a name in capitals":     {map[string]string{"Authorization": right, "Host": "monitor.test:" + port}, 200},
		"from its own page":         {map[string]string{"Authorization": right, "Origin": "http://127.0.0.1:" + port}, 200},
		"with the cookie":           {map[string]string{"Cookie": "aeolus-token-" + port + "=" + token}, 200},
		"without a token":           {nil, 401},
		"with another token":        {map[string]string{"Authorization": "Bearer x"}, 401},
		"with half a token":         {map[string]string{"Authorization": "Bearer " + token[:5]}, 401},
		"with an empty token":       {map[string]string{"Authorization": "Bearer "}, 401},
		"with a wrong cookie":       {map[string]string{"Cookie": "aeolus-token-" + port + "=x"}, 401},
		"by its password":           {map[string]string{"Authorization": basic}, 200},
		"a program, by any name":    {map[string]string{"Authorization": right, "Host": "aeolus.svc.example"}, 200},
		"rebinding":                 {map[string]string{"Cookie": cookie, "Host": "evil.example:" + port}, 421},
		"rebinding without a port":  {map[string]string{"Cookie": cookie, "Host": "evil.example"}, 421},
		"rebinding with a guess":    {map[string]string{"Authorization": "Bearer x", "Host": "evil.example:" + port}, 421},
		"rebinding by a browser":    {map[string]string{"Authorization": right, "Host": "evil.example:" + port, "Sec-Fetch-Site": "same-origin"}, 421},
		"rebinding by a page":       {map[string]string{"Authorization": right, "Host": "evil.example:" + port, "Origin": "http://evil.example:" + port}, 421},
		"another port":              {map[string]string{"Cookie": cookie, "Host": "localhost:1"}, 421},
		"a name that begins well":   {map[string]string{"Cookie": cookie, "Host": "localhost.evil.example:" + port}, 421},
		"another site's page":       {map[string]string{"Authorization": right, "Origin": "http://evil.example"}, 403},
		"another port's page":       {map[string]string{"Authorization": right, "Origin": "http://127.0.0.1:1"}, 403},
		"no origin at all":          {map[string]string{"Authorization": right, "Origin": "null"}, 403},
		"a page by https":           {map[string]string{"Authorization": right, "Origin": "https://127.0.0.1:" + port}, 403},
		"loaded by another site":    {map[string]string{"Authorization": right, "Sec-Fetch-Site": "cross-site"}, 403},
		"loaded by another port":    {map[string]string{"Authorization": right, "Sec-Fetch-Site": "same-site"}, 403},
	} {
		headers := map[string]string{"Content-Type": "application/json"}
		for key, value := range attempt.headers {
			headers[key] = value
		}
		code, header, body := p.ask(t, http.MethodPost, statusPath, "{}", headers)
		require.Equal(t, attempt.want, code, name)
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", name)
		require.Empty(t, header.Get("Access-Control-Allow-Origin"), name)
		if code == 200 {
			require.Contains(t, body, `"name":"test"`, name)
		} else {
			require.NotContains(t, body, token)
		}
	}
}

func TestHTTP_tokenBecomesACookie(t *testing.T) {
	p := start(t, nil)
	code, header, _ := p.ask(t, http.MethodGet, "/edges/x?token="+token+"&view=1", "", nil)
	require.Equal(t, http.StatusSeeOther, code)
	require.Equal(t, "/edges/x?view=1", header.Get("Location"))
	cookie := header.Get("Set-Cookie")
	require.Contains(t, cookie, "HttpOnly")
	require.Contains(t, cookie, "SameSite=Strict")
	name, _, _ := strings.Cut(cookie, ";")
	code, _, body := p.ask(t, http.MethodGet, "/edges/x?view=1", "", map[string]string{"Cookie": name})
	require.Equal(t, 200, code)
	require.Equal(t, "<title>ui</title>", body)
	code, header, _ = p.ask(t, http.MethodGet, "/?token=wrong", "", nil)
	require.Equal(t, 401, code)
	require.Empty(t, header.Get("Set-Cookie"))
	_, header, _ = p.ask(t, http.MethodGet, "//evil.example/?token="+token, "", nil)
	require.Equal(t, "/evil.example/", header.Get("Location"), "not to another place")
	code, _, body = p.ask(t, http.MethodGet, "/healthz", "", nil)
	require.Equal(t, 200, code)
	require.Equal(t, "ok\n", body)
}

func TestHTTP_assets(t *testing.T) {
	p := start(t, nil)
	headers := map[string]string{"Authorization": "Bearer " + token, "Accept-Encoding": "identity"}
	_, header, body := p.ask(t, http.MethodGet, "/assets/index-abcdefgh.js", "", headers)
	require.Equal(t, "plain", body)
	require.Contains(t, header.Get("Cache-Control"), "immutable")
	require.Contains(t, header.Get("Content-Type"), "javascript")
	headers["Accept-Encoding"] = "gzip, br"
	_, header, body = p.ask(t, http.MethodGet, "/assets/index-abcdefgh.js", "", headers)
	require.Equal(t, "packed", body)
	require.Equal(t, "gzip", header.Get("Content-Encoding"))
	code, header, _ := p.ask(t, http.MethodGet, "/", "", headers)
	require.Equal(t, 200, code)
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	for _, path := range []string{"/assets/none.js", "/etc/passwd.txt", "/aeolus.query.v1.QueryService/None"} {
		code, _, _ = p.ask(t, http.MethodGet, path, "", headers)
		require.Equal(t, 404, code, path)
	}
}

func TestHTTP_oversizedAndMalformedQuestions(t *testing.T) {
	p := start(t, nil)
	headers := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
	code, _, _ := p.ask(t, http.MethodPost, statusPath, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`, headers)
	require.GreaterOrEqual(t, code, 400)
	code, _, body := p.ask(t, http.MethodPost, statusPath, `{{{`, headers)
	require.Equal(t, 400, code)
	require.Contains(t, body, "invalid_argument")
	headers["X-Long"] = strings.Repeat("x", 100<<10)
	code, _, _ = p.ask(t, http.MethodPost, statusPath, `{}`, headers)
	require.Equal(t, 431, code)
}

func TestHTTP_unaryAndStreamingOverEveryProtocol(t *testing.T) {
	p := start(t, nil)
	agent := p.dial(t, "n1")
	require.NoError(t, send(t, agent, traffic(1)))
	for name, options := range map[string][]connect.ClientOption{
		"connect":  nil,
		"json":     {connect.WithProtoJSON()},
		"get":      {connect.WithHTTPGet()},
		"grpc-web": {connect.WithGRPCWeb()},
	} {
		query := p.query(options...)
		drawn, err := query.GetGraph(t.Context(), &queryv1.GetGraphRequest{})
		require.NoError(t, err, name)
		require.Len(t, drawn.Edges, 1, name)
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := query.WatchGraph(ctx, &queryv1.GetGraphRequest{})
		require.NoError(t, err, name)
		require.True(t, stream.Receive(), name)
		require.Len(t, stream.Msg().Edges, 1, name)
		cancel()
		require.False(t, stream.Receive())
		_ = stream.Close()
	}
}

func TestHTTP_watchersSeeAnomaliesComeAndEvents(t *testing.T) {
	p := start(t, nil)
	agent := p.dial(t, "n1")
	require.NoError(t, send(t, agent, traffic(1)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	anomalies, err := p.query().WatchAnomalies(ctx, &queryv1.ListAnomaliesRequest{})
	require.NoError(t, err)
	require.True(t, anomalies.Receive())
	require.Empty(t, anomalies.Msg().Anomalies, "what there is comes first")
	events, err := p.query().WatchEvents(ctx, &queryv1.ListEventsRequest{})
	require.NoError(t, err)
	require.True(t, events.Receive())
	connections, err := p.query().WatchConnections(ctx, &queryv1.ListConnectionsRequest{})
	require.NoError(t, err)
	require.True(t, connections.Receive())
	sendEvents(t, agent, refusal("0123456789abcdef-1", time.Now()))
	require.True(t, anomalies.Receive())
	require.Len(t, anomalies.Msg().Anomalies, 1)
	require.True(t, events.Receive())
	require.Equal(t, "connect.refused", events.Msg().Events[0].Kind)
	more := traffic(2)
	more.Flows[0].Local = refusal("", time.Time{}).Local
	more.Flows[1].Remote = more.Flows[0].Local
	require.NoError(t, send(t, agent, more))
	require.True(t, connections.Receive())
	require.Equal(t, "a", connections.Msg().Connections[0].ClientName)
	cancel()
	for _, closing := range []func() error{anomalies.Close, events.Close, connections.Close} {
		_ = closing()
	}
}

// TestHTTP_slowWatcher never reads what it asked for. Others are served, and the end does not wait for it.
func TestHTTP_slowWatcher(t *testing.T) {
	p := start(t, nil)
	agent := p.dial(t, "n1")
	connection, err := net.Dial("tcp", p.addresses.HTTP)
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	body := "\x00\x00\x00\x00\x02{}"
	_, err = io.WriteString(connection, "POST "+queryv1connect.QueryServiceWatchEventsProcedure+" HTTP/1.1\r\nHost: "+p.addresses.HTTP+
		"\r\nAuthorization: Bearer "+token+"\r\nContent-Type: application/connect+json\r\nContent-Length: 7\r\n\r\n"+body)
	require.NoError(t, err)
	require.NoError(t, send(t, agent, traffic(1)))
	sequence := 0
	testkit.Eventually(t, 30*time.Second, func() string {
		for range 20 {
			sendMany(t, agent, &sequence, 200)
		}
		state, err := p.query().GetStatus(t.Context(), &queryv1.GetStatusRequest{})
		require.NoError(t, err)
		for _, stage := range state.Stages {
			if stage.Name == "watch" && stage.Dropped["slow-client"] > 0 {
				return ""
			}
		}
		return "nothing has been dropped for the slow client"
	})
	before := time.Now()
	p.stop(t)
	require.Less(t, time.Since(before), 3*time.Second)
	p.done = make(chan error, 1)
	p.done <- nil
}

// open sends raw bytes on a connection of its own.
func open(t *testing.T, address, text string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	_, err = io.WriteString(connection, text)
	require.NoError(t, err)
	return connection
}

// TestHTTP_bodiesThatNeverCome holds connections open by a body that was announced, with a token and without one.
func TestHTTP_bodiesThatNeverCome(t *testing.T) {
	p := start(t, func(c *controller.Config) { c.Patience = 300 * time.Millisecond })
	for name, headers := range map[string]string{
		"without a token": "", "with a token": "Authorization: Bearer " + token + "\r\n", "a page": "",
	} {
		method, path := "POST", statusPath
		if name == "a page" {
			method, path = "GET", "/healthz"
		}
		connection := open(t, p.addresses.HTTP, method+" "+path+" HTTP/1.1\r\nHost: "+p.addresses.HTTP+"\r\n"+headers+
			"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		ended := make(chan struct{})
		go func() {
			// A byte now and then must not prolong it.
			for {
				select {
				case <-ended:
					return
				case <-time.After(50 * time.Millisecond):
					_, _ = io.WriteString(connection, " ")
				}
			}
		}()
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
		_, err := io.Copy(io.Discard, connection)
		close(ended)
		if err != nil {
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, name)
		}
	}
}

// TestHTTP_answersThatNobodyTakes asks for more than fits between the two, and takes none of it.
func TestHTTP_answersThatNobodyTakes(t *testing.T) {
	p := start(t, func(c *controller.Config) {
		c.Patience = 300 * time.Millisecond
		c.Assets = fstest.MapFS{"index.html": {Data: make([]byte, 64<<20)}}
	})
	connection := open(t, p.addresses.HTTP, "GET / HTTP/1.1\r\nHost: "+p.addresses.HTTP+"\r\nAuthorization: Bearer "+token+"\r\n\r\n")
	testkit.Eventually(t, 10*time.Second, func() string {
		// What is written to a connection that the other side has let go of is answered by a reset.
		if _, err := connection.Write([]byte("\r\n")); err != nil {
			return ""
		}
		return "it is still waited for"
	})
}

// TestHTTP_quietStreamsLast longer than anybody's patience, by HTTP/1.1 and HTTP/2.
func TestHTTP_quietStreamsLast(t *testing.T) {
	const patience = 100 * time.Millisecond
	p := start(t, func(c *controller.Config) { c.Patience = patience })
	agent := p.dial(t, "n1")
	require.NoError(t, send(t, agent, traffic(1)))
	second := new(http.Protocols)
	second.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: second}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var streams []*connect.ServerStreamForClient[queryv1.ListEventsResponse]
	for _, client := range []queryv1connect.QueryServiceClient{p.query(), queryv1connect.NewQueryServiceClient(
		&http.Client{Transport: withToken{transport}}, "http://"+p.addresses.HTTP, connect.WithGRPC())} {
		stream, err := client.WatchEvents(ctx, &queryv1.ListEventsRequest{})
		require.NoError(t, err)
		require.True(t, stream.Receive(), stream.Err())
		streams = append(streams, stream)
	}
	time.Sleep(5 * patience)
	sendEvents(t, agent, refusal("0123456789abcdef-1", time.Now()))
	for _, stream := range streams {
		require.True(t, stream.Receive(), stream.Err())
		require.Len(t, stream.Msg().Events, 1)
	}
	cancel()
	for _, stream := range streams {
		_ = stream.Close()
	}
}

// TestHTTP_connectionsAreBounded has more clients than there is room for: those beyond it wait, and none is forgotten.
func TestHTTP_connectionsAreBounded(t *testing.T) {
	p := start(t, func(c *controller.Config) { c.MaxClients = 8; c.Patience = 300 * time.Millisecond })
	for range 50 {
		open(t, p.addresses.HTTP, "")
	}
	code, _, _ := p.ask(t, http.MethodGet, "/healthz", "", nil)
	require.Equal(t, 200, code, "those who say nothing are let go of")
}

// TestHTTP_watchersAreBounded asks for more streams than there are places.
func TestHTTP_watchersAreBounded(t *testing.T) {
	p := start(t, func(c *controller.Config) { c.MaxWatchers = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for n := range 3 {
		stream, err := p.query().WatchGraph(ctx, &queryv1.GetGraphRequest{})
		require.NoError(t, err)
		if n < 2 {
			require.True(t, stream.Receive())
			continue
		}
		require.False(t, stream.Receive())
		require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(stream.Err()))
	}
	cancel()
	testkit.Eventually(t, 5*time.Second, func() string {
		again, stop := context.WithCancel(t.Context())
		defer stop()
		stream, err := p.query().WatchGraph(again, &queryv1.GetGraphRequest{})
		require.NoError(t, err)
		if !stream.Receive() {
			return "the places are not given back: " + stream.Err().Error()
		}
		return ""
	})
}
