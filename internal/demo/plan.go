// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/demo/service"
)

// plan is one service of the shop.
type plan struct {
	name     string
	protocol service.Protocol
	port     uint16
	version  string
	// zones has one entry an instance.
	zones []string
	// virtual services are reached by an address that no instance has: their clients' namespaces translate it.
	virtual    bool
	replyBytes int
	calls      []service.Call
}

const (
	zoneA = "zone-a"
	zoneB = "zone-b"
)

// Timeouts of one attempt, by how many hops lie beneath: each leaves room for the one below to fail first.
const (
	leafTimeout   = 1500 * time.Millisecond
	middleTimeout = 3 * time.Second
	upperTimeout  = 4 * time.Second
	outerTimeout  = 5 * time.Second
)

// shopPlan is the shop, in the order in which it opens. Every service's callees stand above it.
//
// payment and cache call nobody and have one client each, so what goes wrong there touches exactly one edge.
func shopPlan() []plan {
	return []plan{
		{name: "dns", protocol: service.DNS, port: 53, version: "v1.0.1", zones: []string{zoneA}},
		{name: "store", protocol: service.Store, port: 5400, version: "v3.2.0", zones: []string{zoneB}, replyBytes: 4 << 10},
		{name: "cache", protocol: service.Redis, port: 6379, version: "v7.2.4", zones: []string{zoneA}},
		{name: "payment", protocol: service.HTTP, port: 8080, version: "v1.4.2", zones: []string{zoneB}, replyBytes: 300},
		{name: "shipping", protocol: service.GRPC, port: 9090, version: "v0.9.3", zones: []string{zoneB}, replyBytes: 600,
			calls: []service.Call{
				{To: "store", Share: 1, Fresh: 1, Timeout: leafTimeout},
			}},
		{name: "cart", protocol: service.HTTP, port: 8080, version: "v2.1.0", zones: []string{zoneA}, replyBytes: 2 << 10,
			calls: []service.Call{
				{To: "cache", Share: 1, Fresh: 0.2, Timeout: leafTimeout},
			}},
		{name: "catalogue", protocol: service.HTTP, port: 8080, version: "v4.0.7", zones: []string{zoneA, zoneB},
			virtual: true, replyBytes: 8 << 10,
			calls: []service.Call{
				{To: "store", Share: 1, Fresh: 0.2, Timeout: leafTimeout},
			}},
		{name: "checkout", protocol: service.GRPC, port: 9090, version: "v1.4.2", zones: []string{zoneA, zoneB},
			calls: []service.Call{
				{To: "payment", Share: 1, Fresh: 1, Timeout: leafTimeout},
				{To: "shipping", Share: 1, Fresh: 0.2, Timeout: middleTimeout},
				{To: "cart", Share: 1, Fresh: 0.3, Timeout: middleTimeout},
			}},
		{name: "frontend", protocol: service.HTTP, port: 8080, version: "v5.3.1", zones: []string{zoneA, zoneB},
			replyBytes: 16 << 10,
			calls: []service.Call{
				{To: "catalogue", Share: 0.7, Fresh: 0.2, Timeout: middleTimeout},
				{To: "cart", Share: 0.5, Fresh: 1, Timeout: middleTimeout},
				{To: "checkout", Share: 0.3, Fresh: 0.1, Timeout: upperTimeout},
			}},
		{name: "shopper", protocol: service.Shopper, version: "v1.0.0", zones: []string{zoneA},
			calls: []service.Call{
				{To: "frontend", Share: 1, Fresh: 0.3, Timeout: outerTimeout},
			}},
	}
}

// callsPerVisit is how many calls one shopper's visit leads to, on average.
func callsPerVisit(plans []plan) float64 {
	byName := map[string]plan{}
	for _, p := range plans {
		byName[p.name] = p
	}
	var count func(name string) float64
	count = func(name string) float64 {
		calls := 0.0
		for _, call := range byName[name].calls {
			calls += call.Share * (1 + count(call.To))
		}
		return calls
	}
	return count("shopper")
}

func instanceName(service string, n int) string { return fmt.Sprintf("%s-%d", service, n) }

// resourceAttributes is the standard way to say who a process is.
func resourceAttributes(shop string, spec *service.Spec) []string {
	return []string{
		"OTEL_SERVICE_NAME=" + spec.Service,
		fmt.Sprintf("OTEL_RESOURCE_ATTRIBUTES=service.namespace=%s,service.version=%s,service.instance.id=%s,cloud.availability_zone=%s",
			shop, spec.Version, spec.Instance, spec.Zone),
	}
}
