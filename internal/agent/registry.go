// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/aeolus-ebpf/aeolus/internal/sensor"
	"github.com/aeolus-ebpf/aeolus/internal/sensor/tcp"
)

// sensors is the registry: a line a sensor.
func sensors() map[string]func(sensor.Settings) (sensor.Sensor, error) {
	return map[string]func(sensor.Settings) (sensor.Sensor, error){
		"tcp": tcp.New,
	}
}
