/*
** The steps of a cascade carried out, shown as orm_delete_plan's rows, or
** refused.  One statement a step, over the step's rows as a key list.
**
** While it runs, and triggers of orm_enforce() are in the file, the guard row
** of orm_state keeps them silent, so the work is done once.
*/
#include "cascade.h"

/* " WHERE id IN (SELECT k0 FROM orm_keys(?1))", or of one row " WHERE id = ?1".
*/
static void whereRows(OrmBuf *pBuf, const OrmNode *pNode, int bOne){
  if( bOne ){
    ormBufAdd(pBuf, " WHERE ", -1);
    ormBufName(pBuf, pNode->azId[0]);
    ormBufAdd(pBuf, " = ?1", -1);
    return;
  }
  ormBufAdd(pBuf, " WHERE (", -1);
  for(int i=0; i<pNode->nId; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, pNode->azId[i]);
  }
  ormBufAdd(pBuf, ") IN (SELECT ", -1);
  for(int i=0; i<pNode->nId; i++) ormBufPrintf(pBuf, i ? ", k%d" : "k%d", i);
  ormBufAdd(pBuf, " FROM orm_keys(?1))", -1);
}

/* "SET a = NULL, b = DEFAULT's literal" of a set of edges; each column once. */
static void setReferences(OrmBuf *pBuf, const CascadeStep *pStep){
  const NodeState *pNode = pStep->pNode;
  u64 aSeen[512] = {0};         /* SQLite has at most 32767 columns           */
  const char *zSep = " SET ";
  for(int e=0; e<pNode->nIn; e++){
    const OrmEdge *pEdge = pNode->apIn[e];
    if( (pStep->mEdge>>e & 1)==0 ) continue;
    for(int i=0; i<pEdge->n; i++){
      int iCol = pEdge->aTo[i];
      const OrmColumn *pCol = &pEdge->pTo->aCol[iCol];
      int bDefault = pEdge->eAction==ORM_EDGE_DEFAULT && pCol->zDefault;
      if( aSeen[iCol/64]>>(iCol%64) & 1 ) continue;
      aSeen[iCol/64] |= ((u64)1)<<(iCol%64);
      ormBufAdd(pBuf, zSep, -1);
      ormBufName(pBuf, pCol->zName);
      ormBufPrintf(pBuf, " = %s", bDefault ? pCol->zDefault : "NULL");
      zSep = ", ";
    }
  }
}

/* Rows of a leaf that refer to the key list.  Its edges are plain: what refers
** to a rowid makes numbers of texts, as the rowid does. */
static void dropSql(OrmBuf *pBuf, const OrmEdge *p){
  int bDirect = p->n==1 && p->pFrom->iRowid>=0 && p->aFrom[0]==p->pFrom->iRowid;
  assert( !bDirect || p->pTo->aCol[p->aTo[0]].cAff>='C' );
  ormBufAdd(pBuf, "DELETE FROM ", -1);
  ormBufTable(pBuf, p->pTo->zTable);
  ormBufAdd(pBuf, " WHERE (", -1);
  for(int i=0; i<p->n; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufName(pBuf, p->pTo->aCol[p->aTo[i]].zName);
  }
  if( bDirect ){
    ormBufAdd(pBuf, ") IN (SELECT k0 FROM orm_keys(?1))", -1);
    return;
  }
  ormBufAdd(pBuf, ") IN (SELECT ", -1);
  for(int i=0; i<p->n; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, "p", p->pFrom->aCol[p->aFrom[i]].zName);
  }
  ormBufAdd(pBuf, " FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  ormBufTable(pBuf, p->pFrom->zTable);
  ormBufAdd(pBuf, " AS p WHERE ", -1);
  for(int i=0; i<p->pFrom->nId; i++){
    if( i ) ormBufAdd(pBuf, " AND ", 5);
    ormBufColumn(pBuf, "p", p->pFrom->azId[i]);
    ormBufPrintf(pBuf, " = k.k%d", i);
  }
  ormBufChar(pBuf, ')');
}

/* The text of a step's statement: ?1 its rows, ?2 and ?3 the clock, with and
** without milliseconds. */
static void stepSql(
  const OrmCascade *p, const CascadeStep *pStep, int bOne, OrmBuf *pBuf
){
  const OrmNode *pNode = pStep->pNode->p;
  if( pStep->eType==STEP_EDGE ){
    dropSql(pBuf, pStep->pEdge);
    return;
  }
  if( pStep->eType>=STEP_DELETE ){
    ormBufAdd(pBuf, "DELETE FROM ", -1);
    ormBufTable(pBuf, pNode->zTable);
    whereRows(pBuf, pNode, bOne);
    return;
  }
  ormBufAdd(pBuf, "UPDATE ", -1);
  ormBufTable(pBuf, pNode->zTable);
  if( pStep->eType==STEP_RELEASE ){
    ormEdgeOpenSql(pBuf, pStep->pEdge);
  }else if( pStep->eType==STEP_NULLIFY ){
    setReferences(pBuf, pStep);
    if( pNode->pModel ) ormTouchSql(pBuf, pNode->pModel, 3);
  }else{
    const OrmField *pField = &pNode->pSoft->aField[pNode->pSoft->iSoftDelete];
    ormBufAdd(pBuf, " SET ", -1);
    ormBufName(pBuf, pField->zName);
    if( pField->eType==ORM_TYPE_BOOLEAN ){
      ormBufAdd(pBuf, p->pStamp ? " = 0" : " = 1", -1);
    }else{
      ormBufAdd(pBuf, p->pStamp ? " = NULL" : " = ?2", -1);
    }
    ormTouchSql(pBuf, pNode->pSoft, 3);
  }
  whereRows(pBuf, pNode, bOne);
}

static void bindClock(const OrmCascade *p, OrmStmt *pStmt){
  int n = sqlite3_bind_parameter_count(pStmt->p);
  if( n>=2 ) ormBindTextTo(p->pErr, pStmt, 2, p->zNow, -1);
  if( n>=3 ) ormBindTextTo(p->pErr, pStmt, 3, p->zSecond, -1);
}

/* Run a step.  A failure of the table's own constraints names the path.  The
** key list may stay unread, where no row is there to compare: that it is ours
** was seen when the roots were found. */
static void runStep(OrmCascade *p, const CascadeStep *pStep){
  int bTouch = pStep->eType==STEP_NULLIFY;
  int bEdge = pStep->eType==STEP_EDGE;
  const NodeState *pKeyNode = bEdge ? ormCascadeState(p, pStep->pEdge->pFrom)
                                    : pStep->pNode;
  int bOne = pStep->n==1 && pKeyNode->del.bInt && !bEdge;
  OrmKeys keys;
  OrmStmt *pStmt;
  if( pStep->n==0 ) return;
  ormCascadeKeys(p, pKeyNode, bTouch, pStep->n, pStep->aRow, &keys);
  if( bEdge && pStep->pEdge->zDrop ){
    pStmt = ormStmtTake(p->pOrm, p->pErr, pStep->pEdge->zDrop,
                        pStep->pEdge->nDrop);
  }else{
    OrmBuf buf;
    ormBufInit(&buf, p->pErr);
    stepSql(p, pStep, bOne, &buf);
    if( bEdge ) ormEdgeKeep(p->pErr, pStep->pEdge, 1, &buf);
    pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
    ormBufFree(&buf);
  }
  if( bOne ) ormBindIntTo(pStmt, 1, keys.aInt[0]);
  else ormKeysBind(p->pErr, pStmt, 1, &keys);
  if( pStmt && pStep->eType<=STEP_SOFT ) bindClock(p, pStmt);
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  if( p->pErr->rc ){
    OrmBuf path;
    OrmErr err = {0};
    u32 iPath = bTouch ? pStep->pNode->aTouch[pStep->aRow[0]].iPath
                       : p->aRow[pStep->aRow[0]].iPath;
    ormBufInit(&path, &err);
    ormCascadePathText(p, iPath, &path);
    if( err.rc ){
      ormErrClear(p->pErr);
      ormErrMove(&err, p->pErr);
    }else{
      ormErrPrefix(p->pErr, "orm: %s: ", ormBufText(&path));
    }
    ormBufFree(&path);
    ormErrClear(&err);
  }
}

static int gotFlag(void *pArg, int nCol, char **azVal, char **azName){
  ORM_UNUSED(azName);
  ORM_UNUSED(nCol);
  *(int*)pArg = azVal[0][0]=='1';
  return 0;
}

/* Pragmas of flags act when they are prepared, so they cannot be cached.  To
** run them would expire all statements of the connection: one that is running,
** and calls us, could open no table any more.  Ours are compiled anew by
** bDefer. */
int ormForeignKeysDefer(Orm *pOrm, OrmErr *pErr, int bOn){
  int bWas = 0;
  int rc = sqlite3_exec(pOrm->db, "PRAGMA defer_foreign_keys", gotFlag, &bWas,
                        0);
  if( rc==SQLITE_OK && bWas!=bOn ){
    sqlite3_stmt *pStmt = 0;
    rc = sqlite3_prepare_v2(pOrm->db, bOn ? "PRAGMA defer_foreign_keys = 1"
                                     : "PRAGMA defer_foreign_keys = 0", -1,
                            &pStmt, 0);
    sqlite3_finalize(pStmt);
    if( rc==SQLITE_OK ) pOrm->bDefer = (u8)bOn;
  }
  if( !bOn ) pOrm->bDefer = 0;
  ormErrDb(pErr, pOrm->db, rc);
  return bWas;
}

/* The guard of orm_enforce's triggers; 1 if it is ours to take away. */
static int guardSet(OrmCascade *p){
  int n;
  if( !ormRulesEnforced(p->pRules, p->pErr) ) return 0;
  n = sqlite3_total_changes(p->pOrm->db);
  ormStmtExecf(p->pOrm, p->pErr,
      "INSERT OR IGNORE INTO \"main\".orm_state(id, token) VALUES (2, 0)");
  return sqlite3_total_changes(p->pOrm->db)!=n;
}

i64 ormCascadeRun(OrmCascade *p){
  sqlite3 *db;
  int nBefore, bGuard, bWasDeferred = 1, nGuard = 0;
  if( !p->bPlanned ) return 0;
  db = p->pOrm->db;
  nBefore = sqlite3_total_changes(db);
  bGuard = guardSet(p);
  nGuard = bGuard ? 2 : 0;
  ormNow(p->pOrm, p->pErr, p->zNow, 1);
  ormNow(p->pOrm, p->pErr, p->zSecond, 0);
  if( p->bDefer && p->bForeignKeys ){
    bWasDeferred = ormForeignKeysDefer(p->pOrm, p->pErr, 1);
  }
  for(int i=0; i<p->nStep && p->pErr->rc==SQLITE_OK; i++){
    runStep(p, &p->aStep[i]);
  }
  if( !bWasDeferred ) ormForeignKeysDefer(p->pOrm, p->pErr, 0);
  if( bGuard ){
    ormStmtExecf(p->pOrm, p->pErr,
                 "DELETE FROM \"main\".orm_state WHERE id = 2");
  }
  return p->pErr->rc ? 0 : sqlite3_total_changes(db) - nBefore - nGuard;
}

/* ------------------------------------------------------------------------
** Keys to show
** --------------------------------------------------------------------- */

/* Columns that show the key of a step's rows: of a link row all, of others
** its key's, of a table without one its rowid. */
static int keyColumns(OrmBuf *pBuf, const OrmNode *pNode, int bLink){
  int n = bLink ? pNode->nCol : pNode->nKey;
  for(int i=0; i<n; i++){
    ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, "c", pNode->aCol[bLink ? i : pNode->aKey[i]].zName);
  }
  if( n==0 ){
    ormBufAdd(pBuf, ", ", 2);
    ormBufColumn(pBuf, "c", pNode->azId[0]);
    n = 1;
  }
  return n;
}

/* A statement that gives (i, key columns) of the rows of a step, in order. */
static OrmStmt *keyStmt(
  OrmCascade *p, const CascadeStep *pStep, int nRow, OrmKeys *pKeys, int *pnCol
){
  const OrmNode *pNode = pStep->pNode->p;
  int bTouch = pStep->eType==STEP_NULLIFY || pStep->eType==STEP_RESTRICT;
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT k.i", -1);
  *pnCol = keyColumns(&buf, pNode, pStep->eType==STEP_UNLINK);
  ormBufAdd(&buf, " FROM orm_keys(?1) AS k CROSS JOIN ", -1);
  ormBufTable(&buf, pNode->zTable);
  ormBufAdd(&buf, " AS c WHERE ", -1);
  for(int i=0; i<pNode->nId; i++){
    if( i ) ormBufAdd(&buf, " AND ", 5);
    ormBufColumn(&buf, "c", pNode->azId[i]);
    ormBufPrintf(&buf, " = k.k%d", i);
  }
  ormBufAdd(&buf, " ORDER BY 2", -1);
  for(int i=1; i<*pnCol; i++) ormBufPrintf(&buf, ", %d", i+2);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  ormCascadeKeys(p, pStep->pNode, bTouch, nRow, pStep->aRow, pKeys);
  ormKeysBind(p->pErr, pStmt, 1, pKeys);
  return pStmt;
}

/* The key of the row the statement is at: one value, or a JSON array. */
static void keyText(OrmStmt *pStmt, int nCol, int bArray, OrmBuf *pBuf){
  if( bArray ) ormBufChar(pBuf, '[');
  for(int i=0; i<nCol; i++){
    if( i ) ormBufChar(pBuf, ',');
    ormJsonValue(pBuf, sqlite3_column_value(pStmt->p, i+1), ORM_TYPE_ANY);
  }
  if( bArray ) ormBufChar(pBuf, ']');
}

static u32 rowPath(const OrmCascade *p, const CascadeStep *pStep, int i){
  if( pStep->eType==STEP_NULLIFY || pStep->eType==STEP_RESTRICT ){
    return pStep->pNode->aTouch[pStep->aRow[i]].iPath;
  }
  return p->aRow[pStep->aRow[i]].iPath;
}

static const char *const azAction[] = {
  "restrict", "nullify", "soft_delete", 0, "delete", "unlink", 0, "restrict"
};

void ormCascadeShow(OrmCascade *p, OrmPlanRow xRow, void *pArg){
  OrmBuf key, path;
  int iStep = 0;
  if( !p->bPlanned ) return;
  ormBufInit(&key, p->pErr);
  ormBufInit(&path, p->pErr);
  for(int i=0; i<p->nStep && p->pErr->rc==SQLITE_OK; i++){
    const CascadeStep *pStep = &p->aStep[i];
    const OrmNode *pNode = pStep->pNode->p;
    OrmKeys keys;
    OrmStmt *pStmt;
    int nCol, bLink = pStep->eType==STEP_UNLINK;
    if( azAction[pStep->eType]==0 ) continue;
    iStep++;
    pStmt = keyStmt(p, pStep, pStep->n, &keys, &nCol);
    while( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
      int bArray = nCol>1;
      ormBufReset(&key);
      ormBufReset(&path);
      if( bArray ) keyText(pStmt, nCol, 1, &key);
      ormCascadePathText(p, rowPath(p, pStep, sqlite3_column_int(pStmt->p, 0)),
                         &path);
      if( p->pErr->rc ) break;
      xRow(pArg, iStep, azAction[pStep->eType],
           pNode->pModel && !bLink ? pNode->pModel->zName : 0, pNode->zTable,
           bArray ? 0 : sqlite3_column_value(pStmt->p, 1),
           ormBufText(&key), key.n, ormBufText(&path));
    }
    ormStmtGive(p->pOrm, p->pErr, pStmt);
    ormKeysCheck(p->pErr, &keys);
  }
  ormBufFree(&key);
  ormBufFree(&path);
}

/* ------------------------------------------------------------------------
** Refusing
** --------------------------------------------------------------------- */

#define REFUSE_KEYS 5           /* keys that an error names                   */

/* "Post 3, 4, 5 and 7 more" */
static void refuseRows(OrmCascade *p, const CascadeStep *pStep, OrmBuf *pBuf){
  const OrmNode *pNode = pStep->pNode->p;
  int n = pStep->n<REFUSE_KEYS ? pStep->n : REFUSE_KEYS;
  int nCol, i = 0;
  OrmKeys keys;
  OrmStmt *pStmt = keyStmt(p, pStep, n, &keys, &nCol);
  ormBufAdd(pBuf, pNode->pModel ? pNode->pModel->zName : pNode->zTable, -1);
  while( ormStmtStep(p->pOrm, p->pErr, pStmt) ){
    ormBufAdd(pBuf, i++ ? ", " : " ", -1);
    keyText(pStmt, nCol, nCol>1, pBuf);
  }
  ormStmtGive(p->pOrm, p->pErr, pStmt);
  if( pStep->n>n ) ormBufPrintf(pBuf, " and %d more", pStep->n-n);
}

static const struct Refusal {
  int rc;
  const char *zWhat;            /* the constraint                             */
  const char *zWhy;             /* after the rows                             */
} aRefusal[] = {
  /* NONE    */ { SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed",
                  "would be left without what it refers to" },
  /* NOTNULL */ { SQLITE_CONSTRAINT_NOTNULL, "NOT NULL constraint failed",
                  "would have to let go of what it refers to" },
  /* KEY     */ { SQLITE_CONSTRAINT, "cannot set a primary key column NULL",
                  "would have to let go of what it refers to" },
  /* DEFAULT */ { SQLITE_CONSTRAINT_FOREIGNKEY, "SET DEFAULT constraint failed",
                  "has a DEFAULT that is no literal, or that nothing has" },
  /* circle  */ { SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed",
                  "is in a circle of references that nothing may open" },
};

void ormCascadeRefuse(OrmCascade *p, const CascadeStep *pStep){
  const OrmEdge *pEdge = pStep->pEdge;
  const struct Refusal *pWhy = &aRefusal[pEdge->eBlock];
  OrmBuf path, rows;
  if( pStep->eType==STEP_CIRCLE ) pWhy = &aRefusal[4];
  if( pEdge->eAction==ORM_EDGE_DEFAULT && pEdge->eBlock==0 ){
    pWhy = &aRefusal[ORM_BLOCK_DEFAULT];
  }
  ormBufInit(&path, p->pErr);
  ormBufInit(&rows, p->pErr);
  ormCascadePathText(p, rowPath(p, pStep, 0), &path);
  refuseRows(p, pStep, &rows);
  ormErr(p->pErr, pWhy->rc, "orm: %s: %s: %s.%s of %s %s", ormBufText(&path),
         pWhy->zWhat, pEdge->pTo->zTable,
         pEdge->pTo->aCol[pEdge->aTo[0]].zName, ormBufText(&rows), pWhy->zWhy);
  ormBufFree(&path);
  ormBufFree(&rows);
}
