CREATE TABLE orm_model(name, table_name, primary_key, natural_key, soft_delete, order_by);
CREATE TABLE orm_field(model, name);
CREATE VIEW orm_relationship AS SELECT 'm' AS model, 'r' AS name, 'm' AS target;
CREATE TABLE m(id INTEGER PRIMARY KEY, name);
INSERT INTO orm_model(name) VALUES('m'),('m'),(NULL),(x'00'),(1);
