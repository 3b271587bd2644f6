INSERT INTO meta VALUES ('instance', 'GOLDEN'), ('alive', '1767323045000000000');
INSERT INTO anomalies VALUES
  ('a1', 'k1', 'connect-failures', 2, 'e1', '{"id":"n1","namespace":"shop","name":"checkout","kind":"container"}',
   '{"id":"n2","name":"payment"}', 1767323045000000000, 1767323046000000000, 0, 1767323044500000000, 'connect.refused', 94, 0.94, 0,
   1500000, 'payment refuses 94 % of checkout''s connects since 03:04:04',
   '[{"time":1767323045000000000,"text":"94 of 100 connects were refused","value":0.94,"usual":0.01,"unit":"ratio"}]'),
  ('a2', 'k2', 'latency', 1, 'e2', '{"id":"n2","name":"payment"}', '{"id":"n3","name":"192.0.2.1","external":true}',
   1767323000000000000, 1767323030000000000, 1767323030000000000, 1767323000000000000, '', 0, 0.2, 0.01, 0, 'slow', '[]');
INSERT INTO acknowledgements VALUES ('a1', 'ada', 'the card provider is down', 1767323100000000000, 0);
