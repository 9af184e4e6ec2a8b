/*
** orm_emit: rows pushed to a sink, not pulled by sqlite3_step().
**
**     SELECT orm_emit(a, b, c) FROM ...
**
** The aggregate's step hands the row's values to pOrm->pSink, which
** ormEmitRun() sets around each step of the statement and then restores, so
** that a sink may run statements with sinks of their own.
*/
#include "../orm_int.h"

int ormEmitCanPush(Orm *pOrm, int nCol){
  return nCol<=sqlite3_limit(pOrm->db, SQLITE_LIMIT_FUNCTION_ARG, -1);
}

/* Without a sink it was called by hand, or by a load that looks for the state
** of an earlier one. */
static void emitState(sqlite3_context *pCtx, int nVal, sqlite3_value **apVal){
  Orm **ppOrm = nVal==1 ? sqlite3_value_pointer(apVal[0], ORM_STATE_TYPE) : 0;
  if( ppOrm ){
    *ppOrm = (Orm*)sqlite3_user_data(pCtx);
  }else{
    sqlite3_result_error(pCtx, "orm: orm_emit() is for orm's own use", -1);
  }
}

void ormEmitStep(sqlite3_context *pCtx, int nVal, sqlite3_value **apVal){
  OrmSink *pSink = ((Orm*)sqlite3_user_data(pCtx))->pSink;
  if( ORM_UNLIKELY(pSink==0) ){
    emitState(pCtx, nVal, apVal);
    return;
  }
  pSink->nRow++;
  pSink->xRow(pSink, nVal, apVal);
  /* An error ends the statement; pErr has the message that counts. */
  if( ORM_UNLIKELY(pSink->pErr->rc!=SQLITE_OK) ){
    sqlite3_result_error_code(pCtx, pSink->pErr->rc);
  }
}

/*
** orm_emit_if(a, b, c): a row shown to the sink in the WHERE of a statement
** that writes; true if the sink has set bPushed, for it to be written.
*/
void ormEmitIf(sqlite3_context *pCtx, int nVal, sqlite3_value **apVal){
  OrmSink *pSink = ((Orm*)sqlite3_user_data(pCtx))->pSink;
  if( pSink==0 ){
    sqlite3_result_error(pCtx, "orm: orm_emit_if() is for orm's own use", -1);
    return;
  }
  pSink->bPushed = 0;
  pSink->xRow(pSink, nVal, apVal);
  if( pSink->pErr->rc ) sqlite3_result_error_code(pCtx, pSink->pErr->rc);
  else sqlite3_result_int(pCtx, pSink->bPushed);
}

void ormEmitFinal(sqlite3_context *pCtx){
  OrmSink *pSink = ((Orm*)sqlite3_user_data(pCtx))->pSink;
  if( pSink ) pSink->bPushed = 1;
}

/* The row of a plain SELECT, for a table wider than a function's arguments. */
static void pullRow(OrmSink *pSink, OrmStmt *pStmt, sqlite3_value **apVal){
  int nVal = sqlite3_column_count(pStmt->p);
  for(int i=0; i<nVal; i++) apVal[i] = sqlite3_column_value(pStmt->p, i);
  pSink->nRow++;
  pSink->xRow(pSink, nVal, apVal);
}

/* One step with the sink in place. */
static int emitStep(Orm *pOrm, OrmErr *pErr, OrmStmt *pStmt, OrmSink *pSink){
  OrmSink *pOuter = pOrm->pSink;
  int bRow;
  pOrm->pSink = pSink;
  bRow = ormStmtStep(pOrm, pErr, pStmt);
  pOrm->pSink = pOuter;
  return bRow;
}

/* Run to the end, which of an aggregate is its only row; the reset does what a
** step more would.  A failure of the sink is the caller's error too. */
void ormEmitRun(Orm *pOrm, OrmErr *pErr, OrmStmt *pStmt, OrmSink *pSink){
  sqlite3_value **apVal = 0;
  i64 nBefore = pSink->nRow;
  if( pStmt==0 || pErr->rc!=SQLITE_OK ) return;
  assert( pSink->pErr==pErr );
  pSink->bPushed = 0;
  while( emitStep(pOrm, pErr, pStmt, pSink) ){
    if( pSink->bPushed ) break;
    if( apVal==0 ){
      apVal = sqlite3_malloc64(
          sizeof(*apVal)*(u64)sqlite3_column_count(pStmt->p));
      if( apVal==0 ){
        ormErrOom(pErr);
        break;
      }
    }
    pullRow(pSink, pStmt, apVal);
  }
  if( pErr->rc!=SQLITE_OK ) pStmt->bFailed = 1;
  sqlite3_free(apVal);
  pStmt->nRow = pSink->nRow - nBefore;
}
