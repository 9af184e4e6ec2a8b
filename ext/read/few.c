/*
** The first few rows of each group, where an index has them in order but for
** ties: of the latest posts of each author those of one moment.
**
** Sorting by the key within ties has SQLite go to a sorter for every row.  So
** the key is left out of the order and one row more is asked for: if no two of
** a group's rows are equal, they are the rows, in order.  Groups with ties are
** fetched again, as they should be, and the next run does not try.  Nor does it
** where no index gave the order, and SQLite sorted after all.
*/
#include "load.h"

#define MOST 1000               /* a limit that is few                        */

/* May it be tried?  Of models with a rowid for a key, by one field of theirs,
** whose values we know to compare. */
int ormFewIs(const OrmLevel *p){
  const OrmQuery *pQuery = p->pQuery;
  const OrmOrder *pOrder = pQuery->aOrder;
  return p->bMany && p->bIndexed && !p->bViaParent && !p->pRel->zSecondary
      && pQuery->iLimit>0 && pQuery->iLimit<MOST && pQuery->iOffset<=0
      && !pQuery->bRecursive && p->bRowid && pQuery->nOrder==2
      && pOrder[0].nHop==0 && pOrder[0].iField>=0
      && sqlite3_stricmp(p->pModel->aField[pOrder[0].iField].zColl,
                         "BINARY")==0
      && pOrder[1].iField==p->pModel->aKey[0];
}

typedef struct FewSink FewSink;
struct FewSink {
  OrmSink base;
  OrmLevel *p;
  int iKey;                     /* position of the key whose rows come        */
  int nSeen;                    /* its rows so far                            */
  int nRow;                     /* the level's before them                    */
  u8 bTied;                     /* two of them are equal                      */
  struct OrmBind last;          /* what the last one is ordered by            */
  int nTied; i64 nTiedAlloc; int *aTied;     /* positions                     */
};

/* Equal for SQLite, or so near that it might be. */
static int isTie(const struct OrmBind *a, const struct OrmBind *b){
  int bText = a->eType==SQLITE_TEXT || a->eType==SQLITE_BLOB;
  if( a->eType==SQLITE_NULL || b->eType==SQLITE_NULL ){
    return a->eType==b->eType;
  }
  if( bText || b->eType==SQLITE_TEXT || b->eType==SQLITE_BLOB ){
    return a->eType==b->eType && a->n==b->n
        && memcmp(a->u.z, b->u.z, (size_t)a->n)==0;
  }
  return (a->eType==SQLITE_FLOAT ? a->u.r : (double)a->u.i)
      == (b->eType==SQLITE_FLOAT ? b->u.r : (double)b->u.i);
}

/* A tie: the group's rows are forgotten. */
static void groupTied(FewSink *pSink){
  OrmLevel *p = pSink->p;
  pSink->bTied = 1;
  p->nRow = pSink->nRow;
  p->aHead[pSink->iKey] = p->aTail[pSink->iKey] = -1;
  if( !ormGrow(pSink->base.pErr, &pSink->aTied, &pSink->nTiedAlloc,
               pSink->nTied + 1, sizeof(int)) ) return;
  pSink->aTied[pSink->nTied++] = pSink->iKey;
}

/* Position of the key, the row, what it is ordered by. */
static void rowOfFew(OrmSink *pBase, int nVal, sqlite3_value **apVal){
  FewSink *pSink = (FewSink*)pBase;
  OrmLevel *p = pSink->p;
  int iKey = sqlite3_value_int(apVal[0]);
  struct OrmBind value;
  if( iKey!=pSink->iKey ){
    pSink->iKey = iKey;
    pSink->nSeen = 0;
    pSink->nRow = p->nRow;
    pSink->bTied = 0;
  }
  if( pSink->bTied ) return;
  ormKeepValue(p->pPlan, &value, apVal[nVal-1]);
  if( pSink->nSeen>0 && isTie(&value, &pSink->last) ){
    groupTied(pSink);
    return;
  }
  pSink->last = value;
  if( pSink->nSeen++<p->pQuery->iLimit ) ormLevelAddRow(p, &apVal[1], iKey);
}

/* The groups with ties, by their keys. */
static void fetchTied(OrmLevel *p, const OrmKeys *pKeys, const FewSink *pSink){
  OrmErr *pErr = &p->pPlan->err;
  i64 n = (i64)sizeof(struct OrmBind)*pKeys->nCol;
  OrmKeys keys = *pKeys;
  struct OrmBind *aBind = 0;
  i64 *aInt = 0;
  if( pKeys->aInt ) aInt = ormArenaAlloc(&p->pPlan->run, pSink->nTied*8);
  else aBind = ormArenaAlloc(&p->pPlan->run, pSink->nTied*n);
  if( pErr->rc ) return;
  for(int i=0; i<pSink->nTied; i++){
    i64 iKey = pSink->aTied[i];
    if( aInt ) aInt[i] = pKeys->aInt[iKey];
    else memcpy(&aBind[i*pKeys->nCol], &pKeys->aBind[iKey*pKeys->nCol],
                (size_t)n);
  }
  keys.nKey = pSink->nTied;
  keys.aInt = aInt;
  keys.aBind = aBind;
  ormFetchEach(p, &keys, pSink->aTied);
}

/* The rows of all groups. */
void ormFewFetch(OrmLevel *p){
  OrmPlan *pPlan = p->pPlan;
  OrmStmt *pStmt = ormFetchTake(p, ORM_FETCH_FEW);
  FewSink sink;
  OrmKeys keys;
  memset(&sink, 0, sizeof(sink));
  sink.base.xRow = rowOfFew;
  sink.base.pErr = &pPlan->err;
  sink.p = p;
  sink.iKey = -1;
  ormGroupKeys(p, 0, &keys);
  ormKeysBind(&pPlan->err, pStmt, 1, &keys);
  if( pStmt ) sqlite3_stmt_status(pStmt->p, SQLITE_STMTSTATUS_SORT, 1);
  ormEmitRun(pPlan->pOrm, &pPlan->err, pStmt, &sink.base);
  if( sink.nTied>0
   || (pStmt && sqlite3_stmt_status(pStmt->p, SQLITE_STMTSTATUS_SORT, 0)>0)
  ){
    p->bFew = 0;
  }
  ormFetchGive(p, pStmt);
  ormKeysCheck(&pPlan->err, &keys);
  if( pPlan->err.rc==SQLITE_OK && sink.nTied>0 ) fetchTied(p, &keys, &sink);
  sqlite3_free(sink.aTied);
}
