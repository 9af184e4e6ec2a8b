SAVEPOINT s;
INSERT INTO m_two(code, one) VALUES('n', '[{"t":"x"},{"i":3}]') RETURNING code;
INSERT OR IGNORE INTO m_two(code) VALUES('a'),('q');
UPDATE m_one SET two='{"code":"b"}', i=i+1 WHERE two__y=1;
DELETE FROM m_two WHERE id=1;
ROLLBACK TO s; RELEASE s;
