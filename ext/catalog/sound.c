/*
** What of a file works that a change of its tables can break: the views, and
** the triggers of tables and views.  Read before a migration and looked at
** again after it: what SQLite could compile before it must still.
**
** A trigger is compiled by the statements that fire it.  One on UPDATE OF a
** column that has gone is never fired again; it is told by its text.
*/
#include "diff.h"

enum {
  PROBE_READ, PROBE_DELETE, PROBE_INSERT, PROBE_UPDATE, PROBE_OF, N_PROBE
};

/* Of a table or view; the end of an array has no name. */
struct OrmSound { const char *zName; u8 mProbe; };

/* "UPDATE main.t SET a=a, .." of all columns that can be set; sqlite3_free it.
** 0: out of memory, or none can. */
static char *updateSql(Orm *pOrm, OrmErr *pErr, const char *zName){
  sqlite3_stmt *pStmt;
  OrmBuf buf;
  int n = 0;
  ormBufInit(&buf, pErr);
  ormBufAdd(&buf, "UPDATE ", -1);
  ormBufTable(&buf, zName);
  pStmt = ormFactOpenAny(pOrm, pErr, "PRAGMA main.table_xinfo(\"%w\")", zName);
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *z = (const char*)sqlite3_column_text(pStmt, 1);
    if( z==0 || sqlite3_column_int(pStmt, 6)>1 ) continue;
    ormBufAdd(&buf, n++ ? ", " : " SET ", -1);
    ormBufName(&buf, z);
    ormBufChar(&buf, '=');
    ormBufName(&buf, z);
  }
  sqlite3_finalize(pStmt);
  return ormBufTake(&buf, 0);   /* there is a column that is not generated    */
}

/* "no such column: x" if a trigger's text, in canonical wording, is for an
** UPDATE OF a column that zName does not have. */
static void triggerColumns(
  Orm *pOrm, OrmErr *pErr, const char *zName, const char *zCanonical
){
  const char *z = strstr(zCanonical, " update of ");
  const char *zOn = z ? strstr(z, " on ") : 0;
  for(z = z ? z + 11 : 0; zOn && z<zOn && pErr->rc==SQLITE_OK; ){
    const char *zEnd = strstr(z, " , ");
    sqlite3_stmt *pStmt;
    char *zColumn;
    if( zEnd==0 || zEnd>zOn ) zEnd = zOn;
    zColumn = sqlite3_mprintf("%.*s", (int)(zEnd - z), z);
    if( zColumn==0 ) ormErrOom(pErr);
    pStmt = ormFactOpenAny(pOrm, pErr, "SELECT 1 FROM pragma_table_xinfo(%Q,"
        " 'main') WHERE name=%Q COLLATE NOCASE", zName, zColumn);
    if( !ormFactStep(pOrm, pErr, pStmt) ){
      ormErr(pErr, SQLITE_ERROR, "no such column: %s", zColumn);
    }
    sqlite3_finalize(pStmt);
    sqlite3_free(zColumn);
    z = zEnd + 3;
  }
}

static void probeColumns(Orm *pOrm, OrmErr *pErr, const char *zName){
  OrmArena arena;
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr,
      "SELECT sql FROM main.sqlite_schema WHERE type='trigger'"
      " AND tbl_name=%Q COLLATE NOCASE ORDER BY rowid", zName);
  ormArenaInit(&arena, pErr);
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *z = ormFactText(&arena, pStmt, 0);
    if( z ) triggerColumns(pOrm, pErr, zName, ormDdlCanonical(&arena, z));
  }
  ormArenaFree(&arena);
  sqlite3_finalize(pStmt);
}

/* Does it compile?  If not, or it cannot be told, the error says why. */
static void probe(Orm *pOrm, OrmErr *pErr, int eProbe, const char *zName){
  static const char *const azSql[] = {
    "SELECT * FROM main.\"%w\"", "DELETE FROM main.\"%w\"",
    "INSERT INTO main.\"%w\" DEFAULT VALUES"
  };
  if( eProbe==PROBE_OF ){
    probeColumns(pOrm, pErr, zName);
  }else if( eProbe==PROBE_UPDATE ){
    char *z = updateSql(pOrm, pErr, zName);
    if( z ) sqlite3_finalize(ormFactOpenAny(pOrm, pErr, "%s", z));
    sqlite3_free(z);
  }else{
    sqlite3_finalize(ormFactOpenAny(pOrm, pErr, azSql[eProbe], zName));
  }
}

/* The same, as a yes or no; failures of the machine go to pErr. */
static int compiles(Orm *pOrm, OrmErr *pErr, int eProbe, const char *zName){
  OrmErr err = {0};
  probe(pOrm, &err, eProbe, zName);
  return !ormErrForgive(&err, pErr);
}

/* Tables and views.  Of those without triggers it is asked whether they can be
** read. */
OrmSound *ormSoundRead(Orm *pOrm, OrmErr *pErr, OrmArena *pArena){
  OrmSound *a = 0;
  int n = 0, nAlloc = 0;
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr,
      "SELECT name, lower(name) IN (SELECT lower(tbl_name) FROM"
      " main.sqlite_schema WHERE type='trigger')"
      " FROM main.sqlite_schema WHERE type IN('view','table')"
      " AND lower(name) NOT LIKE 'sqlite\\_%%' ESCAPE '\\'"
      " AND lower(name) NOT LIKE 'orm\\_%%' ESCAPE '\\'"
      " AND lower(sql) NOT LIKE 'create virtual%%' ORDER BY rowid");
  while( ormFactStep(pOrm, pErr, pStmt) ){
    int nProbe = sqlite3_column_int(pStmt, 1) ? N_PROBE : 1;
    OrmSound *pNew = ormArenaGrow(pArena, (void**)&a, n, &nAlloc, sizeof(*a));
    if( pNew==0 ) break;
    pNew->zName = ormFactText(pArena, pStmt, 0);
    pNew->mProbe = 0;
    if( pNew->zName==0 ) break;
    for(int i=0; i<nProbe; i++){
      if( compiles(pOrm, pErr, i, pNew->zName) ) pNew->mProbe |= (u8)(1<<i);
    }
    n++;
  }
  sqlite3_finalize(pStmt);
  if( ormArenaGrow(pArena, (void**)&a, n, &nAlloc, sizeof(*a)) ) a[n].zName = 0;
  return pErr->rc ? 0 : a;
}

void ormSoundCheck(Orm *pOrm, OrmErr *pErr, const OrmSound *a){
  for(; a && a->zName && pErr->rc==SQLITE_OK; a++){
    if( ormFactKind(pOrm, pErr, a->zName)==ORM_KIND_NONE ) continue;
    for(int i=0; i<N_PROBE && pErr->rc==SQLITE_OK; i++){
      OrmErr err = {0};
      if( !(a->mProbe & (1<<i)) || compiles(pOrm, pErr, i, a->zName) ) continue;
      probe(pOrm, &err, i, a->zName);
      ormErrPrefix(&err, "orm: the %s %s would not work any more: ",
                   i==PROBE_READ ? "view" : "triggers of", a->zName);
      ormErrMove(&err, pErr);
    }
  }
}

/* Is there something now that does not work? */
int ormSoundBroken(Orm *pOrm, OrmErr *pErr, OrmArena *pArena){
  const OrmSound *a = ormSoundRead(pOrm, pErr, pArena);
  for(; a && a->zName; a++){
    if( (a->mProbe & 1)==0 ) return 1;
    if( a->mProbe!=1 && a->mProbe!=(1<<N_PROBE)-1 ) return 1;
  }
  return 0;
}
