/*
** A look at a few rows, to choose between two ways to ask about what is related
** to all rows of a table: an EXISTS for each row, which ends at its first hit,
** or a list of all hits, made once, in which each row is looked up.  No index
** and no ANALYZE tells how many hits there are.
**
** Rows are taken from several places of the table, since the first ones are
** often unlike the rest.
*/
#include "../orm_int.h"

#define N_PLACE      4          /* places that are looked at                  */
#define N_ROW        2          /* rows at each                               */
#define MIN_RELATED  20         /* fewer in all tell nothing                  */

/* What is done to a related row, as measured beside one another. */
#define COST_SEEK    0.75       /* the row is found by an index and tested    */
#define COST_SCAN    0.06       /* it is tested in the order of the table     */
#define COST_LIST    0.65       /* it is put into the list                    */

/* "(SELECT id FROM t WHERE id>=?1 LIMIT 2) AS <alias>" */
void ormSampleFrom(OrmSql *p, const OrmRel *pRel, const char *zAlias){
  const OrmModel *pModel = pRel->pModel;
  ormBufAdd(&p->buf, "(SELECT ", -1);
  for(int i=0; i<pRel->nLocal; i++){
    if( i ) ormBufChar(&p->buf, ',');
    ormBufName(&p->buf, pModel->aField[pRel->aLocal[i]].zName);
  }
  ormBufAdd(&p->buf, " FROM ", 6);
  ormBufTable(&p->buf, pModel->zTable);
  if( pModel->bRowidKey ){
    ormBufAdd(&p->buf, " WHERE ", 7);
    ormBufName(&p->buf, pModel->aField[pModel->aKey[0]].zName);
    ormBufAdd(&p->buf, ">=?1", 4);
  }
  ormBufPrintf(&p->buf, " LIMIT %d) AS %s",
               pModel->bRowidKey ? N_ROW : N_ROW*N_PLACE, zAlias);
}

/* Where the rowids begin and how far the places are from one another. */
static void places(
  Orm *pOrm, OrmErr *pErr, const OrmModel *pModel, i64 *piFirst, i64 *pnStep
){
  OrmStmt *pStmt;
  OrmBuf buf;
  *piFirst = *pnStep = 0;
  if( !pModel->bRowidKey ) return;
  ormBufInit(&buf, pErr);
  for(int i=0; i<2; i++){
    ormBufAdd(&buf, i ? "),(SELECT max(" : "SELECT (SELECT min(", -1);
    ormBufName(&buf, pModel->aField[pModel->aKey[0]].zName);
    ormBufAdd(&buf, ") FROM ", 7);
    ormBufTable(&buf, pModel->zTable);
  }
  ormBufChar(&buf, ')');
  pStmt = ormStmtTakeQuiet(pOrm, pErr, ormBufText(&buf));
  ormBufFree(&buf);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    i64 iMost = sqlite3_column_int64(pStmt->p, 1);
    *piFirst = sqlite3_column_int64(pStmt->p, 0);
    *pnStep = iMost/N_PLACE - *piFirst/N_PLACE;
  }
  ormStmtGive(pOrm, pErr, pStmt);
}

/* The sum of what a statement counts at the places; -1: too many at one. */
static i64 sumOf(
  Orm *pOrm, OrmErr *pErr, OrmSql *pSql, int nPlace, i64 iFirst, i64 nStep
){
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr, ormBufText(&pSql->buf));
  i64 n = 0;
  for(int i=0; i<nPlace && n>=0 && pErr->rc==SQLITE_OK; i++){
    u64 iAt = (u64)iFirst + (u64)i*(u64)nStep;
    if( nPlace>1 ) ormBindIntTo(pStmt, 1, (i64)iAt);
    ormBindAll(pErr, pStmt, pSql->iFirst, &pSql->binds);
    if( ormStmtStep(pOrm, pErr, pStmt) ){
      i64 nHere = sqlite3_column_int64(pStmt->p, 0);
      n = nHere<ORM_SAMPLE_MOST ? n + nHere : -1;
      sqlite3_reset(pStmt->p);
    }
  }
  ormStmtGive(pOrm, pErr, pStmt);
  return n;
}

/* Would the list be there sooner?  pFan counts the rows that are related to
** those of a place, pHit those of them that meet the condition.  What fails
** here fails for the query as well, if it is asked for at all. */
int ormSampleList(
  Orm *pOrm, const OrmModel *pModel, OrmSql *pFan, OrmSql *pHit
){
  OrmErr err = { 0, 0 };
  int nPlace = pModel->bRowidKey ? N_PLACE : 1;
  i64 iFirst, nStep, nFan, nHit = 0;
  double rFan, rShare, rSeek;
  places(pOrm, &err, pModel, &iFirst, &nStep);
  nFan = sumOf(pOrm, &err, pFan, nPlace, iFirst, nStep);
  if( nFan>=MIN_RELATED ){
    nHit = sumOf(pOrm, &err, pHit, nPlace, iFirst, nStep);
  }
  if( err.rc ) nFan = -1;
  ormErrClear(&err);
  if( nFan<0 ) return 0;
  if( nFan<MIN_RELATED ) return 1;
  rFan = (double)nFan/(N_ROW*N_PLACE);
  rShare = nHit ? (double)nHit/(double)nFan : 0.5/(double)nFan;
  rSeek = rFan*rShare<1 ? rFan : 1/rShare;
  return COST_SCAN*rFan + COST_LIST*rFan*rShare < COST_SEEK*rSeek;
}
