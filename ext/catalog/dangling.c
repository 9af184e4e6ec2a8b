/*
** Rows that refer to rows which are not there, before a migration and after
** it: no foreign key may be broken that held before.
**
** What was broken before is kept as a set of hashes, eight bytes each:
**
**     key, rowid     one row that breaks a key
**     key, number    the first, second, .. row that does: for a table whose
**                    rowids are others afterwards, or that has none
**     key, "?"       it cannot be checked: SQLite checks no key of a table of
**     table, "?"       which one has no UNIQUE columns to refer to
**     table, column  which column the rowid is
**
** A key is told by names, those of both tables and their columns, and is
** another one if it refers to something else.
*/
#include "diff.h"

typedef struct Key Key;
struct Key {
  int id;                       /* as PRAGMA foreign_key_check has it         */
  u64 h;
  i64 nRow;                     /* that break it, so far                      */
};

struct OrmDangling {
  OrmArena *pArena;
  u64 *a;                       /* open addressing; 0: free                   */
  i64 n, nAlloc;                /* nAlloc is a power of two                   */
};

/* ------------------------------------------------------------------------
** The set
*/
static u64 *slotOf(u64 *a, i64 nAlloc, u64 h){
  u64 i = h & (u64)(nAlloc-1);
  while( a[i] && a[i]!=h ) i = (i+1) & (u64)(nAlloc-1);
  return &a[i];
}

static int has(const OrmDangling *p, u64 h){
  return p->nAlloc && *slotOf(p->a, p->nAlloc, h | 1)!=0;
}

static void add(OrmDangling *p, u64 h){
  u64 *pSlot;
  if( p->n*2>=p->nAlloc ){
    i64 nNew = p->nAlloc ? p->nAlloc*2 : 64;
    u64 *aNew = ormArenaAlloc(p->pArena, nNew*(i64)sizeof(u64));
    if( aNew==0 ) return;
    for(i64 i=0; i<p->nAlloc; i++){
      if( p->a[i] ) *slotOf(aNew, nNew, p->a[i]) = p->a[i];
    }
    p->a = aNew;
    p->nAlloc = nNew;
  }
  pSlot = slotOf(p->a, p->nAlloc, h | 1);
  p->n += *pSlot==0;
  *pSlot = h | 1;
}

static u64 withName(u64 h, const char *z){
  for(; *z; z++){
    char c = *z>='A' && *z<='Z' ? (char)(*z | 32) : *z;
    h = ormHash(h, &c, 1);
  }
  return ormHash(h, "", 1);
}

static u64 withRow(u64 h, char cWhat, i64 i){
  return ormHash(ormHash(h, &cWhat, 1), &i, sizeof(i));
}

/* ------------------------------------------------------------------------
** Keys and rows
*/
static int keysOf(
  Orm *pOrm, OrmErr *pErr, OrmArena *pArena, const char *zTable, Key **paKey
){
  OrmFkFact *aFk = 0;
  int n = ormFactFks(pOrm, pErr, pArena, zTable, &aFk);
  Key *a = ormArenaAlloc(pArena, (i64)sizeof(Key)*(n+1));
  for(int i=0; a && i<n; i++){
    u64 h = withName(withName(ORM_HASH_BEGIN, zTable), aFk[i].zTarget);
    for(int j=0; j<aFk[i].n; j++){
      h = withName(withName(h, aFk[i].azFrom[j]), aFk[i].azTo[j]);
    }
    a[i].id = aFk[i].id;
    a[i].h = h;
  }
  *paKey = a;
  return a ? n : 0;
}

static u64 unknown(u64 h){ return withName(h, "?"); }

static u64 rowidOf(Orm *pOrm, OrmArena *pArena, const char *zTable){
  const OrmDdl *p = ormDdlOfTable(pOrm, pArena, zTable);
  int i = p ? ormDiffRowid(p) : -1;
  return withName(withName(ORM_HASH_BEGIN, zTable),
      i>=0 ? p->aColumn[i].zName : p && p->bWithoutRowid ? "-" : "");
}

/* The rows of a table that break one of its keys, to be stepped through: 0 if
** they cannot be told. */
static sqlite3_stmt *violations(Orm *pOrm, OrmErr *pErr, const char *zTable){
  return ormFactOpenAny(pOrm, pErr, "PRAGMA main.foreign_key_check(\"%w\")",
                        zTable);
}

/* Step to the next one: the key that it breaks, or 0 at the end. */
static Key *nextRow(
  Orm *pOrm, OrmErr *pErr, sqlite3_stmt *pStmt, Key *aKey, int nKey
){
  while( ormFactStep(pOrm, pErr, pStmt) ){
    int id = sqlite3_column_int(pStmt, 3);
    for(int i=0; i<nKey; i++){
      if( aKey[i].id!=id ) continue;
      aKey[i].nRow++;
      return &aKey[i];
    }
  }                             /* one of more columns than ORM_MAX_KEY       */
  return 0;
}

static void readTable(Orm *pOrm, OrmErr *pErr, OrmDangling *p,
                      const char *zTable){
  OrmErr err = {0};
  Key *aKey, *pKey;
  int nKey = keysOf(pOrm, pErr, p->pArena, zTable, &aKey);
  sqlite3_stmt *pStmt = violations(pOrm, &err, zTable);
  if( ormErrForgive(&err, pErr) ){
    add(p, unknown(withName(ORM_HASH_BEGIN, zTable)));
    for(int i=0; i<nKey; i++) add(p, unknown(aKey[i].h));
  }
  while( (pKey = nextRow(pOrm, pErr, pStmt, aKey, nKey))!=0 ){
    if( pKey->nRow==1 ) add(p, rowidOf(pOrm, p->pArena, zTable));
    add(p, withRow(pKey->h, 'r', sqlite3_column_int64(pStmt, 1)));
    add(p, withRow(pKey->h, 'n', pKey->nRow));
  }
  sqlite3_finalize(pStmt);
}

/* The row that pStmt is on broke no key before. */
static void refuse(OrmErr *pErr, const char *zTable, sqlite3_stmt *pStmt){
  ormErr(pErr, SQLITE_CONSTRAINT_FOREIGNKEY, "orm: FOREIGN KEY constraint"
      " failed: rows of %s would refer to rows of %s that are not there",
      zTable, sqlite3_column_text(pStmt, 2));
}

static void checkTable(Orm *pOrm, OrmErr *pErr, const OrmDangling *p,
                       const char *zTable){
  OrmArena arena;
  OrmErr err = {0};
  Key *aKey, *pKey;
  int nKey, bRowid = -1;
  sqlite3_stmt *pStmt = violations(pOrm, &err, zTable);
  ormErrPrefix(&err, "orm: ");
  if( !has(p, unknown(withName(ORM_HASH_BEGIN, zTable))) ){
    ormErrMove(&err, pErr);
  }
  ormErrForgive(&err, pErr);
  ormArenaInit(&arena, pErr);
  nKey = keysOf(pOrm, pErr, &arena, zTable, &aKey);
  while( (pKey = nextRow(pOrm, pErr, pStmt, aKey, nKey))!=0 ){
    i64 iRowid = sqlite3_column_int64(pStmt, 1);
    if( has(p, unknown(pKey->h)) ) continue;
    if( bRowid<0 ) bRowid = has(p, rowidOf(pOrm, &arena, zTable))
                         && sqlite3_column_type(pStmt, 1)!=SQLITE_NULL;
    if( !has(p, bRowid ? withRow(pKey->h, 'r', iRowid)
                       : withRow(pKey->h, 'n', pKey->nRow)) ){
      refuse(pErr, zTable, pStmt);
    }
  }
  ormArenaFree(&arena);
  sqlite3_finalize(pStmt);
}

/* ------------------------------------------------------------------------
** All tables
*/
static sqlite3_stmt *tablesWithKeys(Orm *pOrm, OrmErr *pErr){
  return ormFactOpen(pOrm, pErr, "SELECT name FROM main.sqlite_schema WHERE"
      " type='table' AND lower(sql) LIKE '%%references%%' ORDER BY rowid");
}

OrmDangling *ormDanglingRead(Orm *pOrm, OrmErr *pErr, OrmArena *pArena){
  OrmDangling *p = ormArenaAlloc(pArena, sizeof(*p));
  sqlite3_stmt *pStmt = tablesWithKeys(pOrm, pErr);
  while( p && ormFactStep(pOrm, pErr, pStmt) ){
    const char *zTable = ormFactText(pArena, pStmt, 0);
    p->pArena = pArena;
    if( zTable ) readTable(pOrm, pErr, p, zTable);
  }
  sqlite3_finalize(pStmt);
  return pErr->rc ? 0 : p;
}

void ormDanglingCheck(Orm *pOrm, OrmErr *pErr, const OrmDangling *p){
  OrmArena arena;
  sqlite3_stmt *pStmt = tablesWithKeys(pOrm, pErr);
  ormArenaInit(&arena, pErr);
  while( ormFactStep(pOrm, pErr, pStmt) ){
    const char *zTable = ormFactText(&arena, pStmt, 0);
    if( zTable ) checkTable(pOrm, pErr, p, zTable);
  }
  ormArenaFree(&arena);
  sqlite3_finalize(pStmt);
}
