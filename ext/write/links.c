/*
** The link rows of new objects, for tree.c: pairs of rowids, gathered and
** inserted many at a time.
**
** Pairs of one owner mostly come one behind the other, so whether a pair is
** there already is asked of those that are gathered, and of the table only
** where it can be there: when an owner comes back, has more pairs than are
** gathered, or found rows of its rowid when it was new.
*/
#include "unit.h"

/* The statements: is the pair there, and add those that are gathered.  (As one,
** SQLite would put the rows into a table of its own first.) */
static void prepare(OrmLinks *p){
  const OrmRel *pRel = p->pRel;
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT 1 FROM ", -1);
  ormBufTable(&buf, pRel->zSecondary);
  ormBufAdd(&buf, " WHERE ", -1);
  ormBufName(&buf, pRel->azSecLocal[0]);
  ormBufAdd(&buf, " = ?1 AND ", -1);
  ormBufName(&buf, pRel->azSecRemote[0]);
  ormBufAdd(&buf, " = ?2", -1);
  p->pSeek = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufReset(&buf);
  ormBufAdd(&buf, "INSERT INTO ", -1);
  ormBufTable(&buf, pRel->zSecondary);
  ormBufChar(&buf, '(');
  ormBufName(&buf, pRel->azSecLocal[0]);
  ormBufChar(&buf, ',');
  ormBufName(&buf, pRel->azSecRemote[0]);
  ormBufAdd(&buf, ") SELECT k0, k1 FROM orm_keys(?1)", -1);
  p->pInsert = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
}

/* Can there be link rows yet of owners whose rowids are new and rise from this
** one?  (Left by others while foreign keys were off.) */
static int isLeft(OrmLinks *p, i64 idOwner){
  const OrmRel *pRel = p->pRel;
  const char *zColl;
  OrmStmt *pStmt;
  char cAff;
  int bLeft;
  ormLinkColumn(p->pOrm, pRel, pRel->azSecLocal[0], &cAff, &zColl);
  if( cAff!='D' ) return 1;
  pStmt = ormStmtTakef(p->pOrm, p->pErr, "SELECT 1 FROM \"main\".\"%w\""
      " WHERE \"%w\" >= ?1 LIMIT 1", pRel->zSecondary, pRel->azSecLocal[0]);
  ormBindIntTo(pStmt, 1, idOwner);
  bLeft = ormStmtStep(p->pOrm, p->pErr, pStmt);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  return bLeft;
}

/* Is a pair in the table?  Those that are gathered are not. */
static int isStored(OrmLinks *p, i64 idOwner, i64 id){
  int bRow;
  ormBindIntTo(p->pSeek, 1, idOwner);
  ormBindIntTo(p->pSeek, 2, id);
  bRow = ormStmtStep(p->pOrm, p->pErr, p->pSeek);
  sqlite3_reset(p->pSeek->p);
  return bRow;
}

static int isLinked(OrmLinks *p, i64 idOwner, i64 id){
  for(int i=p->bSeek ? 0 : p->iOwner; i<p->nPair; i++){
    if( p->aPair[2*i]==idOwner && p->aPair[2*i+1]==id ) return 1;
  }
  return (p->bSeek || p->bPart) && isStored(p, idOwner, id);
}

void ormLinksFlush(OrmLinks *p){
  OrmKeys keys = { .nCol = 2, .nKey = p->nPair, .aInt = p->aPair };
  assert( p->pErr->rc==SQLITE_OK );
  if( p->nPair==0 ) return;
  ormKeysBind(p->pErr, p->pInsert, 1, &keys);
  ormStmtStep(p->pOrm, p->pErr, p->pInsert);
  ormKeysCheck(p->pErr, &keys);
  sqlite3_reset(p->pInsert->p);
  p->nPair = p->iOwner = 0;
  p->bPart = 1;
}

void ormLinksAdd(OrmLinks *p, i64 idOwner, i64 id){
  if( p->pInsert==0 ){
    prepare(p);
    p->bSeek = (u8)isLeft(p, idOwner);
    p->idOwner = idOwner;
  }
  if( idOwner!=p->idOwner ){
    if( idOwner<p->idOwner ) p->bSeek = 1;
    p->idOwner = idOwner;
    p->iOwner = p->nPair;
    p->bPart = 0;
  }
  if( p->pErr->rc || isLinked(p, idOwner, id) ) return;
  if( p->nPair==ORM_LINKS_MAX ) ormLinksFlush(p);
  p->aPair[2*p->nPair] = idOwner;
  p->aPair[2*p->nPair+1] = id;
  p->nPair++;
}

void ormLinksClose(OrmLinks *p){
  ormStmtGive(p->pOrm, p->pErr, p->pSeek);
  ormStmtGive(p->pOrm, p->pErr, p->pInsert);
}
