// SPDX-License-Identifier: Apache-2.0

// Package servers starts the servers that Aeolus must get on with, for tests: Prometheus, Alertmanager, VictoriaMetrics,
// and Aeolus' own controller, each as the program that people run.
//
// The newest Prometheus and Alertmanager are built from their Go modules, once for each version, compiler and set of
// flags, into .cache/servers of the repository, or servers in the directory that AEOLUS_CACHE names; scripts/deps does
// it ahead. Debian's packages stand beside them for what people have had for years.
//
// Every server listens on a free loopback port, keeps its data in a directory of the test's, is ready when the function
// that starts it returns, and ends with the test, or with the test's process however that dies.
package servers
