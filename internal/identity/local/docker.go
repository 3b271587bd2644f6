// SPDX-License-Identifier: Apache-2.0

package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// The longest answer that is read from a runtime.
const maxAnswer = 1 << 20

// dockerClient speaks the Docker Engine's HTTP interface.
type dockerClient struct {
	path string
	http http.Client
}

func newDockerClient(path string) *dockerClient {
	dialer := net.Dialer{}
	return &dockerClient{path: path, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}}
}

func (c *dockerClient) close() { c.http.CloseIdleConnections() }

func (c *dockerClient) inspect(ctx context.Context, id string) (containerInfo, error) {
	if _, err := os.Stat(c.path); err != nil {
		return containerInfo{}, fmt.Errorf("asking Docker: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/containers/"+id+"/json", nil)
	if err != nil {
		return containerInfo{}, fmt.Errorf("asking Docker: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return containerInfo{}, fmt.Errorf("asking Docker: %w", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return containerInfo{}, errNoContainer
	default:
		return containerInfo{}, fmt.Errorf("asking Docker: it answered %s", response.Status)
	}
	var answer struct {
		Name   string
		Config struct {
			Image  string
			Labels map[string]string
		}
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return containerInfo{}, fmt.Errorf("reading Docker's answer: %w", err)
	}
	info := containerInfo{name: strings.TrimPrefix(answer.Name, "/"), image: answer.Config.Image, runtime: runtimeDocker}
	info.takeLabels(answer.Config.Labels)
	return info, nil
}

// takeLabels prefers the name that Kubernetes gave to the container over the one that was made up from it.
func (i *containerInfo) takeLabels(labels map[string]string) {
	for _, label := range [...]string{"io.kubernetes.container.name", "nerdctl/name"} {
		if labels[label] != "" {
			i.name = labels[label]
			break
		}
	}
	i.namespace = labels["io.kubernetes.pod.namespace"]
}
