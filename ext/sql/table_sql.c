/*
** The inner statement of a model table.
**
**     SELECT <key>, <used columns> FROM <table> AS t0
**       LEFT JOIN <target> AS t1 ON ..       a to-one target that is used
**     WHERE <not deleted> AND <terms> ORDER BY .. LIMIT .. OFFSET ..
**
** ?1, ?2 .. are the arguments of xFilter, one more is the offset.  With an
** argument of the table its query says which rows there are: its where stands
** beside the terms or, when it has a limit or a cursor, its rows are a subquery
** in the table's place.
**
** Always true: of the aliases out here a subquery speaks of none but t0, so its
** own begin at t1 whatever is joined.
*/
#include "table.h"

int ormTableField(const OrmTableShape *p, int iCol){
  if( iCol<0 ) return p->pModel->aKey[0];
  return p->aCol[iCol].pRel ? -1 : p->aCol[iCol].iField;
}

char ormTableAffinity(const OrmTableShape *p, int iCol){
  return iCol<0 ? 'D' : p->aCol[iCol].cAff;
}

/* -------------------------------------------------- what the row holds -- */

/* Is the column wanted by name?  All from 63 on share a bit. */
static int isUsed(const OrmTablePlan *p, int iCol){
  return (int)(p->mUsed>>(iCol<63 ? iCol : 63)) & 1;
}

/* Does a term or the order name a column of a target? */
static int isNamed(const OrmTablePlan *p, int iCol){
  for(int i=0; i<p->nTerm; i++){
    if( p->aTerm[i].iCol==iCol ) return 1;
  }
  for(int i=0; i<p->nOrder; i++){
    if( p->aOrder[i].iCol==iCol ) return 1;
  }
  return 0;
}

/* The alias of a column's target, a new one if its relationship has none. */
static void joinTarget(
  const OrmTableShape *p, OrmTablePlan *pPlan, int iCol, int *pnJoin
){
  const OrmRel *pRel = p->aCol[iCol].pRel;
  for(int i=0; i<iCol; i++){
    if( p->aCol[i].pRel==pRel && pPlan->aJoin[i] ){
      pPlan->aJoin[iCol] = pPlan->aJoin[i];
      return;
    }
  }
  if( !ormRelSeveral(pRel) ) pPlan->aJoin[iCol] = ++*pnJoin;
}

static int findResult(const OrmTablePlan *pPlan, int i){
  for(int j=0; j<pPlan->nResult; j++){
    if( pPlan->aResult[j]==i ) return j;
  }
  return -1;
}

/* A field's place: in the key, or a new one. */
static int fieldPlace(
  const OrmTableShape *p, OrmTablePlan *pPlan, int iCol, int bUsed
){
  int iPlace = findResult(pPlan, ~p->aCol[iCol].iField);
  if( iPlace<0 && bUsed ) pPlan->aResult[iPlace = pPlan->nResult++] = iCol;
  return iPlace;
}

void ormTableResults(const OrmTableShape *p, OrmTablePlan *pPlan){
  const OrmModel *pModel = p->pModel;
  int nJoin = 0;
  pPlan->nResult = 0;
  for(int i=0; i<pModel->nKey; i++){
    pPlan->aResult[pPlan->nResult++] = ~pModel->aKey[i];
  }
  for(int i=0; i<p->nCol; i++){
    const OrmTableColumn *pCol = &p->aCol[i];
    int bUsed = isUsed(pPlan, i);
    pPlan->aPlace[i] = -1;
    pPlan->aJoin[i] = 0;
    if( pCol->bGone ) continue;
    if( pCol->eKind==ORM_TABLE_FIELD ){
      pPlan->aPlace[i] = fieldPlace(p, pPlan, i, bUsed);
    }else if( pCol->eKind==ORM_TABLE_KEY && pModel->nKey==1 ){
      pPlan->aPlace[i] = 0;
    }else if( pCol->eKind==ORM_TABLE_TARGET ){
      bUsed = bUsed && i<63 && !pPlan->bUpdate;
      if( bUsed || isNamed(pPlan, i) ) joinTarget(p, pPlan, i, &nJoin);
      if( bUsed ) pPlan->aResult[pPlan->aPlace[i] = pPlan->nResult++] = i;
    }
  }
}

/* ---------------------------------------------------------------- pieces -- */

typedef struct Inner Inner;
struct Inner {
  OrmSql *pSql;
  const OrmTableShape *p;
  const OrmTablePlan *pPlan;    /* 0: of none                                 */
  int eDeleted;                 /* which targets are seen                     */
};

static void sql(Inner *in, const char *z){
  ormBufAdd(&in->pSql->buf, z, -1);
}

/* "(SELECT .. LIMIT 1)": a target's field without a join. */
static void targetSql(Inner *in, const OrmTableColumn *pCol){
  const OrmRel *pRel = pCol->pRel;
  const OrmModel *pTarget = pRel->pTarget;
  char zAlias[16];
  ormSqlAlias(in->pSql, zAlias);
  sql(in, "(SELECT ");
  ormBufColumn(&in->pSql->buf, zAlias, pTarget->aField[pCol->iField].zName);
  sql(in, " FROM ");
  ormBufTable(&in->pSql->buf, pTarget->zTable);
  ormBufPrintf(&in->pSql->buf, " AS %s WHERE ", zAlias);
  ormRelJoinSql(in->pSql, pRel, "t0", zAlias);
  ormDeletedSql(in->pSql, pTarget, in->eDeleted, zAlias);
  for(int i=0; i<pTarget->nKey && ormRelSeveral(pRel); i++){
    sql(in, i ? ", " : " ORDER BY ");
    ormBufColumn(&in->pSql->buf, zAlias,
                 pTarget->aField[pTarget->aKey[i]].zName);
  }
  sql(in, " LIMIT 1)");
}

/* The field of a column, which is a model's or a target's. */
static const OrmField *fieldOf(const OrmTableShape *p, int iCol){
  const OrmTableColumn *pCol = iCol<0 ? 0 : &p->aCol[iCol];
  if( pCol && pCol->pRel ) return &pCol->pRel->pTarget->aField[pCol->iField];
  return &p->pModel->aField[ormTableField(p, iCol)];
}

static void columnSql(Inner *in, int iCol){
  const OrmTableShape *p = in->p;
  const OrmTableColumn *pCol = iCol<0 ? 0 : &p->aCol[iCol];
  if( pCol && pCol->pRel ){
    int iJoin = in->pPlan ? in->pPlan->aJoin[iCol] : 0;
    char zAlias[16];
    if( iJoin==0 ){
      targetSql(in, pCol);
      return;
    }
    sqlite3_snprintf(16, zAlias, "t%d", iJoin);
    ormBufColumn(&in->pSql->buf, zAlias, fieldOf(p, iCol)->zName);
  }else{
    ormBufColumn(&in->pSql->buf, "t0", fieldOf(p, iCol)->zName);
  }
}

/* Does SQLite outside compare the column as BINARY, though it may be collated?
** So it does for hidden columns, and for a view's: their collation is one that
** nothing tells. */
static int isMadeBinary(const OrmTableShape *p, int iCol){
  const OrmTableColumn *pCol = iCol<0 ? 0 : &p->aCol[iCol];
  const OrmModel *pModel = pCol && pCol->pRel ? pCol->pRel->pTarget
                                              : p->pModel;
  if( pModel->bView ) return 1;
  return pCol && sqlite3_stricmp(pCol->zColl, fieldOf(p, iCol)->zColl)!=0;
}

static void collateSql(Inner *in, int iCol){
  if( isMadeBinary(in->p, iCol) ) sql(in, " COLLATE BINARY");
}

/* ----------------------------------------------------------------- terms -- */

static void argumentSql(Inner *in, char cOp, int iArg){
  switch( cOp ){
    case 'n': case 'N': break;
    case 'i':
      ormBufPrintf(&in->pSql->buf, "(SELECT k0 FROM main.orm_keys(?%d))", iArg);
      break;
    default:
      /* The + keeps SQLite from planning anew for every value: the plan was
      ** made by the statement outside. */
      ormBufPrintf(&in->pSql->buf, "+?%d", iArg);
  }
}

/* "<column> = ?1 AND ", before the same as BINARY: it is less than that says,
** but an index of the column's own collation finds it. */
static void narrowSql(Inner *in, const OrmTableTerm *pTerm, int iArg){
  const char *zColl = fieldOf(in->p, pTerm->iCol)->zColl;
  int bCompare;
  if( strchr("=si", pTerm->cOp)==0 ) return;
  if( !isMadeBinary(in->p, pTerm->iCol) ) return;
  if( sqlite3_stricmp(zColl, "NOCASE")!=0
   && sqlite3_stricmp(zColl, "RTRIM")!=0 ) return;
  columnSql(in, pTerm->iCol);
  sql(in, ormTableOperator(pTerm->cOp, &bCompare));
  argumentSql(in, pTerm->cOp, iArg);
  sql(in, " AND ");
}

static void compareSql(Inner *in, const OrmTableTerm *pTerm, int iArg){
  int bCompare;
  const char *zOp = ormTableOperator(pTerm->cOp, &bCompare);
  narrowSql(in, pTerm, iArg);
  columnSql(in, pTerm->iCol);
  if( bCompare ) collateSql(in, pTerm->iCol);
  sql(in, zOp);
  argumentSql(in, pTerm->cOp, iArg);
}

int ormTableWeakIsGone(const OrmTableShape *p, const OrmTableTerm *pTerm){
  return ormTableAffinity(p, pTerm->iCol)=='B' || strchr("hH", pTerm->cOp)!=0;
}

/* What a term asks of the rows when a number is compared with text: less than
** it says, never more. */
static void weakSql(Inner *in, const OrmTableTerm *pTerm, int iArg){
  int bOpen = strchr("=<lsi", pTerm->cOp)!=0;
  if( ormTableWeakIsGone(in->p, pTerm) ){
    sql(in, "1");
    return;
  }
  if( bOpen ) sql(in, "(");
  compareSql(in, pTerm, iArg);
  if( !bOpen ) return;
  sql(in, " OR ");
  columnSql(in, pTerm->iCol);
  sql(in, " BETWEEN '' AND x'')");
}

/* "((c >= ?1 AND c < ?2) OR c >= x'')": the two ends of a prefix, the second at
** the place of the first; an end alone is left out. */
static void prefixSql(Inner *in, int i){
  const OrmTablePlan *pPlan = in->pPlan;
  const OrmTableTerm *pTerm = &pPlan->aTerm[i];
  int j = i + 1;
  while( j<pPlan->nTerm && (pPlan->aTerm[j].cOp!='H'
                            || pPlan->aTerm[j].iCol!=pTerm->iCol) ) j++;
  if( pTerm->cOp=='H' || j>=pPlan->nTerm || (pPlan->mWeak & (1u<<j)) ){
    sql(in, "1");
    return;
  }
  sql(in, "((");
  compareSql(in, pTerm, i + 1);
  sql(in, " AND ");
  compareSql(in, &pPlan->aTerm[j], j + 1);
  sql(in, ") OR ");
  columnSql(in, pTerm->iCol);
  sql(in, " >= x'')");
}

static void termsSql(Inner *in){
  const OrmTablePlan *pPlan = in->pPlan;
  int bFew = ormSqlInFew(in->pSql, in->p->pModel), bCompare;
  for(int i=0; i<pPlan->nTerm; i++){
    const OrmTableTerm *pTerm = &pPlan->aTerm[i];
    int bRange = bFew && strchr("=sin", pTerm->cOp)==0;
    if( ormTableOperator(pTerm->cOp, &bCompare)==0 ) continue;
    sql(in, bRange ? " AND (" : " AND ");
    if( pPlan->mWeak & (1u<<i) ) weakSql(in, pTerm, i + 1);
    else if( strchr("hH", pTerm->cOp) ) prefixSql(in, i);
    else compareSql(in, pTerm, i + 1);
    if( bRange ) sql(in, ")+0");
  }
}

/* --------------------------------------------------------- from and tail -- */

static void joinsSql(Inner *in){
  int nDone = 0;
  for(int i=0; i<in->p->nCol; i++){
    const OrmRel *pRel = in->p->aCol[i].pRel;
    char zAlias[16];
    if( in->pPlan->aJoin[i]<=nDone ) continue;
    nDone = in->pPlan->aJoin[i];
    sqlite3_snprintf(16, zAlias, "t%d", nDone);
    sql(in, " LEFT JOIN ");
    ormBufTable(&in->pSql->buf, pRel->pTarget->zTable);
    ormBufPrintf(&in->pSql->buf, " AS %s ON ", zAlias);
    ormRelJoinSql(in->pSql, pRel, "t0", zAlias);
    ormDeletedSql(in->pSql, pRel->pTarget, in->eDeleted, zAlias);
  }
}

/* Is the query more than a filter: do its rows depend on each other? */
static int isPaged(const OrmQuery *pQuery){
  return pQuery->iLimit>=0 || pQuery->iOffset || pQuery->pAfter
      || pQuery->pBefore;
}

static void fromSql(Inner *in, const OrmQuery *pQuery){
  sql(in, " FROM ");
  if( pQuery && isPaged(pQuery) ){
    char zAlias[16];
    ormSqlAlias(in->pSql, zAlias);
    ormBufPrintf(&in->pSql->buf, "(SELECT %s.*", zAlias);
    ormSelectSql(in->pSql, pQuery, zAlias);
    sql(in, ")");
  }else{
    ormBufTable(&in->pSql->buf, in->p->pModel->zTable);
  }
  sql(in, " AS t0");
  joinsSql(in);
}

/* What was added since nBefore begins with " AND ", if it is anything: make a
** WHERE of it. */
static void asWhere(OrmBuf *pBuf, i64 nBefore){
  i64 nAdded = pBuf->n - nBefore;
  if( nAdded<5 || ormBufReserve(pBuf, 2)==0 ) return;
  memmove(&pBuf->z[nBefore + 7], &pBuf->z[nBefore + 5], (size_t)nAdded - 5);
  memcpy(&pBuf->z[nBefore], " WHERE ", 7);
  pBuf->n += 2;
}

/* Terms with an IN over a column, and what follows of that (see sql.c). */
static void seeksSql(Inner *in){
  for(int i=0; i<in->pPlan->nTerm; i++){
    int iField = ormTableField(in->p, in->pPlan->aTerm[i].iCol);
    if( in->pPlan->aTerm[i].cOp!='i' || iField<0 ) continue;
    ormSqlInSeek(in->pSql, in->p->pModel, 1, &iField);
  }
}

static void whereSql(Inner *in, const OrmQuery *pQuery){
  i64 nBefore = in->pSql->buf.n;
  in->pSql->bInSeek = in->pSql->bInBeside = 0;
  seeksSql(in);
  if( pQuery==0 ){
    ormDeletedSql(in->pSql, in->p->pModel, ORM_DELETED_HIDE, "t0");
  }else if( !isPaged(pQuery) ){
    ormWhereSql(in->pSql, pQuery, "t0");
  }
  termsSql(in);
  asWhere(&in->pSql->buf, nBefore);
  if( in->pPlan->bLimit ) ormSqlInLimited(in->pSql, nBefore);
}

static void tailSql(Inner *in, const OrmQuery *pQuery){
  const OrmTablePlan *pPlan = in->pPlan;
  OrmBuf *pBuf = &in->pSql->buf;
  for(int i=0; i<pPlan->nOrder; i++){
    sql(in, i ? ", " : " ORDER BY ");
    columnSql(in, pPlan->aOrder[i].iCol);
    collateSql(in, pPlan->aOrder[i].iCol);
    if( pPlan->aOrder[i].cOp=='-' ) sql(in, " DESC");
  }
  if( pQuery && pPlan->nOrder==0 ) ormOrderSql(in->pSql, pQuery, "t0");
  for(int i=0; i<pPlan->nTerm; i++){
    if( pPlan->aTerm[i].cOp!='t' ) continue;
    ormBufPrintf(pBuf, " LIMIT ?%d+0 OFFSET ?%d", i + 1, pPlan->nTerm + 1);
  }
}

/* ------------------------------------------------------------ statements -- */

/* "SELECT <key>, <used columns>" */
static void resultsSql(Inner *in){
  const OrmModel *pModel = in->p->pModel;
  sql(in, "SELECT ");
  for(int i=0; i<in->pPlan->nResult; i++){
    int iCol = in->pPlan->aResult[i];
    if( i ) sql(in, ", ");
    if( iCol>=0 ) columnSql(in, iCol);
    else ormBufColumn(&in->pSql->buf, "t0", pModel->aField[~iCol].zName);
  }
}

void ormTableSql(
  OrmSql *pSql, const OrmTableShape *p, const OrmTablePlan *pPlan,
  const OrmQuery *pQuery
){
  Inner in = { pSql, p, pPlan, ORM_DELETED_HIDE };
  if( pQuery && pQuery->eDeleted ) in.eDeleted = ORM_DELETED_ALSO;
  pSql->nAlias = 1;
  resultsSql(&in);
  fromSql(&in, pQuery);
  whereSql(&in, pQuery);
  tailSql(&in, pQuery);
}

void ormTableFeedSql(
  OrmSql *pSql, const OrmTableShape *p, const OrmTablePlan *pPlan
){
  Inner in = { pSql, p, pPlan, ORM_DELETED_HIDE };
  if( !pPlan->bOneRow || !p->pModel->bRowidKey ) return;
  if( pPlan->nTerm>ORM_MAX_KEY ) return;
  for(int i=0; i<pPlan->nTerm; i++){
    if( pPlan->aTerm[i].cOp!='=' ) return;
    if( pPlan->aTerm[i].iCol>=0 && p->aCol[pPlan->aTerm[i].iCol].pRel ) return;
  }
  pSql->nAlias = 1;
  resultsSql(&in);
  sql(&in, " FROM main.orm_keys(?1) AS k LEFT JOIN ");
  ormBufTable(&pSql->buf, p->pModel->zTable);
  sql(&in, " AS t0 ON ");
  for(int i=0; i<pPlan->nTerm; i++){
    if( i ) sql(&in, " AND ");
    columnSql(&in, pPlan->aTerm[i].iCol);
    ormBufPrintf(&pSql->buf, " = k.k%d", i);
  }
  ormDeletedSql(pSql, p->pModel, ORM_DELETED_HIDE, "t0");
  joinsSql(&in);
}

void ormTableLateSql(OrmSql *pSql, const OrmTableShape *p, int iCol){
  Inner in = { pSql, p, 0, ORM_DELETED_HIDE };
  pSql->nAlias = 1;
  sql(&in, "SELECT ");
  columnSql(&in, iCol);
  sql(&in, " FROM ");
  ormBufTable(&pSql->buf, p->pModel->zTable);
  sql(&in, " AS t0 WHERE ");
  for(int i=0; i<p->pModel->nKey; i++){
    if( i ) sql(&in, " AND ");
    ormBufColumn(&pSql->buf, "t0", p->pModel->aField[p->pModel->aKey[i]].zName);
    ormBufPrintf(&pSql->buf, " IS ?%d", i + 1);
  }
}
