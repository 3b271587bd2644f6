// SPDX-License-Identifier: Apache-2.0

package local

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                                  "plain",
		"  two words\n":                          "two words",
		"bell\a and \x1b[31mred":                 "bell and [31mred",
		"bro\xffken":                             "bro\uFFFDken",
		"käse":                                   "käse",
		"left\u202eright\u2066x":                 "leftrightx",
		strings.Repeat("a", 200):                 strings.Repeat("a", 128),
		strings.Repeat("a", 127) + "ä":           strings.Repeat("a", 127),
		strings.Repeat("\x01", 10000) + "hidden": "",
	} {
		require.Equal(t, want, clean(text))
	}
}

func TestParseEnvironment(t *testing.T) {
	for _, test := range []struct {
		name, environ string
		want          description
	}{
		{"nothing", "PATH=/bin\x00HOME=/", description{}},
		{"name alone", "OTEL_SERVICE_NAME=cart\x00", description{service: "cart"}},
		{
			"everything", "A=b\x00OTEL_RESOURCE_ATTRIBUTES=service.name=cart,service.namespace=shop,service.version=1.2," +
				"service.instance.id=cart-1,cloud.availability_zone=zone-a,deployment.environment=x",
			description{"cart", "shop", "1.2", "cart-1", "zone-a"},
		},
		{"the variable of its own wins", "OTEL_RESOURCE_ATTRIBUTES=service.name=a\x00OTEL_SERVICE_NAME=b\x00", description{service: "b"}},
		{"an empty name is none", "OTEL_RESOURCE_ATTRIBUTES=service.name=a\x00OTEL_SERVICE_NAME=\x00", description{service: "a"}},
		{"percent", "OTEL_RESOURCE_ATTRIBUTES=service.name=a%2Cb%3D%20c+d,service%2Eversion=2", description{service: "a,b= c+d", version: "2"}},
		{"blanks", "OTEL_RESOURCE_ATTRIBUTES= service.name = a , ,service.version=2,", description{service: "a", version: "2"}},
		{"a bad percent spoils all", "OTEL_RESOURCE_ATTRIBUTES=service.name=a,x=%zz", description{}},
		{"no equals sign spoils all", "OTEL_RESOURCE_ATTRIBUTES=service.name=a,x", description{}},
		{"the first counts", "OTEL_SERVICE_NAME=a\x00OTEL_SERVICE_NAME=b", description{service: "a"}},
		{"hostile", "OTEL_SERVICE_NAME=\x1b]0;own\a\xffed\x00", description{service: "]0;own\uFFFDed"}},
		{"long", "OTEL_RESOURCE_ATTRIBUTES=service.name=" + strings.Repeat("x", maxDescription), description{}},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, parseEnvironment(test.environ)) })
	}
}

func TestParseStat(t *testing.T) {
	comm, start, err := parseStat([]byte("42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2"))
	require.NoError(t, err)
	require.Equal(t, "a) b (c", comm)
	require.EqualValues(t, 987654, start)
	for _, text := range []string{"", "1 (x", "1 )x(", "1 (x) S 1"} {
		_, _, err := parseStat([]byte(text))
		require.Error(t, err, text)
	}
}

func TestProcessName(t *testing.T) {
	for _, test := range []struct{ want, comm, executable, arguments string }{
		{"nginx", "nginx", "/usr/sbin/nginx", "nginx: worker process"},
		{"a-very-long-program", "a-very-long-pro", "/opt/a-very-long-program", "./a-very-long-program"},
		{"wget", "wget", "/bin/busybox", "wget http://x"},
		{"cart.py", "python3", "/usr/bin/python3.11", "python3 /srv/cart.py --port 80"},
		{"http.server", "python3", "/usr/bin/python3.11", "python3 -m http.server"},
		{"python3", "python3", "/usr/bin/python3.11", "python3 -u /srv/cart.py"},
		{"python3", "python3", "/usr/bin/python3.11", "python3"},
		{"server.js", "node", "/usr/bin/node", "node server.js"},
		{"cart.jar", "java", "/usr/lib/jvm/bin/java", "java -jar /app/cart.jar"},
		{"java", "java", "/usr/lib/jvm/bin/java", "java -Xmx1g -jar /app/cart.jar"},
		{"java", "java", "/usr/lib/jvm/bin/java", "java Main"},
		{"nodepool", "nodepool", "/usr/bin/nodepool", "nodepool x"},
		{"gone", "gone", "", ""},
	} {
		require.Equal(t, test.want, processName(test.comm, test.executable, strings.Fields(test.arguments)))
	}
}

func TestParseHierarchy(t *testing.T) {
	const (
		v2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
			"33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
			"34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
			"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		contained = "50 40 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup ro\n51 40 0:26 /../../.. /host/sys/fs/cgroup ro - cgroup2 cgroup ro\n"
		part      = "60 40 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup ro\n"
	)
	for _, test := range []struct {
		text, under string
		want        Hierarchy
	}{
		{v2, "", Hierarchy{V2: "/sys/fs/cgroup"}},
		{hybrid, "", Hierarchy{V2: "/sys/fs/cgroup/unified", V1: "/sys/fs/cgroup/memory", V1Subsystem: "memory"}},
		{hybrid, "/sys/fs/cgroup/", Hierarchy{V2: "/sys/fs/cgroup/unified", V1: "/sys/fs/cgroup/memory", V1Subsystem: "memory"}},
		{hybrid, "/elsewhere", Hierarchy{}},
		{contained, "", Hierarchy{V2: "/host/sys/fs/cgroup"}},
		{contained, "/sys", Hierarchy{V2: "/sys/fs/cgroup"}},
		{part, "", Hierarchy{}},
		{"", "", Hierarchy{}},
		{"x - cgroup2\n - \n", "", Hierarchy{}},
	} {
		require.Equal(t, test.want, parseHierarchy(test.text, test.under))
	}
}

func FuzzMountinfo(f *testing.F) {
	f.Add("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", "/sys")
	f.Fuzz(func(t *testing.T, text, under string) {
		h := parseHierarchy(text, under)
		if (h.V1 == "") != (h.V1Subsystem == "") {
			t.Fatal(h)
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("OTEL_SERVICE_NAME=a\x00OTEL_RESOURCE_ATTRIBUTES=service.version=%41,x=y")
	f.Fuzz(func(t *testing.T, text string) {
		d := parseEnvironment(text)
		for _, value := range []string{d.service, d.namespace, d.version, d.instance, d.zone} {
			if len(value) > maxName || !utf8.ValidString(value) || value != clean(value) {
				t.Fatalf("%q", value)
			}
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _, _ = parseStat(text)
		parseCgroups(string(text))
	})
}
