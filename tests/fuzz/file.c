/*
** Whole database files.  An input is either
**
**     the bytes of a file ("SQLite format 3"..), or
**     SQL that makes one, which the extension runs in an empty file
**
** The bytes are opened with sqlite3_deserialize(), and every public call is
** tried on them.  What SQLite says of a damaged file is its own affair; no call
** may crash, leak, run for ever or give malformed JSON.
**
** Bytes alone would be mutated into files that SQLite refuses.  So the mutator
** also edits a file by SQL, with the schema writable, which makes files that
** are sound to SQLite and hostile to us.
*/
#include "calls.h"

#define FILE_MAX 200000

size_t LLVMFuzzerMutate(unsigned char *p, size_t n, size_t nMax);
size_t LLVMFuzzerCustomMutator(
  unsigned char *p, size_t n, size_t nMax, unsigned seed
);

static const char zMagic[] = "SQLite format 3";

/* Made when there is nothing to mutate. */
static const char *const azSeed[] = {
  "CREATE TABLE u(id INTEGER PRIMARY KEY, name TEXT UNIQUE, data JSON,"
  " boss_id INT REFERENCES u(id));"
  "CREATE TABLE p(id INTEGER PRIMARY KEY, title TEXT, u_id INT"
  " REFERENCES u(id) ON DELETE CASCADE);"
  "INSERT INTO u VALUES(1,'a','[1]',NULL),(2,'b',NULL,1);"
  "INSERT INTO p VALUES(1,'x',1),(2,'y',2);"
  "SELECT orm_reflect();",
  "CREATE TABLE a(k TEXT, n INT, PRIMARY KEY(k,n)) WITHOUT ROWID;"
  "CREATE TABLE b(id TEXT PRIMARY KEY, k TEXT, n INT, at DATETIME,"
  " FOREIGN KEY(k,n) REFERENCES a(k,n));"
  "CREATE TABLE ab(k TEXT, n INT, b TEXT REFERENCES b(id),"
  " FOREIGN KEY(k,n) REFERENCES a(k,n));"
  "CREATE VIEW v AS SELECT id, k FROM b;"
  "INSERT INTO a VALUES('x',1),('x',2);INSERT INTO b VALUES('p','x',1,NULL);"
  "INSERT INTO ab VALUES('x',1,'p');"
  "SELECT orm_reflect();"
  "INSERT INTO orm_model(name,table_name,primary_key) VALUES('v','v','id');"
  "UPDATE orm_model SET soft_delete='at' WHERE name='b';"
  "CREATE VIRTUAL TABLE mb USING orm(b);",
  "PRAGMA encoding='UTF-16le';"
  "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE,"
  " t_id INT REFERENCES t(id), g AS (name||'!'), version INT) STRICT;"
  "INSERT INTO t(id,name) VALUES(1,'a');SELECT orm_reflect();"
  "INSERT INTO orm_field(model,name,auto) VALUES('t','version','version');"
  "SELECT orm_enforce(1);",
};

/* A database of its own that the bytes or the SQL make; 0 if none. */
static sqlite3 *openBytes(const unsigned char *p, size_t n){
  sqlite3 *db = 0;
  unsigned char *pCopy = sqlite3_malloc64(n);
  if( pCopy==0 ) return 0;
  memcpy(pCopy, p, n);
  if( sqlite3_open(":memory:", &db)!=SQLITE_OK
   || sqlite3_deserialize(db, "main", pCopy, (i64)n, (i64)n,
          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE)
      !=SQLITE_OK ){
    sqlite3_close(db);
    return 0;
  }
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000);
  return db;
}

static sqlite3 *openSql(const char *zSql){
  sqlite3 *db = 0;
  if( sqlite3_open(":memory:", &db)!=SQLITE_OK
   || sqlite3_orm_init(db, 0, 0)!=SQLITE_OK ){
    fuzzFail("open", sqlite3_errmsg(db));
  }
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000);
  sqlite3_progress_handler(db, FUZZ_OPS, fuzzStop, 0);
  sqlite3_exec(db, "PRAGMA page_size=512", 0, 0, 0);
  sqlite3_exec(db, zSql, 0, 0, 0);
  sqlite3_progress_handler(db, 0, 0, 0);
  return db;
}

/* The bytes of a database, of at most nMax; 0 if they are more. */
static size_t takeBytes(sqlite3 *db, unsigned char *pOut, size_t nMax){
  sqlite3_int64 n = 0;
  unsigned char *p = sqlite3_serialize(db, "main", &n, 0);
  if( p && n>0 && (size_t)n<=nMax ) memcpy(pOut, p, (size_t)n);
  else n = 0;
  sqlite3_free(p);
  return (size_t)n;
}

/* ------------------------------------------------------------- the mutator */

static unsigned mutDice;
static unsigned throwDice(unsigned n){
  mutDice = mutDice*1664525u + 1013904223u;
  return (mutDice>>8)%n;
}

#define PICK(az) (az)[throwDice(ORM_COUNT(az))]

/* A change of what the file says, as SQL to be freed. */
static char *someEdit(void){
  static const char *const azText[] = { "TEXT", "INTEGER", "CREATE TABLE",
    "CREATE VIEW", "REFERENCES", "PRIMARY KEY", "UNIQUE", "(id)", "id", "name",
    "WITHOUT ROWID", "BEGIN", "END", "SELECT", "orm_state", "token", "orm(b)",
    "u_id", "CASCADE", "u", "p", "new.", "old.", "," };
  static const char *const azTable[] = { "orm_model", "orm_field",
    "orm_relationship", "orm_state", "u", "p", "a", "b", "ab", "t",
    "sqlite_schema", "sqlite_sequence", "sqlite_stat1" };
  static const char *const azColumn[] = { "name", "table_name", "primary_key",
    "natural_key", "soft_delete", "order_by", "model", "type", "hidden", "auto",
    "target", "direction", "local_columns", "remote_columns", "secondary",
    "secondary_local", "secondary_remote", "back_populates", "cascade",
    "passive_deletes", "viewonly", "token", "id", "sql", "tbl_name", "rootpage",
    "k", "n", "data", "u_id", "boss_id" };
  static const char *const azValue[] = { "NULL", "1", "-1", "x'00ff'", "''",
    "'u'", "'p'", "'v'", "'id'", "'[\"k\",\"n\"]'", "9e999", "'orm_model'",
    "char(0,1,0xfffd)", "zeroblob(300)", "printf('%.300c','x')", "'{}'",
    "rowid", "rowid+1", "'many_to_many'", "'all, delete-orphan'", "'version'",
    "'boolean'" };
  switch( throwDice(6) ){
    case 0:
      return sqlite3_mprintf("UPDATE sqlite_schema SET sql=replace(sql,%Q,%Q)"
          " WHERE rowid=%u", PICK(azText), PICK(azText), 1 + throwDice(24));
    case 1:
      return sqlite3_mprintf("UPDATE %s SET %s=%s WHERE rowid%%%u=0",
          PICK(azTable), PICK(azColumn), PICK(azValue), 1 + throwDice(3));
    case 2:
      return sqlite3_mprintf("DELETE FROM %s WHERE rowid%%%u=0", PICK(azTable),
                             1 + throwDice(3));
    case 3:
      return sqlite3_mprintf("INSERT INTO %s(%s,%s) VALUES(%s,%s)",
          PICK(azTable), PICK(azColumn), PICK(azColumn), PICK(azValue),
          PICK(azValue));
    case 4:
      return sqlite3_mprintf("CREATE %s orm_%s AS SELECT %s AS %s, 1 AS name",
          throwDice(2) ? "TABLE" : "VIEW",
          throwDice(2) ? "anchor" : throwDice(2) ? "keys" : "context",
          PICK(azValue), PICK(azColumn));
    default:
      return sqlite3_mprintf("CREATE TRIGGER z%u %s ON %s BEGIN UPDATE %s SET"
          " %s=%s; SELECT RAISE(%s); END", throwDice(9),
          throwDice(2) ? "AFTER UPDATE" : "BEFORE DELETE", PICK(azTable),
          PICK(azTable), PICK(azColumn), PICK(azValue),
          throwDice(3) ? "IGNORE" : "ABORT, 'no'");
  }
}

static size_t editBytes(unsigned char *p, size_t n, size_t nMax){
  sqlite3 *db = openBytes(p, n);
  if( db==0 ) return 0;
  sqlite3_progress_handler(db, FUZZ_OPS, fuzzStop, 0);
  sqlite3_exec(db, "PRAGMA writable_schema=ON", 0, 0, 0);
  for(unsigned i=throwDice(4); i<4; i++){
    char *zSql = someEdit();
    if( zSql ) sqlite3_exec(db, zSql, 0, 0, 0);
    sqlite3_free(zSql);
  }
  n = takeBytes(db, p, nMax);
  sqlite3_close(db);
  return n;
}

size_t LLVMFuzzerCustomMutator(
  unsigned char *p, size_t n, size_t nMax, unsigned seed
){
  size_t nNew = 0;
  mutDice = seed;
  if( nMax<40000 ) return LLVMFuzzerMutate(p, n, nMax);
  if( n<512 || memcmp(p, zMagic, sizeof(zMagic)) ){
    char zSql[4000];
    sqlite3 *db;
    int bOwn = n>0 && n<sizeof(zSql) && throwDice(4);
    if( bOwn ) memcpy(zSql, p, n);
    zSql[bOwn ? n : 0] = 0;
    db = openSql(bOwn ? zSql : PICK(azSeed));
    nNew = takeBytes(db, p, nMax);
    sqlite3_close(db);
    return nNew ? nNew : LLVMFuzzerMutate(p, n, nMax);
  }
  if( throwDice(3) ) nNew = editBytes(p, n, nMax);
  if( nNew ) return nNew;
  if( throwDice(3)==0 ) return LLVMFuzzerMutate(p, n, nMax);
  for(unsigned i=throwDice(8); i<8; i++){
    size_t iPage = throwDice((unsigned)(n/512)) * 512u;
    iPage += throwDice(throwDice(2) ? 24 : 512);
    p[iPage] = (unsigned char)throwDice(256);
  }
  return n;
}

/* -------------------------------------------------------------- the target */

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  char zSql[4000];
  if( n==0 || n>FILE_MAX ) return -1;
  if( n>=512 && memcmp(p, zMagic, sizeof(zMagic))==0 ){
    fuzzDb = openBytes(p, n);
  }else{
    if( n>=sizeof(zSql) ) return -1;
    memcpy(zSql, p, n);
    zSql[n] = 0;
    fuzzDb = openSql(zSql);
  }
  if( fuzzDb==0 ) return -1;
  if( sqlite3_orm_init(fuzzDb, 0, 0)!=SQLITE_OK ){
    fuzzFail("loading", sqlite3_errmsg(fuzzDb));
  }
  callQuiet(p[n/2]%2 ? "PRAGMA trusted_schema=OFF" : "PRAGMA foreign_keys=ON");
  sqlite3_db_config(fuzzDb, SQLITE_DBCONFIG_DEFENSIVE, 1, (int*)0);
  fuzzCalls(p, n, "name", 0, 0);
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  callQuiet("DELETE FROM u; DELETE FROM b; UPDATE orm_model SET order_by='id'");
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  if( sqlite3_close(fuzzDb)!=SQLITE_OK ) fuzzFail("close", "statements left");
  fuzzDb = 0;
  if( sqlite3_memory_used()!=0 ) fuzzFail("close", "memory left");
  return 0;
}
