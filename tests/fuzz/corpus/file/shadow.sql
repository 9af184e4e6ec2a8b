CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO u VALUES(1,'a');
SELECT orm_reflect();
CREATE TABLE orm_anchor(job);
CREATE TABLE orm_keys(k0);
CREATE VIEW orm_context AS SELECT 1;
