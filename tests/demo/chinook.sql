.bail on
.load ./orm
.mode list
.print
.print -- 1. Map the database as it is: a model a table, relationships by foreign keys.
.print
SELECT orm_reflect() || ' models';
SELECT '  ' || model || '.' || name || ' -> ' || target FROM orm_relationship
WHERE model IN ('Artist', 'Album', 'Playlist', 'Invoice') ORDER BY 1;
.print
.print -- 2. Two artists with their albums, and two tracks of each.
.print
SELECT object FROM orm_object('Artist', '{
  "where": {"Name": {"in": ["AC/DC", "Accept"]}},
  "include": {"Album": {"select": ["Title"], "include":
    {"Track": {"select": ["Name", "UnitPrice"], "limit": 2}}}}}');
.print
.print -- 3. The customer with most invoices, with the latest invoice, its lines and tracks.
.print
SELECT orm_first('Customer', '{
  "order_by": [{"_count": "Invoice", "desc": true}],
  "select": ["FirstName", "LastName", "Country"],
  "_count": ["Invoice"], "_sum": {"Invoice": "Total"},
  "include": {"Invoice": {"order_by": ["-InvoiceDate"], "limit": 1,
    "select": ["InvoiceDate", "Total"],
    "include": {"InvoiceLine": {"select": ["Quantity", "UnitPrice"],
      "include": {"Track": {"select": ["Name"]}}}}}}}');
.print
.print -- 4. The company, from the boss down.
.print
SELECT object FROM orm_object('Employee', '{
  "where": {"ReportsTo": null}, "select": ["FirstName", "Title"],
  "include": {"Employee_by_ReportsTo": {"recursive": true,
    "select": ["FirstName", "Title"]}}}');
.print
.print -- 5. Short playlists with their tracks.
.print
SELECT object FROM orm_object('Playlist', '{
  "where": {"_count": {"Track": {"between": [1, 3]}}},
  "_count": ["Track"],
  "include": {"Track": {"select": ["Name", "Composer"]}}}');
