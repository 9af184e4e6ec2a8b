/*
** The schema table, held.
**
** sqlite_schema has no index, so each question about a name reads all of it.
** A job that asks about every table of a document holds a copy, and each
** question reads on from the last row that it has.
*/
#include "../orm_int.h"

#define N_BUCKET 512

struct OrmSchemaCopy {
  int nHold;
  OrmErr err;                   /* of the arena, between questions            */
  OrmArena arena;
  i64 iLast;                    /* the last rowid                             */
  OrmHeld *apBucket[N_BUCKET];
  OrmHeld *apIndex[N_BUCKET];   /* those that have a text, by their table     */
};

void ormFactHold(Orm *pOrm, OrmErr *pErr){
  struct OrmSchemaCopy *p = pOrm->pSchema;
  if( pErr->rc ) return;
  if( p ){                      /* orm_schema() in a trigger on orm_model     */
    p->nHold++;
    return;
  }
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return;
  }
  memset(p, 0, sizeof(*p));
  p->nHold = 1;
  ormArenaInit(&p->arena, &p->err);
  pOrm->pSchema = p;
}

void ormFactRelease(Orm *pOrm){
  struct OrmSchemaCopy *p = pOrm->pSchema;
  if( p==0 || --p->nHold>0 ) return;
  pOrm->pSchema = 0;
  ormArenaFree(&p->arena);
  sqlite3_free(p);
}

void ormFactRenew(Orm *pOrm, OrmErr *pErr){
  assert( pOrm->pSchema );
  ormFactRelease(pOrm);
  ormFactHold(pOrm, pErr);
}

/* Read the rows that have come since. */
static void heldRead(Orm *pOrm, OrmErr *pErr){
  struct OrmSchemaCopy *p = pOrm->pSchema;
  sqlite3_stmt *pStmt = ormFactOpen(pOrm, pErr,
      "SELECT rowid, type, name, sql, tbl_name FROM main.sqlite_schema"
      " WHERE rowid>%lld ORDER BY rowid", p->iLast);
  p->arena.pErr = pErr;
  while( ormFactStep(pOrm, pErr, pStmt) ){
    OrmHeld *pNew = ormArenaAlloc(&p->arena, sizeof(*pNew)), **pp;
    if( pNew==0 ) break;
    p->iLast = sqlite3_column_int64(pStmt, 0);
    pNew->zType = ormFactText(&p->arena, pStmt, 1);
    pNew->zName = ormFactText(&p->arena, pStmt, 2);
    pNew->zSql = ormFactText(&p->arena, pStmt, 3);
    pNew->zTable = ormFactText(&p->arena, pStmt, 4);
    if( pNew->zType==0 || pNew->zName==0 ) continue;
    if( pNew->zSql && pNew->zTable && strcmp(pNew->zType, "index")==0 ){
      pp = &p->apIndex[ormNameHash(pNew->zTable) % N_BUCKET];
      while( *pp ) pp = &(*pp)->pNextOf;
      *pp = pNew;
    }
    pp = &p->apBucket[ormNameHash(pNew->zName) % N_BUCKET];
    while( *pp ) pp = &(*pp)->pNext;
    *pp = pNew;
  }
  sqlite3_finalize(pStmt);
  p->arena.pErr = &p->err;
}

/* The first object of that name, and of that type unless it is 0; or 0. */
const OrmHeld *ormHeldFind(
  Orm *pOrm, OrmErr *pErr, const char *zType, const char *zName
){
  const OrmHeld *p;
  heldRead(pOrm, pErr);
  if( pErr->rc ) return 0;
  p = pOrm->pSchema->apBucket[ormNameHash(zName) % N_BUCKET];
  for(; p; p=p->pNext){
    if( zType ? strcmp(p->zType, zType)!=0
              : strcmp(p->zType, "table")!=0 && strcmp(p->zType, "view")!=0 ){
      continue;
    }
    if( sqlite3_stricmp(p->zName, zName)==0 ) break;
  }
  return p;
}

int ormHeldKind(Orm *pOrm, OrmErr *pErr, const char *zTable){
  const OrmHeld *p = ormHeldFind(pOrm, pErr, 0, zTable);
  if( p==0 ) return ORM_KIND_NONE;
  if( strcmp(p->zType, "view")==0 ) return ORM_KIND_VIEW;
  return p->zSql && sqlite3_strnicmp(p->zSql, "create virtual", 14)==0
      ? ORM_KIND_VIRTUAL : ORM_KIND_TABLE;
}

/* The first index of that table which has a text, or that behind one; or 0. */
const OrmHeld *ormHeldIndex(
  Orm *pOrm, OrmErr *pErr, const char *zTable, const OrmHeld *p
){
  if( p==0 ){
    heldRead(pOrm, pErr);
    p = pOrm->pSchema->apIndex[ormNameHash(zTable) % N_BUCKET];
  }else{
    p = p->pNextOf;
  }
  while( p && sqlite3_stricmp(p->zTable, zTable)!=0 ) p = p->pNextOf;
  return pErr->rc ? 0 : p;
}
