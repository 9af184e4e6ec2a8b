SELECT a.id, a.two__code, b.y FROM m_one a LEFT JOIN m_two b ON a.two_id=b.id WHERE a.i IN (1, 7) ORDER BY a.t LIMIT 3;
SELECT id, two, object FROM m_one('two') WHERE t LIKE 'a%';
SELECT key, one__t FROM m_three WHERE a=1;
