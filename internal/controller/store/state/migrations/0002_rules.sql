-- SPDX-License-Identifier: Apache-2.0
-- Rule files that were put, and what an anomaly has from the rule that found it.
CREATE TABLE rules (
  name    TEXT PRIMARY KEY,
  text    TEXT NOT NULL,
  changed INTEGER NOT NULL
) STRICT;

ALTER TABLE anomalies ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE anomalies ADD COLUMN labels TEXT NOT NULL DEFAULT '';
ALTER TABLE anomalies ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0;
