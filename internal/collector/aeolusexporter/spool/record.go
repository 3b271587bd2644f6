// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// version is that of what is written. Another one's is not read.
const version = 1

// Record is one message in a lane.
type Record struct {
	Payload []byte
	// Count is how many records of the pipeline the message holds.
	Count uint64
	// At is when it was put in.
	At time.Time
}

// headerBytes stand before the payload: version, time and count.
const headerBytes = 1 + 8 + 8

func (r Record) size() int64 { return int64(headerBytes + len(r.Payload)) }

func (r Record) encode() []byte {
	value := make([]byte, 0, headerBytes+len(r.Payload))
	value = append(value, version)
	value = binary.BigEndian.AppendUint64(value, uint64(r.At.UnixNano()))
	value = binary.BigEndian.AppendUint64(value, r.Count)
	return append(value, r.Payload...)
}

func decodeRecord(value []byte) (Record, bool) {
	if len(value) < headerBytes || value[0] != version {
		return Record{}, false
	}
	return Record{
		At:      time.Unix(0, int64(binary.BigEndian.Uint64(value[1:]))),
		Count:   binary.BigEndian.Uint64(value[9:]),
		Payload: value[headerBytes:],
	}, true
}

// span is the numbers of consecutive records, without its end.
type span struct{ from, to uint64 }

func (s span) len() int { return int(s.to - s.from) }

// state says which records there are. It is written with every change.
type state struct {
	// under are the records under way, wait those behind them; what lies between has been dropped.
	under, wait span
	bytes       int64
	records     uint64
}

const stateBytes = 1 + 6*8

func (s state) encode() []byte {
	value := make([]byte, 0, stateBytes)
	value = append(value, version)
	for _, number := range [...]uint64{s.under.from, s.under.to, s.wait.from, s.wait.to, uint64(s.bytes), s.records} {
		value = binary.BigEndian.AppendUint64(value, number)
	}
	return value
}

func decodeState(value []byte) (state, error) {
	if len(value) > 0 && value[0] != version {
		return state{}, fmt.Errorf("it was written by another version (format %d, expected %d): let that one empty it, or remove its file", value[0], version)
	}
	if len(value) != stateBytes {
		return state{}, fmt.Errorf("its index has %d bytes, expected %d: remove its file", len(value), stateBytes)
	}
	var numbers [6]uint64
	for i := range numbers {
		numbers[i] = binary.BigEndian.Uint64(value[1+8*i:])
	}
	s := state{
		under: span{numbers[0], numbers[1]}, wait: span{numbers[2], numbers[3]}, bytes: int64(numbers[4]), records: numbers[5],
	}
	if s.under.from > s.under.to || s.under.to > s.wait.from || s.wait.from > s.wait.to || s.bytes < 0 {
		return state{}, errors.New("its index makes no sense: remove its file")
	}
	return s, nil
}
