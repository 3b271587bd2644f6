// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestReadRedis(t *testing.T) {
	for input, want := range map[string][]string{
		"*1\r\n$4\r\nPING\r\n":                {"PING"},
		"*2\r\n$3\r\nGET\r\n$6\r\ncart:1\r\n": {"GET", "cart:1"},
		"*1\r\n$0\r\n\r\n":                    {""},
		"*0\r\n":                              nil,
		"PING\r\n":                            nil,
		"*-1\r\n":                             nil,
		"*999999999\r\n":                      nil,
		"*1\r\n$99999999999999999999\r\n":     nil,
		"*1\r\n$3\r\nPING\r\n":                nil,
		"*1\r\n$4\r\nPI":                      nil,
	} {
		got, err := readRedis(bufio.NewReader(strings.NewReader(input)))
		require.Equal(t, want, got, input)
		require.Equal(t, want == nil, err != nil, input)
	}
}

func FuzzReadRedis(f *testing.F) {
	f.Add("*2\r\n$3\r\nGET\r\n$6\r\ncart:1\r\n")
	f.Add("*1\r\n$-1\r\n")
	f.Fuzz(func(t *testing.T, input string) {
		words, err := readRedis(bufio.NewReader(strings.NewReader(input)))
		if err == nil && (len(words) == 0 || len(words) > redisWords) {
			t.Fatalf("%d words", len(words))
		}
	})
}

func question(t testing.TB, name string, kind dnsmessage.Type) []byte {
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := message.Pack()
	require.NoError(t, err)
	return packed
}

func TestNameAnswers(t *testing.T) {
	n := &nameServer{names: map[string][]netip.Addr{"cart.shop.internal.": {netip.MustParseAddr("10.77.6.1")}}}
	for _, try := range []struct {
		name    string
		kind    dnsmessage.Type
		fault   string
		code    dnsmessage.RCode
		answers int
	}{
		{"cart.shop.internal.", dnsmessage.TypeA, "", dnsmessage.RCodeSuccess, 1},
		{"CART.shop.internal.", dnsmessage.TypeA, "", dnsmessage.RCodeSuccess, 1},
		{"cart.shop.internal.", dnsmessage.TypeAAAA, "", dnsmessage.RCodeSuccess, 0},
		{"bank.shop.internal.", dnsmessage.TypeA, "", dnsmessage.RCodeNameError, 0},
		{"cart.shop.internal.", dnsmessage.TypeA, NamesServfail, dnsmessage.RCodeServerFailure, 0},
		{"cart.shop.internal.", dnsmessage.TypeA, NamesUnknown, dnsmessage.RCodeNameError, 0},
	} {
		n.fault = try.fault
		packed, err := n.answer(question(t, try.name, try.kind))
		require.NoError(t, err)
		var reply dnsmessage.Message
		require.NoError(t, reply.Unpack(packed))
		require.EqualValues(t, 7, reply.ID)
		require.Equal(t, try.code, reply.RCode, try)
		require.Len(t, reply.Answers, try.answers, try)
	}
	n.fault = NamesSilent
	packed, err := n.answer(question(t, "cart.shop.internal.", dnsmessage.TypeA))
	require.NoError(t, err)
	require.Nil(t, packed)
}

func FuzzNameAnswer(f *testing.F) {
	f.Add(question(f, "cart.shop.internal.", dnsmessage.TypeA))
	f.Add([]byte{0, 1, 2})
	n := &nameServer{names: map[string][]netip.Addr{"cart.shop.internal.": {netip.MustParseAddr("10.77.6.1")}}}
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, err := n.answer(message)
		if err != nil && answer != nil {
			t.Fatal("an answer and an error")
		}
	})
}
