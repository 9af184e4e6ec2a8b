/*
** The rows of orm_model, orm_field and orm_relationship: an input is lines of
** cells.  The first letter of a line says what is done:
**
**     m f r    a row of the three tables, its cells from the left
**     M F R    a change: cell 1 a column's number, cell 2 its new value, where
**              the name (of R and F: or the model) is cell 3
**     d        a model's row goes, without what refers to it
**     w        a word to ask for
**
** Cells end in '|'; an empty one is NULL, '#' begins a number, '%' a blob, and
** '~' is a newline.  Whatever the rows say, calls give results or errors of
** ours, no write is done by halves, and nothing that is no metadata changes
** but by writes.
*/
#include "calls.h"

#define CELLS 16

static const char zSchema[] =
  "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE,"
  " name TEXT, is_active BOOLEAN, born DATE, data JSON, version INT,"
  " boss_id INT REFERENCES users(id));"
  "CREATE TABLE posts(id INTEGER PRIMARY KEY, title TEXT,"
  " author_id INT REFERENCES users(id) ON DELETE CASCADE,"
  " editor_id INT REFERENCES users(id) ON DELETE SET NULL, gone DATETIME);"
  "CREATE TABLE tags(a TEXT, b INT, name TEXT UNIQUE, PRIMARY KEY(a, b))"
  " WITHOUT ROWID;"
  "CREATE TABLE post_tags(post_id INT REFERENCES posts(id), ta TEXT, tb INT,"
  " FOREIGN KEY(ta, tb) REFERENCES tags(a, b), PRIMARY KEY(post_id, ta, tb));"
  "CREATE TABLE heap(x, y);"
  "CREATE VIEW active AS SELECT id, name, boss_id FROM users;"
  "INSERT INTO users(id,email,name,version,boss_id) VALUES"
  " (1,'a@x','Ann',1,NULL),(2,'b@x','Bob',1,1),(3,'c@x','Cy',1,2);"
  "INSERT INTO posts VALUES(1,'Hello',1,2,NULL),(2,'Two',1,NULL,NULL),"
  " (3,'gone',2,3,'2024-01-01');"
  "INSERT INTO tags VALUES('x',1,'sql'),('x',2,'c'),('y',1,NULL);"
  "INSERT INTO post_tags VALUES(1,'x',1),(1,'x',2),(3,'x',1);"
  "INSERT INTO heap VALUES(1,2),(1,NULL);"
  "SELECT orm_init();"
  "SELECT orm_config('now', '2026-01-01 00:00:00');";

static const char zContent[] =
  "SELECT (SELECT group_concat(quote(id)||quote(email)||quote(name)||"
  "quote(is_active)||quote(born)||quote(data)||quote(version)||quote(boss_id))"
  " FROM users) || '/' ||"
  "coalesce((SELECT group_concat(quote(id)||quote(title)||"
  "quote(author_id)||quote(editor_id)||quote(gone)) FROM posts), '') || '/' ||"
  "coalesce((SELECT group_concat(quote(a)||quote(b)||quote(name)) FROM tags),"
  "'') || '/' || coalesce((SELECT group_concat(quote(post_id)||quote(ta)||"
  "quote(tb)) FROM post_tags), '') || '/' || coalesce((SELECT"
  " group_concat(quote(x)||quote(y)) FROM heap), '') || (SELECT count(*) FROM"
  " orm_model) || '/' || (SELECT count(*) FROM orm_relationship)";

static const struct Table {
  char c;
  const char *zName;
  const char *azColumn[CELLS];
} aTable[] = {
  { 'm', "orm_model", { "name", "table_name", "primary_key", "natural_key",
    "soft_delete", "order_by" } },
  { 'f', "orm_field", { "model", "name", "type", "hidden", "readonly",
    "auto" } },
  { 'r', "orm_relationship", { "model", "name", "target", "direction",
    "local_columns", "remote_columns", "back_populates", "secondary",
    "secondary_local", "secondary_remote", "cascade", "order_by",
    "passive_deletes", "single_parent", "viewonly" } },
};

/* The cells of a line as values of a statement. */
static void bindCell(sqlite3_stmt *pStmt, int i, const char *z, int n){
  if( n==0 ) return;
  if( z[0]=='#' ){
    sqlite3_bind_int64(pStmt, i, strtoll(z + 1, 0, 10));
  }else if( z[0]=='%' ){
    sqlite3_bind_blob(pStmt, i, z + 1, n - 1, SQLITE_TRANSIENT);
  }else{
    sqlite3_bind_text(pStmt, i, z, n, SQLITE_TRANSIENT);
  }
}

static int splitCells(char *z, char **azCell, int *anCell){
  int n = 0;
  azCell[0] = z;
  for(char *p=z; n<CELLS; p++){
    if( *p=='~' ) *p = '\n';
    if( *p!='|' && *p!=0 ) continue;
    anCell[n] = (int)(p - azCell[n]);
    n++;
    if( *p==0 ) break;
    *p = 0;
    if( n<CELLS ) azCell[n] = p + 1;
  }
  return n;
}

/* SQLite's refusals (a key that is there) are no finding. */
static void runLine(
  const char *zSql, char **azCell, const int *anCell, int iFirst, int nCell
){
  sqlite3_stmt *pStmt = 0;
  if( zSql==0 ) return;
  if( sqlite3_prepare_v2(fuzzDb, zSql, -1, &pStmt, 0)!=SQLITE_OK ){
    fuzzFail(zSql, sqlite3_errmsg(fuzzDb));
  }
  for(int i=iFirst; i<nCell; i++){
    bindCell(pStmt, i - iFirst + 1, azCell[i], anCell[i]);
  }
  sqlite3_progress_handler(fuzzDb, FUZZ_OPS, fuzzStop, 0);
  sqlite3_step(pStmt);
  sqlite3_progress_handler(fuzzDb, 0, 0, 0);
  sqlite3_finalize(pStmt);
}

static void metadataLine(char c, char *z){
  char *azCell[CELLS];
  int anCell[CELLS];
  int nCell = splitCells(z, azCell, anCell);
  for(int i=0; i<ORM_COUNT(aTable); i++){
    const struct Table *p = &aTable[i];
    char *zSql = 0;
    int nColumn = 0, iFirst = 0;
    while( nColumn<CELLS && p->azColumn[nColumn] ) nColumn++;
    if( c==p->c ){
      OrmErr err = {0};
      OrmBuf sql;
      ormBufInit(&sql, &err);
      if( nCell>nColumn ) nCell = nColumn;
      ormBufPrintf(&sql, "INSERT OR REPLACE INTO %s(", p->zName);
      for(int j=0; j<nCell; j++){
        ormBufPrintf(&sql, "%s%s", j ? ", " : "", p->azColumn[j]);
      }
      ormBufAdd(&sql, ") VALUES (?", -1);
      for(int j=1; j<nCell; j++) ormBufAdd(&sql, ", ?", -1);
      ormBufAdd(&sql, ")", -1);
      zSql = sqlite3_mprintf("%s", ormBufText(&sql));
      ormBufFree(&sql);
    }else if( c==p->c - 'a' + 'A' ){
      zSql = sqlite3_mprintf("UPDATE %s SET %s=?1 WHERE ?2 IN (%s) OR ?2=''",
          p->zName, p->azColumn[(unsigned)atoi(azCell[0])%(unsigned)nColumn],
          c=='M' ? "name" : "model, name");
      iFirst = 1;
      if( nCell>3 ) nCell = 3;
    }else if( c=='d' && i==0 ){
      zSql = sqlite3_mprintf("DELETE FROM orm_model WHERE name=?1");
      if( nCell>1 ) nCell = 1;
    }
    if( zSql ) runLine(zSql, azCell, anCell, iFirst, nCell);
    sqlite3_free(zSql);
  }
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n){
  static int nInput = 0;
  char zWord[40] = "name";
  char zCopy[4001], *z, *zNext;
  char *zIntegrity;
  if( n>=sizeof(zCopy) ) return -1;
  memcpy(zCopy, p, n);
  zCopy[n] = 0;
  if( nInput%200==0 ) fuzzOpen(zSchema);
  fuzzStopped = 0;
  fuzzExec(nInput++%2 ? "PRAGMA foreign_keys=1; BEGIN"
                      : "PRAGMA foreign_keys=0; BEGIN");
  if( n==0 || p[0]!='-' ) fuzzExec("SELECT orm_reflect()");
  for(z=zCopy; z && *z; z=zNext){
    zNext = strchr(z, '\n');
    if( zNext ) *zNext++ = 0;
    if( z[0]=='w' ){
      sqlite3_snprintf((int)sizeof(zWord), zWord, "%s", z + 1);
    }else if( z[0] ){
      metadataLine(z[0], z + 1);
    }
  }
  fuzzCalls(p, n, zWord, 1, zContent);
  zIntegrity = callText("PRAGMA integrity_check", 0);
  if( zIntegrity==0 || strcmp(zIntegrity, "ok") ){
    fuzzFail("integrity_check", zIntegrity);
  }
  sqlite3_free(zIntegrity);
  if( !sqlite3_get_autocommit(fuzzDb) ) fuzzExec("ROLLBACK");
  else if( fuzzStopped ) nInput = 0;
  else fuzzFail("transaction", "ended");
  return 0;
}
