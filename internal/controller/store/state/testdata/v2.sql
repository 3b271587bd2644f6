INSERT INTO rules VALUES ('shop', 'groups: []', 1767323045000000000);
INSERT INTO anomalies (id, key, kind, severity, edge, client, server, opened, changed, closed, since, cause, events, value, usual,
  detection, summary, evidence, subject, labels, unconfirmed) VALUES
  ('a3', 'k3', 'rule', 2, '', '', '', 1767323050000000000, 1767323050000000000, 0, 1767323050000000000, '', 0, 3, 0, 0, 'disk is full',
   '[]', 'alertname="DiskFull"', '{"alertname":"DiskFull"}', 1);
