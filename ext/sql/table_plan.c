/*
** What a model table lets SQLite push down, and the statement it makes of that.
**
** A constraint goes down if the inner comparison cannot say less than SQLite's
** would: the operator is one of ours and the collation is the column's.  The
** inner comparison has the column's affinity on one side and none on the other.
** On a column of numeric affinity that is SQLite's own comparison, whatever
** stands on the other side.  On a text or typeless column it is so for a text,
** but not for a number: against an INTEGER column SQLite compares as numbers,
** against a literal as texts, and xBestIndex cannot tell which it will be.
** Such terms are marked ~: SQLite checks them again, and when a number comes
** the inner statement asks for less (they are "weak").
**
** LIMIT and OFFSET go down as a guess of how many rows will be wanted, if the
** ORDER BY does: SQLite counts and skips by itself, and when it asks for more,
** since it has turned rows down, more come (table_read.c).  That is right in
** the versions that offer a LIMIT beside terms that they do not show, too
** (CRAFT.md 2.4; WHERE a = b LIMIT 1 in 3.40).
*/
#include "table.h"
#include <stdlib.h>

#define MAX_TERM 30             /* OrmTablePlan.mWeak has 32 bits             */
#define MAX_PUSHED 28           /* of columns: the argument must find room    */
#define MAX_PLAN 32             /* plans that a shape keeps                   */

/* The operators, as SQLite numbers them, as idxStr and as SQL write them.
** Not <> and IS NOT: SQLite does not tell their collation. */
static const struct Operator {
  u8 eOp;
  char cOp;
  u8 bCompare;                  /* compares: affinity and collation matter    */
  const char *zSql;
} aOperator[] = {
  { SQLITE_INDEX_CONSTRAINT_EQ,        '=', 1, " = " },
  { SQLITE_INDEX_CONSTRAINT_LT,        '<', 1, " < " },
  { SQLITE_INDEX_CONSTRAINT_GT,        '>', 1, " > " },
  { SQLITE_INDEX_CONSTRAINT_LE,        'l', 1, " <= " },
  { SQLITE_INDEX_CONSTRAINT_GE,        'g', 1, " >= " },
  { SQLITE_INDEX_CONSTRAINT_IS,        's', 1, " IS " },
  { SQLITE_INDEX_CONSTRAINT_ISNULL,    'n', 0, " IS NULL" },
  { SQLITE_INDEX_CONSTRAINT_ISNOTNULL, 'N', 0, " IS NOT NULL" },
  { SQLITE_INDEX_CONSTRAINT_LIKE,      'k', 0, " LIKE " },
  { SQLITE_INDEX_CONSTRAINT_GLOB,      'b', 0, " GLOB " },
  { 0,                                 'i', 1, " IN " },
  { 0,                                 'h', 1, " >= " },
  { 0,                                 'H', 1, " < " },
};

static const struct Operator *operatorOf(int eOp){
  for(int i=0; i<ORM_COUNT(aOperator); i++){
    if( aOperator[i].eOp==eOp ) return &aOperator[i];
  }
  return 0;
}

static const struct Operator *operatorFor(char cOp){
  for(int i=0; i<ORM_COUNT(aOperator); i++){
    if( aOperator[i].cOp==cOp ) return &aOperator[i];
  }
  return 0;
}

const char *ormTableOperator(char cOp, int *pbCompare){
  const struct Operator *p = operatorFor(cOp);
  *pbCompare = p && p->bCompare;
  return p ? p->zSql : 0;
}

/* ----------------------------------------------------------- xBestIndex --- */

typedef struct Chooser Chooser;
struct Chooser {
  OrmTableShape *p;
  sqlite3_index_info *pInfo;
  OrmErr *pErr;
  OrmBuf note;                  /* for the reader                             */
  OrmBuf code;                  /* for us                                     */
  int nTerm;                    /* arguments of xFilter so far                */
  u8 bUnsure;                   /* some term is marked                        */
  int iLimit, iOffset;          /* constraints, or -1                         */
  OrmTableTerm aTerm[MAX_TERM];
};

static const char *columnName(const OrmTableShape *p, int iCol){
  return iCol<0 ? "rowid" : p->aCol[iCol].zName;
}

/* May comparisons with this column go down? */
static int columnPushes(const OrmTableShape *p, int iCol){
  return iCol<0 ? p->pModel->bRowidKey : p->aCol[iCol].bPush;
}

static int collationFits(const Chooser *c, int iCons){
  int iCol = c->pInfo->aConstraint[iCons].iColumn;
  const char *zColl = sqlite3_vtab_collation(c->pInfo, iCons);
  if( iCol<0 ) return 1;
  return sqlite3_stricmp(zColl, c->p->aCol[iCol].zColl)==0;
}

/* The next argument of xFilter. */
static struct sqlite3_index_constraint_usage *take(Chooser *c, int iCons){
  struct sqlite3_index_constraint_usage *pUse;
  pUse = &c->pInfo->aConstraintUsage[iCons];
  pUse->argvIndex = ++c->nTerm;
  pUse->omit = 1;
  return pUse;
}

/* Is the operator one that SQLite offers from the ON clause of a LEFT JOIN too,
** where it may not narrow the left table?  It does so before 3.51. */
static int isMisled(const struct Operator *pOp){
  return strchr("Nkb", pOp->cOp)!=0 && sqlite3_libversion_number()<3051000;
}

/*
** c LIKE 'ab%' comes with c>='ab' AND c<'ac', which leaves out the blobs that
** LIKE takes for text, where it does that.  Both are then written as one term
** that keeps them, h and H.
*/
static const struct Operator *prefixOperator(
  const Chooser *c, const struct Operator *pOp, int iCol
){
  if( pOp->cOp!='g' && pOp->cOp!='<' ) return pOp;
  if( sqlite3_compileoption_used("LIKE_DOESNT_MATCH_BLOBS") ) return pOp;
  for(int i=0; i<c->pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *p = &c->pInfo->aConstraint[i];
    if( p->iColumn!=iCol ) continue;
    if( p->op==SQLITE_INDEX_CONSTRAINT_LIKE
     || p->op==SQLITE_INDEX_CONSTRAINT_GLOB
    ){
      return operatorFor(pOp->cOp=='g' ? 'h' : 'H');
    }
  }
  return pOp;
}

static void noteTerm(Chooser *c, const struct Operator *pOp, int iCol){
  ormBufAdd(&c->note, c->nTerm>1 ? " AND " : "WHERE ", -1);
  ormBufAdd(&c->note, columnName(c->p, iCol), -1);
  ormBufAdd(&c->note, pOp->zSql, -1);
  if( pOp->cOp!='n' && pOp->cOp!='N' ) ormBufChar(&c->note, '?');
}

/* One constraint that is neither LIMIT nor OFFSET: push it, or not. */
static void chooseTerm(Chooser *c, int iCons){
  const struct sqlite3_index_constraint *pCons = &c->pInfo->aConstraint[iCons];
  const struct Operator *pOp = operatorOf(pCons->op);
  OrmTableTerm *pTerm = &c->aTerm[c->nTerm];
  int iCol = pCons->iColumn;
  char cAff;
  if( !pCons->usable || pOp==0 || c->nTerm>=MAX_PUSHED
   || !columnPushes(c->p, iCol) || isMisled(pOp)
   || (pOp->bCompare && !collationFits(c, iCons))
  ) return;
  if( pOp->cOp=='=' && sqlite3_vtab_in(c->pInfo, iCons, -1) ){
    sqlite3_vtab_in(c->pInfo, iCons, 1);
    pOp = operatorFor('i');
  }
  pOp = prefixOperator(c, pOp, iCol);
  cAff = ormTableAffinity(c->p, iCol);
  pTerm->cOp = pOp->cOp;
  pTerm->iCol = iCol;
  pTerm->bUnsure = pOp->bCompare && (cAff=='A' || cAff=='B');
  if( pOp->cOp=='h' || pOp->cOp=='H' ) pTerm->bUnsure = 1;
  if( pTerm->bUnsure ) c->bUnsure = 1;
  take(c, iCons)->omit = !pTerm->bUnsure;
  ormBufPrintf(&c->code, " %s%c%d", pTerm->bUnsure ? "~" : "", pOp->cOp, iCol);
  noteTerm(c, pOp, iCol);
}

/* FROM people(?), or WHERE query = ?. */
static int chooseQuery(Chooser *c, int iCons){
  const struct sqlite3_index_constraint *p = &c->pInfo->aConstraint[iCons];
  OrmTableTerm *pTerm = &c->aTerm[c->nTerm];
  if( p->op!=SQLITE_INDEX_CONSTRAINT_EQ || c->nTerm>=MAX_TERM ) return 1;
  if( !p->usable ) return 0;
  memset(pTerm, 0, sizeof(*pTerm));
  pTerm->cOp = 'q';
  pTerm->iCol = p->iColumn;
  take(c, iCons);
  ormBufPrintf(&c->code, " q%d", p->iColumn);
  noteTerm(c, operatorFor('='), p->iColumn);
  return 1;
}

/* All constraints.  0 if this combination cannot be served: the argument must
** come from a table that is further in. */
static int chooseTerms(Chooser *c){
  for(int i=0; i<c->pInfo->nConstraint; i++){
    const struct sqlite3_index_constraint *pCons = &c->pInfo->aConstraint[i];
    if( pCons->op==SQLITE_INDEX_CONSTRAINT_LIMIT ){
      if( pCons->usable ) c->iLimit = i;
    }else if( pCons->op==SQLITE_INDEX_CONSTRAINT_OFFSET ){
      if( pCons->usable ) c->iOffset = i;
    }else if( pCons->iColumn>=0 && pCons->iColumn==c->p->iQuery ){
      if( !chooseQuery(c, i) ) return 0;
    }else{
      chooseTerm(c, i);
    }
  }
  return 1;
}

/* ------------------------------------------------------------------- costs */

/* Is there an equality on the field?  *prList: the values of an IN. */
static int hasEqual(const Chooser *c, int iField, double *prList){
  for(int i=0; i<c->nTerm; i++){
    const OrmTableTerm *p = &c->aTerm[i];
    if( p->cOp=='q' || ormTableField(c->p, p->iCol)!=iField ) continue;
    if( p->cOp=='i' ) *prList *= 25;
    if( p->cOp=='=' || p->cOp=='s' || p->cOp=='n' || p->cOp=='i' ) return 1;
  }
  return 0;
}

/* What the ranges on a field leave. */
static double rangeShare(const Chooser *c, int iField){
  int bLow = 0, bHigh = 0;
  for(int i=0; i<c->nTerm; i++){
    const OrmTableTerm *p = &c->aTerm[i];
    if( p->cOp=='q' || ormTableField(c->p, p->iCol)!=iField ) continue;
    if( strchr(">gh", p->cOp) ) bLow = 1;
    if( strchr("<lH", p->cOp) ) bHigh = 1;
    if( p->cOp=='k' || p->cOp=='b' ) bLow = bHigh = 1;
  }
  return bLow && bHigh ? 1.0/64 : bLow || bHigh ? 1.0/4 : 1.0;
}

/* Do the ORDER BY columns follow in index i, from its column iFrom on? */
static int indexOrders(const Chooser *c, const OrmIndex *pIndex, int iFrom){
  const sqlite3_index_info *pInfo = c->pInfo;
  for(int i=0; i<pInfo->nOrderBy; i++){
    int iField = ormTableField(c->p, pInfo->aOrderBy[i].iColumn);
    if( iFrom+i>=pIndex->n || iField!=pIndex->aField[iFrom+i] ) return 0;
    if( pInfo->aOrderBy[i].desc!=pInfo->aOrderBy[0].desc ) return 0;
  }
  return 1;
}

/* Rows that an index would visit, and whether they come in order. */
static double indexRows(const Chooser *c, int iIndex, int *pbOrder){
  const OrmIndex *pIndex = &c->p->pModel->aIndex[iIndex];
  double rRow = c->p->nRow, rList = 1;
  int i = 0;
  *pbOrder = 0;
  if( pIndex->bPartial ) return rRow;
  while( i<pIndex->n && hasEqual(c, pIndex->aField[i], &rList) ){
    rRow = c->p->apStat[iIndex][i++];
  }
  *pbOrder = rList==1 && indexOrders(c, pIndex, i);
  rRow *= rList;
  if( i<pIndex->n ) rRow *= rangeShare(c, pIndex->aField[i]);
  return rRow<1 ? 1 : rRow>c->p->nRow ? c->p->nRow : rRow;
}

/* Does an equality on each column of a unique key leave one row? */
static int isUnique(const Chooser *c){
  const OrmModel *pModel = c->p->pModel;
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *p = &pModel->aUnique[i];
    int n = 0;
    if( p->bLiving ) continue;
    for(int j=0; j<p->n; j++){
      for(int k=0; k<c->nTerm; k++){
        if( c->aTerm[k].cOp=='='
         && ormTableField(c->p, c->aTerm[k].iCol)==p->aField[j] ){ n++; break; }
      }
    }
    if( n==p->n ) return 1;
  }
  return 0;
}

/* An equality to which no index leads is taken to leave a quarter of the rows,
** as SQLite takes it of its own tables: the table is read before others. */
static int anyEqual(const Chooser *c){
  for(int i=0; i<c->nTerm; i++){
    if( c->aTerm[i].cOp=='=' || c->aTerm[i].cOp=='s' ) return 1;
  }
  return 0;
}

static double logOf(double r){
  double n = 1;
  for(; r>2; r/=2) n++;
  return n;
}

/* Estimates, on the scale of SQLite's own: a step of a scan costs 3.  Returns
** whether the rows come in order by themselves. */
static int estimate(Chooser *c){
  double rRow = c->p->nRow;
  double rCost = rRow*6;
  int bOrder = 0;
  for(int i=0; i<c->p->pModel->nIndex; i++){
    int bInOrder;
    double r = indexRows(c, i, &bInOrder);
    double rThis = r*8 + logOf(c->p->nRow)*2 + 10;
    if( c->pInfo->nOrderBy && !bInOrder ) rThis += r*logOf(r);
    if( rThis<rCost || (r<rRow && rThis<rCost*2) ){
      rCost = rThis;
      rRow = r;
      bOrder = bInOrder;
    }
  }
  for(int i=0; i<c->nTerm && rRow>4; i++) rRow *= 0.9;
  if( rRow>c->p->nRow/4 && anyEqual(c) ) rRow = c->p->nRow/4;
  if( isUnique(c) ){
    rRow = 1;
    ormBufAdd(&c->code, " 1", 2);
    if( !c->bUnsure ) c->pInfo->idxFlags |= SQLITE_INDEX_SCAN_UNIQUE;
  }
  c->pInfo->estimatedRows = (i64)rRow;
  c->pInfo->estimatedCost = rCost;
  return bOrder || rRow<=1;
}

/* ---------------------------------------------------- order and limit ----- */

/* ORDER BY, if all of its columns are ours; for a DISTINCT only if the index
** gives it for nothing, since SQLite can do that without sorting. */
static void chooseOrder(Chooser *c, int bFree){
  sqlite3_index_info *pInfo = c->pInfo;
  if( pInfo->nOrderBy==0 ) return;
  if( sqlite3_vtab_distinct(pInfo)==2 && !bFree ) return;
  for(int i=0; i<pInfo->nOrderBy; i++){
    if( !columnPushes(c->p, pInfo->aOrderBy[i].iColumn) ) return;
  }
  for(int i=0; i<pInfo->nOrderBy; i++){
    int iCol = pInfo->aOrderBy[i].iColumn;
    int bDesc = pInfo->aOrderBy[i].desc;
    ormBufPrintf(&c->code, " %c%d", bDesc ? '-' : '+', iCol);
    ormBufPrintf(&c->note, "%s%s%s", i ? ", " : " ORDER BY ",
                 columnName(c->p, iCol), bDesc ? " DESC" : "");
  }
  pInfo->orderByConsumed = 1;
}

static void chooseLimit(Chooser *c){
  if( c->iLimit<0 || c->nTerm+2>MAX_TERM ) return;
  if( c->pInfo->nOrderBy && !c->pInfo->orderByConsumed ) return;
  take(c, c->iLimit)->omit = 0;
  ormBufAdd(&c->code, " t0", -1);
  ormBufAdd(&c->note, " LIMIT ?", -1);
  if( c->iOffset>=0 ){
    take(c, c->iOffset)->omit = 0;
    ormBufAdd(&c->code, " f0", -1);
    ormBufAdd(&c->note, " OFFSET ?", -1);
  }
}

static int choose(Chooser *c){
  int bFree;
  ormBufPrintf(&c->code, " | u%llx", c->pInfo->colUsed);
  if( !chooseTerms(c) ) return SQLITE_CONSTRAINT;
  bFree = estimate(c);
  chooseOrder(c, bFree);
  chooseLimit(c);
  ormBufAdd(&c->note, ormBufText(&c->code), -1);
  c->pInfo->idxStr = ormBufTake(&c->note, 0);
  c->pInfo->needToFreeIdxStr = c->pInfo->idxStr!=0;
  return SQLITE_OK;
}

int ormTableBestIndex(sqlite3_vtab *pVtab, sqlite3_index_info *pInfo){
  OrmErr err = { SQLITE_OK, 0 };
  Chooser c;
  int rc = SQLITE_OK;
  memset(&c, 0, sizeof(c));
  c.p = ormTableShape((OrmModelTable*)pVtab, &err, 0);
  c.pInfo = pInfo;
  c.pErr = &err;
  c.iLimit = c.iOffset = -1;
  ormBufInit(&c.note, &err);
  ormBufInit(&c.code, &err);
  if( c.p ) rc = choose(&c);
  ormBufFree(&c.note);
  ormBufFree(&c.code);
  return err.rc ? ormErrVtab(&err, pVtab) : rc;
}

/* ------------------------------------------------- an idxStr read again --- */

static void planWord(OrmTablePlan *p, const char *z){
  int bUnsure = z[0]=='~';
  char cOp = (z += bUnsure)[0];
  OrmTableTerm *pTerm;
  if( cOp=='u' ){
    p->mUsed = strtoull(&z[1], 0, 16);
  }else if( cOp=='1' ){
    p->bOneRow = 1;
  }else{
    pTerm = cOp=='+' || cOp=='-' ? &p->aOrder[p->nOrder++]
                                 : &p->aTerm[p->nTerm++];
    pTerm->cOp = cOp;
    pTerm->bUnsure = (u8)bUnsure;
    pTerm->iCol = (int)strtol(&z[1], 0, 10);
    if( cOp=='q' ) p->bQuery = 1;
    if( cOp=='t' ) p->bLimit = 1;
  }
}

static void planParse(OrmTablePlan *p, const char *zIdx){
  const char *z = strrchr(zIdx, '|');        /* choose() has put one there  */
  while( (z = strchr(z, ' '))!=0 ) planWord(p, ++z);
}

/* A plan made for columns that the model has no more. */
static void checkGone(
  OrmErr *pErr, const OrmTableShape *p, const OrmTablePlan *pPlan
){
  for(int i=0; i<pPlan->nTerm + pPlan->nOrder; i++){
    const OrmTableTerm *pTerm = i<pPlan->nTerm ? &pPlan->aTerm[i]
                                    : &pPlan->aOrder[i - pPlan->nTerm];
    if( operatorFor(pTerm->cOp)==0 && strchr("+-", pTerm->cOp)==0 ) continue;
    if( columnPushes(p, pTerm->iCol) ) continue;
    ormErr(pErr, SQLITE_ERROR, "orm: column %s is no longer what it was when"
           " this table was opened: SELECT orm_init() opens it anew",
           columnName(p, pTerm->iCol));
  }
}

static void planSql(OrmErr *pErr, OrmTableShape *p, OrmTablePlan *pPlan){
  OrmArena arena;
  OrmSql sql;
  i64 nSql;
  ormArenaInit(&arena, pErr);
  ormSqlInit(&sql, p->pOrm, &arena, pPlan->nTerm + 2);
  ormTableSql(&sql, p, pPlan, 0);
  pPlan->zSql = ormBufTake(&sql.buf, &nSql);
  pPlan->nSql = (int)nSql;
  ormSqlFree(&sql);
  ormSqlInit(&sql, p->pOrm, &arena, 2);
  ormTableFeedSql(&sql, p, pPlan);
  if( sql.buf.n ){
    pPlan->zFeed = ormBufTake(&sql.buf, &nSql);
    pPlan->nFeed = (int)nSql;
  }
  ormSqlFree(&sql);
  ormArenaFree(&arena);
}

/* ------------------------------------------------------ plans of a shape -- */

static void planFree(const OrmTableShape *p, OrmTablePlan *pPlan){
  OrmErr err = { SQLITE_OK, 0 };
  ormStmtGive(p->pOrm, &err, pPlan->pIdle);
  ormErrClear(&err);
  sqlite3_free(pPlan->zSql);
  sqlite3_free(pPlan->zFeed);
  sqlite3_free(pPlan->zIdx);
  sqlite3_free(pPlan);
}

/* One block: the plan, its terms, its order, three columns of numbers. */
static OrmTablePlan *planAlloc(const OrmTableShape *p, const char *zIdx){
  u64 nWord = 1;
  u64 nCol = (u64)p->nCol + 1, nKey = (u64)p->pModel->nKey;
  OrmTablePlan *pPlan;
  for(const char *z=strrchr(zIdx, '|'); *z; z++) nWord += *z==' ';
  pPlan = sqlite3_malloc64(sizeof(*pPlan) + 2*nWord*sizeof(OrmTableTerm)
              + (3*nCol + nKey)*sizeof(int));
  if( pPlan==0 ) return 0;
  memset(pPlan, 0, sizeof(*pPlan));
  pPlan->aTerm = (OrmTableTerm*)&pPlan[1];
  pPlan->aOrder = &pPlan->aTerm[nWord];
  pPlan->aPlace = (int*)&pPlan->aOrder[nWord];
  pPlan->aJoin = &pPlan->aPlace[nCol];
  pPlan->aResult = &pPlan->aJoin[nCol];
  pPlan->zIdx = sqlite3_mprintf("%s", zIdx);
  if( pPlan->zIdx==0 ){
    sqlite3_free(pPlan);
    return 0;
  }
  return pPlan;
}

static OrmTablePlan *planNew(
  OrmErr *pErr, OrmTableShape *p, const char *zIdx, u32 mWeak
){
  OrmTablePlan *pPlan = planAlloc(p, zIdx);
  if( pPlan==0 ){
    ormErrOom(pErr);
    return 0;
  }
  planParse(pPlan, zIdx);
  pPlan->mWeak = mWeak;
  if( mWeak ) pPlan->bOneRow = 0;
  if( p->nCol<64 ) pPlan->bUpdate = pPlan->mUsed>>p->nCol!=0;
  else pPlan->bUpdate = pPlan->mUsed==~(u64)0;
  checkGone(pErr, p, pPlan);
  if( pErr->rc==SQLITE_OK ){
    ormTableResults(p, pPlan);
    pPlan->nLoad = ormTableLoads(p, pPlan);
    planSql(pErr, p, pPlan);
  }
  if( pErr->rc ){
    planFree(p, pPlan);
    return 0;
  }
  return pPlan;
}

/* Beyond MAX_PLAN the oldest that no cursor is on goes. */
static void planPrune(OrmTableShape *p){
  OrmTablePlan **pp = &p->pPlan, **ppOld = 0;
  if( p->nPlan<MAX_PLAN ) return;
  for(; *pp; pp=&(*pp)->pNext) if( (*pp)->nUse==0 ) ppOld = pp;
  if( ppOld ){
    OrmTablePlan *pOld = *ppOld;
    *ppOld = pOld->pNext;
    p->nPlan--;
    planFree(p, pOld);
  }
}

OrmTablePlan *ormTablePlanTake(
  OrmErr *pErr, OrmTableShape *p, const char *zIdx, u32 mWeak
){
  OrmTablePlan **pp = &p->pPlan, *pPlan;
  while( (pPlan = *pp)!=0
      && (pPlan->mWeak!=mWeak || strcmp(pPlan->zIdx, zIdx)!=0) ){
    pp = &pPlan->pNext;
  }
  if( pPlan ){
    *pp = pPlan->pNext;
  }else{
    planPrune(p);
    pPlan = planNew(pErr, p, zIdx, mWeak);
    if( pPlan==0 ) return 0;
    p->nPlan++;
  }
  pPlan->pNext = p->pPlan;
  p->pPlan = pPlan;
  pPlan->nUse++;
  return pPlan;
}

void ormTablePlanGive(OrmTableShape *p, OrmTablePlan *pPlan){
  ORM_UNUSED(p);
  if( pPlan ) pPlan->nUse--;
}

void ormTablePlansFree(OrmTableShape *p){
  OrmTablePlan **pp = &p->pPlan;
  while( *pp ){
    OrmTablePlan *pPlan = *pp;
    if( pPlan->nUse ){
      pp = &pPlan->pNext;
    }else{
      *pp = pPlan->pNext;
      p->nPlan--;
      planFree(p, pPlan);
    }
  }
}
