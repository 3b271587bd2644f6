// SPDX-License-Identifier: Apache-2.0

package byhand

//go:generate sh generate.sh
