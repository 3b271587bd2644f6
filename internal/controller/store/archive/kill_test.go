// SPDX-License-Identifier: Apache-2.0

package archive

// writerVariable makes the test binary a writer that is to be killed; its value is the directory.
const writerVariable = "AEOLUS_ARCHIVE_WRITER"

func writeUntilKilled() int { return 0 }
