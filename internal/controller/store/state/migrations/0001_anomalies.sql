-- SPDX-License-Identifier: Apache-2.0
-- Instants are nanoseconds since 1970, 0 for none; what has several parts is JSON.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE anomalies (
  id        TEXT PRIMARY KEY,
  key       TEXT NOT NULL,
  kind      TEXT NOT NULL,
  severity  INTEGER NOT NULL,
  edge      TEXT NOT NULL,
  -- Both ends as they were named then: {"id", "namespace", "name", "kind", "external"}; empty for what is on no edge.
  client    TEXT NOT NULL,
  server    TEXT NOT NULL,
  opened    INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  closed    INTEGER NOT NULL,
  since     INTEGER NOT NULL,
  cause     TEXT NOT NULL,
  events    INTEGER NOT NULL,
  value     REAL NOT NULL,
  usual     REAL NOT NULL,
  detection INTEGER NOT NULL,
  summary   TEXT NOT NULL,
  evidence  TEXT NOT NULL
) STRICT;

CREATE INDEX anomalies_by_opening ON anomalies (opened, id);
CREATE INDEX anomalies_by_end ON anomalies (closed);

CREATE TABLE acknowledgements (
  anomaly TEXT PRIMARY KEY REFERENCES anomalies (id) ON DELETE CASCADE,
  who     TEXT NOT NULL,
  comment TEXT NOT NULL,
  at      INTEGER NOT NULL,
  until   INTEGER NOT NULL
) STRICT;
