/*
** Object graphs: an input is "<call> <model>" on a line, then the text of the
** object, the array or the query.  Whatever it says, it is written whole or not
** at all, what is stored is sound, and nothing is left running.  Each input
** runs in a transaction of its own, which is rolled back.
*/
#include "fuzz.h"

static const char zSchema[] =
  "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE,"
  " name TEXT NOT NULL DEFAULT 'x', is_active BOOLEAN, born DATE, at DATETIME,"
  " pic BLOB, data JSON, version INT, boss_id INT REFERENCES users(id));"
  "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT NOT NULL,"
  " views INT CHECK(views>=0), author_id INT NOT NULL REFERENCES users(id)"
  " ON DELETE CASCADE, gone DATETIME);"
  "CREATE INDEX ix_author ON posts(author_id);"
  "CREATE TABLE tags(a TEXT, b INT, name TEXT UNIQUE, PRIMARY KEY(a, b))"
  " WITHOUT ROWID;"
  "CREATE TABLE post_tags(post_id INT REFERENCES posts(id), ta TEXT, tb INT,"
  " FOREIGN KEY(ta, tb) REFERENCES tags(a, b), PRIMARY KEY(post_id, ta, tb));"
  "INSERT INTO users(id,email,name,version,boss_id) VALUES"
  " (1,'a@x','Ann',1,NULL),(2,'b@x','Bob',1,1),(3,'c@x','Cy',1,2);"
  "INSERT INTO posts VALUES(1,'Hello',5,1,NULL),(2,'Two',NULL,1,NULL),"
  " (3,'gone',7,2,'2024-01-01');"
  "INSERT INTO tags VALUES('x',1,'sql'),('x',2,'c'),('y',1,NULL);"
  "INSERT INTO post_tags VALUES(1,'x',1),(1,'x',2),(3,'x',1);"
  "SELECT orm_reflect();"
  "UPDATE orm_model SET natural_key='email' WHERE name='users';"
  "UPDATE orm_model SET natural_key='name' WHERE name='tags';"
  "UPDATE orm_model SET soft_delete='gone' WHERE name='posts';"
  "INSERT INTO orm_field(model, name, auto)"
  " VALUES('users','version','version');"
  "INSERT INTO orm_field(model, name, readonly) VALUES('users','at',1);"
  "SELECT orm_config('now', '2026-01-01 00:00:00');";

static const struct Call {
  const char *zName, *zSql;
} aCall[] = {
  { "create",      "SELECT orm_create(?1, ?2)" },
  { "save",        "SELECT orm_save(?1, ?2)" },
  { "update",      "SELECT orm_update(?1, 1, ?2)" },
  { "create_many", "SELECT orm_create_many(?1, ?2)" },
  { "save_many",   "SELECT orm_save_many(?1, ?2)" },
  { "update_many", "SELECT orm_update_many(?1, '{}', ?2)" },
  { "delete_many", "SELECT orm_delete_many(?1, ?2)" },
  { "delete",      "SELECT orm_delete(?1, ?2)" },
  { "restore",     "SELECT orm_restore(?1, ?2)" },
  { "insert",      "INSERT INTO orm_object(model, object) VALUES (?1, ?2)" },
  { "ignore",  "INSERT OR IGNORE INTO orm_object(model, object) VALUES (?1, ?2)"
  },
  { "replace",
    "INSERT OR REPLACE INTO orm_object(model, object) VALUES (?1, ?2)" },
  { "set",
    "UPDATE orm_object SET object = ?2 WHERE model = ?1 AND key = 2" },
};

static const char zContent[] =
  "SELECT (SELECT group_concat(quote(id)||quote(email)||quote(name)||"
  "quote(is_active)||quote(born)||quote(at)||quote(pic)||quote(data)||"
  "quote(version)||quote(boss_id)) FROM users) || '/' ||"
  "coalesce((SELECT group_concat(quote(id)||quote(title)||quote(views)||"
  "quote(author_id)||quote(gone)) FROM posts), '') || '/' ||"
  "coalesce((SELECT group_concat(quote(a)||quote(b)||quote(name)) FROM tags),"
  "'') || '/' || coalesce((SELECT group_concat(quote(post_id)||quote(ta)||"
  "quote(tb)) FROM post_tags), '')";

/* The first value of a statement as a text that sqlite3_free() frees, or 0. */
static char *askText(const char *zSql){
  sqlite3_stmt *pStmt = 0;
  char *z = 0;
  if( sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0)!=SQLITE_OK ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  if( sqlite3_step(pStmt)==SQLITE_ROW ){
    z = sqlite3_mprintf("%s", sqlite3_column_text(pStmt, 0));
  }
  sqlite3_finalize(pStmt);
  return z;
}

/* Run it; 1 if it failed. */
static int runCall(const char *zSql, const char *zModel, const char *z, int n){
  sqlite3_stmt *pStmt = 0;
  int rc = sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0);
  if( rc!=SQLITE_OK ) fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  sqlite3_bind_text(pStmt, 1, zModel, -1, SQLITE_STATIC);
  sqlite3_bind_text(pStmt, 2, z, n, SQLITE_STATIC);
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  while( (rc = sqlite3_step(pStmt))==SQLITE_ROW ){
    if( strncmp(zSql, "SELECT orm_create(", 18)==0
     || strncmp(zSql, "SELECT orm_save(", 16)==0
     || strncmp(zSql, "SELECT orm_update(", 18)==0 ){
      fuzzCheckJson(sqlite3_column_value(pStmt, 0));
    }
  }
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  if( rc!=SQLITE_DONE && !fuzzMayFail(rc & 0xff, sqlite3_errmsg(fuzzDb)) ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  sqlite3_finalize(pStmt);
  return rc!=SQLITE_DONE;
}

static void checkSound(int bForeign){
  char *z = askText("PRAGMA integrity_check");
  if( z==0 || strcmp(z, "ok") ) fuzzFail("integrity_check", z);
  sqlite3_free(z);
  if( !bForeign ) return;
  z = askText("SELECT \"table\" FROM pragma_foreign_key_check");
  if( z ) fuzzFail("a foreign key dangles", z);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  static int nInput = 0;
  const char *z = (const char*)p, *zEnd = z + n, *zLine;
  const struct Call *pCall = aCall;
  char zCall[16] = "", zModel[16] = "";
  char *zBefore;
  int bForeign = nInput%2;
  if( n>20000 ) return -1;
  if( nInput++%500==0 ) fuzzOpen(zSchema);
  zLine = memchr(z, '\n', n);
  if( zLine==0 ) zLine = zEnd;
  if( zLine-z<(i64)sizeof(zCall) + 10 ){
    char zFirst[32] = "";
    memcpy(zFirst, z, (size_t)(zLine - z));
    sscanf(zFirst, "%15s %15s", zCall, zModel);
  }
  z = zLine<zEnd ? zLine + 1 : zEnd;
  for(int i=0; i<ORM_COUNT(aCall); i++){
    if( strcmp(zCall, aCall[i].zName)==0 ) pCall = &aCall[i];
  }
  fuzzStopped = 0;
  fuzzExec(bForeign ? "PRAGMA foreign_keys=1; BEGIN"
                    : "PRAGMA foreign_keys=0; BEGIN");
  zBefore = askText(zContent);
  if( runCall(pCall->zSql, zModel, z, (int)(zEnd - z)) ){
    char *zAfter = askText(zContent);
    if( zBefore && zAfter && strcmp(zBefore, zAfter) ){
      fuzzFail("half written", zAfter);
    }
    sqlite3_free(zAfter);
  }
  checkSound(bForeign);
  sqlite3_free(zBefore);
  if( !sqlite3_get_autocommit(fuzzDb) ) fuzzExec("ROLLBACK");
  else if( fuzzStopped ) nInput = 0;
  else fuzzFail("transaction", "ended");
  return 0;
}
