/*
** The cursor of a model table: an inner statement on the model's own table,
** whose rows it hands on.
**
** The statement belongs to the plan when no cursor uses it, reset and ready, so
** that a second execution only binds and steps.
**
** The inner side of a join is filtered again and again.  From the second time
** on a plan of one row has a statement that is never reset: it reads its keys
** from a list that is fed with one more each time, and gives a row for it.
**
** A plan with a LIMIT asks for LIMIT + OFFSET rows.  When SQLite wants more it
** has turned some down, and the same statement is run again for those behind:
** it is the same program, so it gives the same rows in the same order.
*/
#include "table.h"

typedef OrmTableCursor Cursor;

static OrmModelTable *cursorTable(const Cursor *p){
  return (OrmModelTable*)p->base.pVtab;
}

int ormTableOpen(sqlite3_vtab *pVtab, sqlite3_vtab_cursor **ppCursor){
  OrmModelTable *pTab = (OrmModelTable*)pVtab;
  Cursor *p = pTab->pSpare;
  if( p ){
    pTab->pSpare = 0;
    *ppCursor = &p->base;
    return SQLITE_OK;
  }
  *ppCursor = 0;
  p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ) return SQLITE_NOMEM;
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  *ppCursor = &p->base;
  return SQLITE_OK;
}

/* ----------------------------------------------------------- statements --- */

static void dropLoaded(Cursor *p){
  Orm *pOrm = p->pShape->pOrm;
  ormStreamClose(p->pStream);
  p->pStream = 0;
  ormTableBatchFree(p->pBatch);
  p->pBatch = 0;
  p->aRow = 0;
  p->bLate = 0;
  sqlite3_free(p->abLate);
  p->abLate = 0;
  ormPlanRelease(pOrm, p->pObject);
  p->pObject = 0;
  sqlite3_free(p->zQuery);
  p->zQuery = 0;
}

/* The statement goes back to its plan, or to where all statements come from;
** the log wants to hear of each run. */
static void dropStatement(Cursor *p){
  OrmErr err = { SQLITE_OK, 0 };
  OrmTablePlan *pPlan = p->pPlan;
  OrmStmt *pStmt = p->pStmt;
  p->pStmt = 0;
  p->pFeed = 0;
  if( pStmt==0 ) return;
  if( pPlan->pIdle==0 && !pStmt->bLog && !pStmt->bFailed && !p->bOwnSql ){
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

/* Has this xFilter loaded objects, or had an argument? */
static int hasLoaded(const Cursor *p){
  return p->pObject || p->pBatch || p->zQuery || p->abLate;
}

static void cursorFree(Cursor *p){
  dropPlan(p);
  ormTableShapeUnref(p->pShape);
  ormErrClear(&p->err);
  sqlite3_free(p);
}

void ormTableSpareFree(OrmModelTable *pTab){
  if( pTab->pSpare ) cursorFree(pTab->pSpare);
  pTab->pSpare = 0;
}

/* One closed cursor waits on its plan: the next is mostly of the same
** statement. */
static int becomeSpare(Cursor *p){
  OrmModelTable *pTab = cursorTable(p);
  if( pTab->pSpare || p->pPlan==0 || p->pShape!=pTab->pShape ) return 0;
  dropStatement(p);
  if( p->arena.pChunk ) ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  p->bOpened = 1;
  p->bOwnSql = p->bLate = 0;
  pTab->pSpare = p;
  return 1;
}

int ormTableClose(sqlite3_vtab_cursor *pCursor){
  Cursor *p = (Cursor*)pCursor;
  if( p->pShape && hasLoaded(p) ) dropLoaded(p);
  if( !becomeSpare(p) ) cursorFree(p);
  return SQLITE_OK;
}

/* -------------------------------------------------------------- xFilter --- */

/* The values of an IN, as a list that is bound to ?iParam. */
static void bindList(Cursor *p, OrmErr *pErr, int iParam, sqlite3_value *pIn){
  OrmBinds *pBinds = ormArenaAlloc(&p->arena, sizeof(*pBinds));
  OrmKeys *pKeys = ormArenaAlloc(&p->arena, sizeof(*pKeys));
  sqlite3_value *pVal;
  int rc;
  if( pKeys==0 ) return;        /* the arena gives nothing after a failure    */
  pBinds->pArena = &p->arena;
  rc = sqlite3_vtab_in_first(pIn, &pVal);
  while( rc==SQLITE_OK ){
    ormBindValue(pBinds, pVal);
    rc = sqlite3_vtab_in_next(pIn, &pVal);
  }
  if( rc!=SQLITE_DONE ) ormErr(pErr, rc, "%s", sqlite3_errstr(rc));
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
static void bindLimit(Cursor *p, i64 nLimit, i64 nOffset){
  OrmTablePlan *pPlan = p->pPlan;
  p->nLimit = nLimit;
  for(int i=0; i<pPlan->nTerm; i++){
    if( pPlan->aTerm[i].cOp=='t' ){
      ormBindIntTo(p->pStmt, i + 1, nLimit);
    }
  }
  ormBindIntTo(p->pStmt, pPlan->nTerm + 1, nOffset);
}

static void bindArguments(Cursor *p, OrmErr *pErr, sqlite3_value **argv){
  const OrmTablePlan *pPlan = p->pPlan;
  for(int i=0; i<pPlan->nTerm && pErr->rc==SQLITE_OK; i++){
    if( i>=p->pStmt->nParam ) break;
    if( (pPlan->mWeak & (1u<<i)) && ormTableWeakIsGone(p->pShape,
                                                       &pPlan->aTerm[i]) ){
      continue;
    }
    switch( pPlan->aTerm[i].cOp ){
      case 'n': case 'N': case 't': case 'f': case 'q': break;
      case 'i': bindList(p, pErr, i + 1, argv[i]); break;
      default:  ormBindValueTo(pErr, p->pStmt, i + 1, argv[i]);
    }
  }
  p->nLimit = -1;
  if( pPlan->bLimit ) bindLimit(p, wantedRows(pPlan, argv), 0);
}

static int isNumber(sqlite3_value *p){
  int eType = sqlite3_value_type(p);
  return eType==SQLITE_INTEGER || eType==SQLITE_FLOAT;
}

/* Is there a number among the values of an IN? */
static int listHasNumber(sqlite3_value *pIn){
  sqlite3_value *pVal;
  int rc = sqlite3_vtab_in_first(pIn, &pVal);
  while( rc==SQLITE_OK ){
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

/* The text of the table's argument, copied. */
static void takeQuery(Cursor *p, OrmErr *pErr, sqlite3_value **argv){
  for(int i=0; i<p->pPlan->nTerm; i++){
    const char *z;
    if( p->pPlan->aTerm[i].cOp!='q' ) continue;
    z = (const char*)sqlite3_value_text(argv[i]);
    if( z==0 ){
      if( sqlite3_value_type(argv[i])!=SQLITE_NULL ) ormErrOom(pErr);
      continue;
    }
    sqlite3_free(p->zQuery);
    p->nQuery = sqlite3_value_bytes(argv[i]);
    p->zQuery = sqlite3_malloc64((u64)p->nQuery + 1);
    if( p->zQuery==0 ) ormErrOom(pErr);
    else memcpy(p->zQuery, z, (size_t)p->nQuery + 1);
  }
}

OrmPlan *ormTableObjectPlan(Cursor *p, OrmErr *pErr){
  Orm *pOrm = p->pShape->pOrm;
  OrmCatalog *pCatalog;
  if( p->pObject ) return p->pObject;
  pCatalog = ormCatalogPin(pOrm, pErr);
  p->pObject = ormPlanGet(pOrm, pErr, p->pShape->pModel, p->zQuery, p->nQuery,
                          ORM_Q_ALL);
  ormCatalogUnpin(pOrm, pCatalog);
  return p->pObject;
}

/* Are the objects all that is read, in the order of their query? */
static int onlyObjects(const Cursor *p){
  const OrmTablePlan *pPlan = p->pPlan;
  int iObject = p->pShape->iObject;
  assert( iObject<63 );         /* else what stands behind it is not loaded   */
  if( iObject<0 || (pPlan->mUsed>>iObject & 1)==0 ) return 0;
  if( pPlan->nResult>p->pShape->pModel->nKey || pPlan->nOrder ) return 0;
  for(int i=0; i<pPlan->nTerm; i++){
    if( strchr("qtf", pPlan->aTerm[i].cOp)==0 ) return 0;
  }
  return pPlan->nLoad==1;
}

/* The statement of a plan whose table has an argument. */
static void querySql(Cursor *p, OrmErr *pErr){
  OrmPlan *pObject = ormTableObjectPlan(p, pErr);
  int iFirst = p->pPlan->nTerm + 2;
  OrmSql sql;
  if( pObject==0 ) return;
  ormSqlInit(&sql, p->pShape->pOrm, &p->arena, iFirst);
  ormTableSql(&sql, p->pShape, p->pPlan, ormPlanQuery(pObject));
  p->pStmt = ormStmtTake(p->pShape->pOrm, pErr, ormBufText(&sql.buf),
                         sql.buf.n);
  p->bOwnSql = 1;
  ormBindAll(pErr, p->pStmt, iFirst, &sql.binds);
  ormSqlFree(&sql);
}

/* Where the rows come from. */
static void openSource(Cursor *p, OrmErr *pErr){
  if( p->pPlan->nLoad && onlyObjects(p) ){
    OrmPlan *pObject = ormTableObjectPlan(p, pErr);
    if( pObject ) p->pStream = ormStreamOpenFor(p->pShape->pOrm, pErr, pObject,
                                                ORM_STREAM_OBJECT);
    return;
  }
  if( p->zQuery ){
    dropStatement(p);
    querySql(p, pErr);
  }else if( p->pStmt==0 ){
    p->bOwnSql = 0;
    takeStatement(p, pErr);
  }
  if( p->pPlan->nLoad ) p->pBatch = ormTableBatchNew(p, pErr);
}

/* Take the plan's feed in place of its statement, if it may have one. */
static void openFeed(Cursor *p, OrmErr *pErr){
  const OrmTablePlan *pPlan = p->pPlan;
  OrmKeys *pFeed;
  struct OrmBind *a;
  if( p->pStmt->bLog ) return;
  dropStatement(p);
  pFeed = ormArenaAlloc(&p->arena, sizeof(*pFeed));
  a = ormArenaAlloc(&p->arena, (i64)sizeof(*a)*pPlan->nTerm);
  if( a==0 ) return;            /* the arena gives nothing after a failure    */
  pFeed->nCol = pPlan->nTerm;
  pFeed->aBind = a;
  pFeed->bFeed = 1;
  p->pStmt = ormStmtTake(p->pShape->pOrm, pErr, pPlan->zFeed, pPlan->nFeed);
  p->bOwnSql = 1;
  ormKeysBind(pErr, p->pStmt, 1, pFeed);
  p->pFeed = p->pStmt ? pFeed : 0;
}

/* The row of one more key: 1, or 0 if there is none. */
static int feedStep(Cursor *p, OrmErr *pErr, sqlite3_value **argv){
  OrmKeys *pFeed = p->pFeed;
  int bRow;
  for(int i=0; i<pFeed->nCol; i++){
    ormBindView(pErr, (struct OrmBind*)&pFeed->aBind[i], argv[i]);
  }
  pFeed->nKey++;
  bRow = ormStmtStep(p->pShape->pOrm, pErr, p->pStmt);
  if( !bRow || pFeed->nKey==INT32_MAX ){
    /* Not before the row has been read: the next xFilter opens it anew. */
    p->pFeed = 0;
    return bRow && sqlite3_column_type(p->pStmt->p, 0)!=SQLITE_NULL;
  }
  return sqlite3_column_type(p->pStmt->p, 0)!=SQLITE_NULL;
}

/* xFilter of a cursor that has been here with this very plan.  1: that was it;
** *pbRow: is there a row? */
static int filterAgain(
  Cursor *p, OrmErr *pErr, const char *zIdx, sqlite3_value **argv, int *pbRow
){
  if( p->pPlan==0 || p->pPlan->zFeed==0 || p->pStmt==0 || p->pBatch ) return 0;
  assert( p->pPlan->mWeak==0 ); /* a plan that is weakened has no feed        */
  if( strcmp(p->pPlan->zIdx, zIdx)!=0 ) return 0;
  if( weakTerms(p->pPlan, argv) ) return 0;
  if( p->pFeed==0 ){
    openFeed(p, pErr);
    if( p->pFeed==0 && pErr->rc==SQLITE_OK ) return 0;
  }
  *pbRow = pErr->rc==SQLITE_OK && feedStep(p, pErr, argv);
  return 1;
}

/* Be on the shape that holds now; it stays to the end of the statement. */
static void useShape(Cursor *p, OrmErr *pErr){
  OrmTableShape *pShape = ormTableShape(cursorTable(p), pErr, 1);
  if( pShape && pShape!=p->pShape ){
    dropPlan(p);
    ormTableShapeUnref(p->pShape);
    p->pShape = pShape;
    pShape->nRef++;
  }
  p->bOpened = 0;
}

static void filter(
  Cursor *p, OrmErr *pErr, const char *zIdx, sqlite3_value **argv
){
  if( p->pShape && hasLoaded(p) ) dropLoaded(p);
  if( p->bOwnSql ) dropStatement(p);
  if( p->bOpened || p->pShape==0 ) useShape(p, pErr);
  if( pErr->rc ) return;
  usePlan(p, pErr, zIdx, argv);
  if( p->pPlan==0 ) return;
  if( p->pStmt && p->pStmt->bLog ) dropStatement(p);
  if( p->arena.pChunk ){
    dropStatement(p);
    ormArenaFree(&p->arena);
  }
  if( p->pStmt ) sqlite3_reset(p->pStmt->p);
  if( p->pPlan->bQuery ) takeQuery(p, pErr, argv);
  openSource(p, pErr);
  if( p->pStmt ) bindArguments(p, pErr, argv);
}

/* The statement has given as many rows as it was asked for, and SQLite wants
** more. */
static int moreRows(Cursor *p, OrmErr *pErr){
  sqlite3_reset(p->pStmt->p);
  bindLimit(p, -1, p->nRow);
  return ormStmtStep(p->pShape->pOrm, pErr, p->pStmt);
}

int ormTableStep(Cursor *p, OrmErr *pErr, int bMore){
  int bRow;
  if( p->bDone || (p->pPlan->bOneRow && p->nRow) ) return 0;
  if( p->nRow!=p->nLimit ){
    bRow = ormStmtStep(p->pShape->pOrm, pErr, p->pStmt);
  }else if( bMore ){
    bRow = moreRows(p, pErr);
  }else{
    return 0;
  }
  p->bDone = !bRow;
  p->nRow += bRow;
  return bRow;
}

static int advance(Cursor *p, OrmErr *pErr){
  assert( !p->bLate || p->pStream==0 );
  if( p->bLate && p->pBatch==0 ){
    p->pBatch = ormTableBatchNew(p, pErr);      /* for the rows from now on   */
  }
  if( p->pBatch ){
    p->aRow = ormTableBatchNext(p->pBatch, pErr);
    p->bEof = p->aRow==0;
  }else if( p->pStream ){
    p->bEof = !ormStreamNext(p->pStream, pErr);
    p->aRow = p->bEof ? 0 : ormStreamKeyValues(p->pStream);
  }else{
    p->bEof = !ormTableStep(p, pErr, 1);
  }
  return pErr->rc ? ormErrVtab(pErr, p->base.pVtab) : SQLITE_OK;
}

int ormTableFilter(
  sqlite3_vtab_cursor *pCursor, int idxNum, const char *idxStr,
  int argc, sqlite3_value **argv
){
  Cursor *p = (Cursor*)pCursor;
  OrmErr *pErr = &p->err;
  int bRow;
  ORM_UNUSED(idxNum);
  ORM_UNUSED(argc);
  if( filterAgain(p, pErr, idxStr, argv, &bRow) ){
    p->nRow = bRow;
    p->bEof = !bRow;
    return pErr->rc ? ormErrVtab(pErr, pCursor->pVtab) : SQLITE_OK;
  }
  p->bEof = 1;
  p->nRow = 0;
  p->bDone = 0;
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

void ormTableKey(Cursor *p, OrmBinds *pOut){
  for(int i=0; i<p->pShape->pModel->nKey; i++){
    if( p->aRow ) ormBindCopy(pOut, &p->aRow[i]);
    else ormBindValue(pOut, sqlite3_column_value(p->pStmt->p, i));
  }
}

/* A composite key: the JSON array of its values. */
static void resultKey(Cursor *p, OrmErr *pErr, sqlite3_context *pCtx){
  OrmArena arena;
  OrmBinds key = { &arena, 0, 0, 0 };
  ormArenaInit(&arena, pErr);
  ormTableKey(p, &key);
  if( pErr->rc==SQLITE_OK ) ormKeyResult(pCtx, p->pShape->pModel, key.a);
  ormArenaFree(&arena);
}

/* A column that the plan did not ask for, by the key of the row. */
static void resultLate(
  Cursor *p, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  Orm *pOrm = p->pShape->pOrm;
  OrmStmt *pStmt;
  OrmArena arena;
  OrmBinds key = { &arena, 0, 0, 0 };
  OrmSql sql;
  ormArenaInit(&arena, pErr);
  ormSqlInit(&sql, pOrm, &arena, p->pShape->pModel->nKey + 1);
  ormTableLateSql(&sql, p->pShape, iCol);
  ormTableKey(p, &key);
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), sql.buf.n);
  ormBindAll(pErr, pStmt, 1, &key);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    resultValue(pCtx, sqlite3_column_value(pStmt->p, 0));
  }
  ormStmtGive(pOrm, pErr, pStmt);
  ormSqlFree(&sql);
  ormArenaFree(&arena);
}

/* An object or a relationship. */
static void resultLoaded(
  Cursor *p, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  if( p->pStream ){
    i64 n;
    const char *z = ormStreamObject(p->pStream, pErr, &n);
    assert( iCol==p->pShape->iObject );
    if( z==0 ) return;
    sqlite3_result_text(pCtx, z, -1, SQLITE_TRANSIENT);
    sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
  }else if( p->pBatch ){
    ormTableBatchColumn(p->pBatch, pCtx, iCol);
  }else{
    ormTableLoadLate(p, pErr, pCtx, iCol);
  }
}

static void resultSpecial(
  Cursor *p, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  const OrmTableColumn *pCol = &p->pShape->aCol[iCol];
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
    case ORM_TABLE_QUERY:
      if( p->zQuery ) sqlite3_result_text64(pCtx, p->zQuery, (u64)p->nQuery,
                                            SQLITE_TRANSIENT, SQLITE_UTF8);
      break;
    default: resultLoaded(p, pErr, pCtx, iCol); break;
  }
}

int ormTableColumn(
  sqlite3_vtab_cursor *pCursor, sqlite3_context *pCtx, int iCol
){
  Cursor *p = (Cursor*)pCursor;
  int iPlace = p->pPlan->aPlace[iCol];
  if( p->pPlan->bUpdate && sqlite3_vtab_nochange(pCtx) ) return SQLITE_OK;
  if( iPlace>=0 ){
    if( p->aRow ) ormBindResult(pCtx, &p->aRow[iPlace], SQLITE_TRANSIENT);
    else resultValue(pCtx, sqlite3_column_value(p->pStmt->p, iPlace));
    return SQLITE_OK;
  }
  resultSpecial(p, &p->err, pCtx, iCol);
  if( p->err.rc ) ormErrResult(&p->err, pCtx);
  return SQLITE_OK;
}

int ormTableRowid(sqlite3_vtab_cursor *pCursor, sqlite3_int64 *piRowid){
  const Cursor *p = (const Cursor*)pCursor;
  *piRowid = p->aRow ? p->aRow[0].u.i : sqlite3_column_int64(p->pStmt->p, 0);
  return SQLITE_OK;
}
