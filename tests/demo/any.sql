.bail on
.load ./orm
.mode list
.print
.print -- Map the database as it is: a model a table, relationships by foreign keys.
.print
SELECT orm_reflect() || ' models';
SELECT model || '.' || name || ' -> ' || target || coalesce(' (' || direction || ')', '')
FROM orm_relationship ORDER BY model, name;
.print
.print -- The first object of each model, with all that it is related to.
.print
SELECT m.name || ': ' || coalesce(orm_first(m.name, json_object('include',
  json((SELECT coalesce(json_group_object(r.name, json('{"limit":1}')), '{}')
        FROM orm_relationship r WHERE r.model = m.name
        AND r.direction LIKE '%to_many')))), 'no object')
FROM orm_model m ORDER BY m.name;
