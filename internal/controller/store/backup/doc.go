// SPDX-License-Identifier: Apache-2.0

// Package backup writes everything that a controller keeps into one file, and restores it into an empty directory.
//
// The file is a tar archive, compressed with zstd. Its first entry, manifest.json, says of which versions the parts are, so
// that a restore can refuse before it writes; its last one says that it is whole. What is in between can be unpacked with
// tar alone.
package backup
