// SPDX-License-Identifier: Apache-2.0

package tcp

//go:generate sh generate.sh
