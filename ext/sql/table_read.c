/*
** The cursor of a model table: an inner statement on the model's own table,
** whose rows it hands on.
**
** The statement belongs to the plan when no cursor uses it, reset and ready, so
** that a second execution only binds and steps.
**
** A plan with a LIMIT asks for LIMIT + OFFSET rows.  When SQLite wants more it
** has turned some down, and the same statement is run again for those behind:
** it is the same program, so it gives the same rows in the same order.
*/
#include "table.h"

typedef struct Cursor Cursor;
struct Cursor {
  sqlite3_vtab_cursor base;
  OrmTableShape *pShape;        /* counted; 0 before the first xFilter        */
  OrmTablePlan *pPlan;          /* in use, or 0                               */
  OrmStmt *pStmt;               /* on loan, or 0                              */
  u8 bEof;
  i64 nRow;                     /* rows of this xFilter so far                */
  i64 nLimit;                   /* how many the statement gives; -1: all      */
  OrmErr err;
  OrmArena arena;               /* lists of IN                                */
};

static OrmModelTable *cursorTable(const Cursor *p){
  return (OrmModelTable*)p->base.pVtab;
}

int ormTableOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  Cursor *p = sqlite3_malloc64(sizeof(*p));
  ORM_UNUSED(pVtab);
  *ppCursor = 0;
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

/* ----------------------------------------------------------- statements --- */

/* The statement goes back to its plan, or to where all statements come from;
** the log wants to hear of each run. */
static void dropStatement(Cursor *p){
  OrmErr err = { SQLITE_OK, 0 };
  OrmTablePlan *pPlan = p->pPlan;
  OrmStmt *pStmt = p->pStmt;
  p->pStmt = 0;
  if( pStmt==0 ) return;
  if( pPlan->pIdle==0 && !pStmt->bLog && !pStmt->bFailed ){
    sqlite3_reset(pStmt->p);
    if( p->arena.pChunk ) sqlite3_clear_bindings(pStmt->p);
    pPlan->pIdle = pStmt;
  }else{
    ormStmtGive(p->pShape->pOrm, &err, pStmt);
    ormErrClear(&err);
  }
}

static void takeStatement(Cursor *p, OrmErr *pErr){
  OrmTablePlan *pPlan = p->pPlan;
  Orm *pOrm = p->pShape->pOrm;
  if( pPlan->pIdle && pOrm->aConfig[ORM_CONFIG_LOG]==0 ){
    p->pStmt = pPlan->pIdle;
    pPlan->pIdle = 0;
  }else{
    ormStmtGive(pOrm, pErr, pPlan->pIdle);
    pPlan->pIdle = 0;
    p->pStmt = ormStmtTake(pOrm, pErr, pPlan->zSql, pPlan->nSql);
  }
}

static void dropPlan(Cursor *p){
  dropStatement(p);
  if( p->arena.pChunk ) ormArenaFree(&p->arena);
  if( p->pShape ) ormTablePlanGive(p->pShape, p->pPlan);
  p->pPlan = 0;
}

int ormTableClose(sqlite3_vtab_cursor *pCursor){
  Cursor *p = (Cursor*)pCursor;
  dropPlan(p);
  ormTableShapeUnref(p->pShape);
  ormErrClear(&p->err);
  sqlite3_free(p);
  return SQLITE_OK;
}

/* -------------------------------------------------------------- xFilter --- */

/* The values of an IN, as a list that is bound to ?iParam. */
static void bindList(Cursor *p, OrmErr *pErr, int iParam, sqlite3_value *pIn){
  OrmBinds *pBinds = ormArenaAlloc(&p->arena, sizeof(*pBinds));
  OrmKeys *pKeys = ormArenaAlloc(&p->arena, sizeof(*pKeys));
  sqlite3_value *pVal;
  int rc;
  if( pBinds==0 || pKeys==0 ) return;
  pBinds->pArena = &p->arena;
  rc = sqlite3_vtab_in_first(pIn, &pVal);
  while( rc==SQLITE_OK && pVal ){
    ormBindValue(pBinds, pVal);
    rc = sqlite3_vtab_in_next(pIn, &pVal);
  }
  if( rc!=SQLITE_DONE && rc!=SQLITE_OK ) ormErr(pErr, rc, "%s",
                                                sqlite3_errstr(rc));
  pKeys->nCol = 1;
  pKeys->nKey = pBinds->n;
  pKeys->aBind = pBinds->a;
  ormKeysBind(pErr, p->pStmt, iParam, pKeys);
}

/* How many rows will be wanted: LIMIT + OFFSET. */
static i64 wantedRows(const OrmTablePlan *pPlan, sqlite3_value **argv){
  i64 nLimit = -1, nOffset = 0;
  for(int i=0; i<pPlan->nTerm; i++){
    if( pPlan->aTerm[i].cOp=='t' ) nLimit = sqlite3_value_int64(argv[i]);
    if( pPlan->aTerm[i].cOp=='f' ) nOffset = sqlite3_value_int64(argv[i]);
  }
  if( nLimit<0 ) return -1;
  if( nOffset<0 ) nOffset = 0;
  return nLimit<=INT64_MAX-nOffset ? nLimit + nOffset : -1;
}

/* The statement's LIMIT and OFFSET. */
static void bindLimit(Cursor *p, OrmErr *pErr, i64 nLimit, i64 nOffset){
  OrmTablePlan *pPlan = p->pPlan;
  int rc = SQLITE_OK;
  p->nLimit = nLimit;
  for(int i=0; i<pPlan->nTerm && rc==SQLITE_OK; i++){
    if( pPlan->aTerm[i].cOp=='t' ){
      rc = sqlite3_bind_int64(p->pStmt->p, i + 1, nLimit);
    }
  }
  if( rc==SQLITE_OK ){
    rc = sqlite3_bind_int64(p->pStmt->p, pPlan->nTerm + 1, nOffset);
  }
  if( rc!=SQLITE_OK ) ormErrDb(pErr, p->pShape->pOrm->db, rc);
}

static void bindArguments(Cursor *p, OrmErr *pErr, sqlite3_value **argv){
  const OrmTablePlan *pPlan = p->pPlan;
  for(int i=0; i<pPlan->nTerm && pErr->rc==SQLITE_OK; i++){
    int rc = SQLITE_OK;
    if( i>=p->pStmt->nParam ) break;
    if( (pPlan->mWeak & (1u<<i)) && ormTableWeakIsGone(p->pShape,
                                                       &pPlan->aTerm[i]) ){
      continue;
    }
    switch( pPlan->aTerm[i].cOp ){
      case 'n': case 'N': case 't': case 'f': break;
      case 'i': bindList(p, pErr, i + 1, argv[i]); break;
      default:  rc = sqlite3_bind_value(p->pStmt->p, i + 1, argv[i]);
    }
    if( rc!=SQLITE_OK ) ormErrDb(pErr, p->pShape->pOrm->db, rc);
  }
  p->nLimit = -1;
  if( pPlan->bLimit ) bindLimit(p, pErr, wantedRows(pPlan, argv), 0);
}

static int isNumber(sqlite3_value *p){
  int eType = sqlite3_value_type(p);
  return eType==SQLITE_INTEGER || eType==SQLITE_FLOAT;
}

/* Is there a number among the values of an IN? */
static int listHasNumber(sqlite3_value *pIn){
  sqlite3_value *pVal;
  int rc = sqlite3_vtab_in_first(pIn, &pVal);
  while( rc==SQLITE_OK && pVal ){
    if( isNumber(pVal) ) return 1;
    rc = sqlite3_vtab_in_next(pIn, &pVal);
  }
  return 0;
}

/* Which of the unsure terms were given a number. */
static u32 weakTerms(const OrmTablePlan *pPlan, sqlite3_value **argv){
  u32 m = 0;
  for(int i=0; i<pPlan->nTerm; i++){
    const OrmTableTerm *p = &pPlan->aTerm[i];
    if( !p->bUnsure ) continue;
    if( p->cOp=='i' ? listHasNumber(argv[i]) : isNumber(argv[i]) ) m |= 1u<<i;
  }
  return m;
}

/* Be on the plan of idxStr for these values. */
static void usePlan(
  Cursor *p, OrmErr *pErr, const char *zIdx, sqlite3_value **argv
){
  OrmTablePlan *pPlan = p->pPlan;
  u32 mWeak;
  if( pPlan==0 || strcmp(pPlan->zIdx, zIdx)!=0 ){
    dropPlan(p);
    pPlan = p->pPlan = ormTablePlanTake(pErr, p->pShape, zIdx, 0);
    if( pPlan==0 ) return;
  }
  mWeak = weakTerms(pPlan, argv);
  if( mWeak!=pPlan->mWeak ){
    dropPlan(p);
    p->pPlan = ormTablePlanTake(pErr, p->pShape, zIdx, mWeak);
  }
}

static void filter(
  Cursor *p, OrmErr *pErr, const char *zIdx, sqlite3_value **argv
){
  if( p->pShape==0 ){
    p->pShape = ormTableShape(cursorTable(p), pErr);
    if( p->pShape ) p->pShape->nRef++;
  }
  if( pErr->rc ) return;
  usePlan(p, pErr, zIdx, argv);
  if( p->pPlan==0 ) return;
  if( p->pStmt && p->pStmt->bLog ) dropStatement(p);
  if( p->arena.pChunk ){
    dropStatement(p);
    ormArenaFree(&p->arena);
  }
  if( p->pStmt ) sqlite3_reset(p->pStmt->p);
  else takeStatement(p, pErr);
  if( p->pStmt ) bindArguments(p, pErr, argv);
}

/* The statement has given as many rows as it was asked for, and SQLite wants
** more. */
static int moreRows(Cursor *p, OrmErr *pErr){
  sqlite3_reset(p->pStmt->p);
  bindLimit(p, pErr, -1, p->nRow);
  return ormStmtStep(p->pShape->pOrm, pErr, p->pStmt);
}

static int advance(Cursor *p, OrmErr *pErr){
  int bRow;
  if( p->pPlan->bOneRow && p->nRow ){
    bRow = 0;
  }else{
    bRow = ormStmtStep(p->pShape->pOrm, pErr, p->pStmt);
    if( !bRow && p->nRow==p->nLimit && p->nRow>0 ) bRow = moreRows(p, pErr);
  }
  p->nRow += bRow;
  p->bEof = !bRow;
  return pErr->rc ? ormErrVtab(pErr, p->base.pVtab) : SQLITE_OK;
}

int ormTableFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  Cursor *p = (Cursor*)pCursor;
  OrmErr *pErr = &p->err;
  ORM_UNUSED(idxNum);
  ORM_UNUSED(argc);
  p->bEof = 1;
  p->nRow = 0;
  filter(p, pErr, idxStr, argv);
  if( pErr->rc ) return ormErrVtab(pErr, pCursor->pVtab);
  return advance(p, pErr);
}

int ormTableNext(sqlite3_vtab_cursor *pCursor){
  Cursor *p = (Cursor*)pCursor;
  return advance(p, &p->err);
}

int ormTableEof(sqlite3_vtab_cursor *pCursor){
  return ((Cursor*)pCursor)->bEof;
}

/* -------------------------------------------------------------- columns --- */

/* A value as the result, the cheapest way (PERFORMANCE.md S6): text with n=-1
** keeps the register's buffer, where the text holds no NUL. */
static void resultValue(sqlite3_context *pCtx, sqlite3_value *pVal){
  const char *z;
  int n;
  switch( sqlite3_value_type(pVal) ){
    case SQLITE_INTEGER:
      sqlite3_result_int64(pCtx, sqlite3_value_int64(pVal));
      break;
    case SQLITE_FLOAT:
      sqlite3_result_double(pCtx, sqlite3_value_double(pVal));
      break;
    case SQLITE_TEXT:
      z = (const char*)sqlite3_value_text(pVal);
      n = sqlite3_value_bytes(pVal);
      if( z==0 ) sqlite3_result_error_nomem(pCtx);
      else if( (int)strlen(z)==n ){
        sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
      }else{
        sqlite3_result_text(pCtx, z, n, SQLITE_TRANSIENT);
      }
      break;
    case SQLITE_BLOB:
      sqlite3_result_value(pCtx, pVal);
      break;
    default:
      break;
  }
}

/* A composite key: the JSON array of its values. */
static void resultKey(Cursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  const OrmModel *pModel = p->pShape->pModel;
  OrmBuf buf;
  i64 n;
  char *z;
  ormBufInit(&buf, pErr);
  for(int i=0; i<pModel->nKey; i++){
    ormBufChar(&buf, i ? ',' : '[');
    ormJsonValue(&buf, sqlite3_column_value(p->pStmt->p, i),
                 pModel->aField[pModel->aKey[i]].eType);
  }
  ormBufChar(&buf, ']');
  z = ormBufTake(&buf, &n);
  if( z ) sqlite3_result_text64(pCtx, z, (u64)n, sqlite3_free, SQLITE_UTF8);
  ormBufFree(&buf);
}

/* A column that the plan did not ask for, by the key of the row. */
static void resultLate(
  Cursor *p, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  Orm *pOrm = p->pShape->pOrm;
  OrmStmt *pStmt;
  OrmArena arena;
  OrmSql sql;
  ormArenaInit(&arena, pErr);
  ormSqlInit(&sql, pOrm, &arena, p->pShape->pModel->nKey + 1);
  ormTableLateSql(&sql, p->pShape, iCol);
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), sql.buf.n);
  for(int i=0; pStmt && i<p->pShape->pModel->nKey; i++){
    sqlite3_value *pKey = sqlite3_column_value(p->pStmt->p, i);
    int rc = sqlite3_bind_value(pStmt->p, i + 1, pKey);
    if( rc!=SQLITE_OK ) ormErrDb(pErr, pOrm->db, rc);
  }
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    resultValue(pCtx, sqlite3_column_value(pStmt->p, 0));
  }
  ormStmtGive(pOrm, pErr, pStmt);
  ormSqlFree(&sql);
  ormArenaFree(&arena);
}

static void resultSpecial(
  Cursor *p, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  const OrmTableColumn *pCol = &p->pShape->aCol[iCol];
  if( sqlite3_vtab_nochange(pCtx) ) return;
  if( pCol->bGone ){
    ormErr(pErr, SQLITE_ERROR, "orm: column %s is no longer what it was when"
           " this table was opened: SELECT orm_init() opens it anew",
           pCol->zName);
    return;
  }
  switch( pCol->eKind ){
    case ORM_TABLE_FIELD:
    case ORM_TABLE_TARGET: resultLate(p, pErr, pCtx, iCol); break;
    case ORM_TABLE_KEY:    resultKey(p, pErr, pCtx); break;
    case ORM_TABLE_SECRET:
      if( p->pPlan->bUpdate ) break;
      ormErr(pErr, SQLITE_ERROR, "orm: %s.%s is hidden: it can be written, not"
             " read", p->pShape->pModel->zName, pCol->zName);
      break;
    default: break;
  }
}

int ormTableColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  Cursor *p = (Cursor*)pCursor;
  int iPlace = p->pPlan->aPlace[iCol];
  if( iPlace>=0 ){
    resultValue(pCtx, sqlite3_column_value(p->pStmt->p, iPlace));
    return SQLITE_OK;
  }
  resultSpecial(p, &p->err, pCtx, iCol);
  if( p->err.rc ) ormErrResult(&p->err, pCtx);
  return SQLITE_OK;
}

int ormTableRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  *piRowid = sqlite3_column_int64(((Cursor*)pCursor)->pStmt->p, 0);
  return SQLITE_OK;
}
