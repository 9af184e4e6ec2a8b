/*
** The columns of a model table that are loaded, not read: the object, and the
** relationships, each as JSON.
**
** Rows of the inner statement are read ahead into a batch; then what the
** statement uses of these columns is loaded for the keys of all of them at
** once.  Batches grow, so the first row comes soon.  The relationships come
** out of one plan, {"select": [..], "include": {..}}, as members of an object
** each; the object has a plan of its own, that of the table's argument.
**
** A batch for an UPDATE, or for columns whose use cannot be told beforehand
** (those from number 63 on share a bit), is made when the first is asked for.
*/
#include "table.h"

#define BATCH_FIRST 16
#define BATCH_MAX   1024

struct OrmTableBatch {
  OrmTableCursor *pCursor;
  OrmArena arena;               /* of the rows                                */
  OrmBinds row;                 /* nResult values each                        */
  int nRow, iRow;
  int nNext;                    /* rows of the next batch                     */
  int nPart; int *aPart;        /* the columns that are loaded                */
  int *aPartOf;                 /* of each column: its number there, or -1    */
  i64 *aText;                   /* nPart for each row: offset in text, or -1  */
  OrmBuf text;                  /* each ends in NUL                           */
  OrmPlan *pRelations;          /* of the first nRelation parts, or 0         */
  int nRelation;
};

static int isLoaded(const OrmTableColumn *p){
  return !p->bGone
      && (p->eKind==ORM_TABLE_OBJECT || p->eKind==ORM_TABLE_RELATION);
}

int ormTableLoads(const OrmTableShape *p, const OrmTablePlan *pPlan){
  int n = 0;
  if( pPlan->bUpdate ) return 0;
  for(int i=0; i<63; i++){      /* one that is not there is not used          */
    n += (pPlan->mUsed>>i & 1) && isLoaded(&p->aCol[i]);
  }
  return n;
}

/* ------------------------------------------------------------- the plan -- */

/* The field that stands for the object in the plan: of the key if that can be
** read. */
static const char *someField(const OrmModel *pModel){
  for(int i=0; i<pModel->nKey; i++){
    if( !pModel->aField[pModel->aKey[i]].bHidden ){
      return pModel->aField[pModel->aKey[i]].zName;
    }
  }
  for(int i=0; i<pModel->nField; i++){
    if( !pModel->aField[i].bHidden ) return pModel->aField[i].zName;
  }
  return "";
}

static void addName(OrmBuf *pBuf, const char *zBefore, const char *zName){
  ormBufAdd(pBuf, zBefore, -1);
  ormJsonString(pBuf, zName, (i64)strlen(zName));
}

/* The plan that loads relationships; as the argument says, deleted objects are
** seen or not. */
static OrmPlan *relationPlan(
  OrmTableCursor *c, OrmErr *pErr, int n, const int *aCol
){
  OrmTableShape *p = c->pShape;
  OrmPlan *pPlan;
  OrmBuf buf;
  OrmCatalog *pCatalog = ormCatalogPin(p->pOrm, pErr);
  ormBufInit(&buf, pErr);
  addName(&buf, "{\"select\":[", someField(p->pModel));
  ormBufAdd(&buf, "],\"include\":{", -1);
  for(int i=0; i<n; i++){
    addName(&buf, i ? "," : "", p->aCol[aCol[i]].pRel->zName);
    ormBufAdd(&buf, ":true", 5);
  }
  ormBufAdd(&buf, "}", 1);
  if( c->zQuery && ormTableObjectPlan(c, pErr)
   && ormPlanQuery(c->pObject)->eDeleted ){
    ormBufAdd(&buf, ",\"deleted\":true", -1);
  }
  ormBufAdd(&buf, "}", 1);
  pPlan = ormPlanGet(p->pOrm, pErr, p->pModel, ormBufText(&buf), buf.n,
                     ORM_Q_ALL);
  ormBufFree(&buf);
  ormCatalogUnpin(p->pOrm, pCatalog);
  return pPlan;
}

/* ------------------------------------------------------------- a batch --- */

static i64 addText(OrmTableBatch *b, const char *z, i64 n){
  i64 iAt = b->text.n;
  ormBufAdd(&b->text, z, n);
  ormBufChar(&b->text, 0);
  return iAt;
}

/* Behind the member at z, whose value begins at *pzValue.  It is our own text,
** but a key may be JSON with blanks around it. */
static const char *memberEnd(
  const char *z, const char *zEnd, const char **pzValue
){
  z = ormJsonSpaceEnd(ormJsonStringEnd(z, zEnd) + 1, zEnd);
  if( pzValue ) *pzValue = z;
  return ormJsonSpaceEnd(ormJsonValueEnd(z, zEnd, INT32_MAX), zEnd);
}

/* An object of pRelations: {"id":1,"posts":[..],"author":{..}}. */
static void takeRelations(void *pArg, int iRow, const char *z, i64 n){
  OrmTableBatch *b = (OrmTableBatch*)pArg;
  const char *zEnd = &z[n], *zAt = memberEnd(z + 1, zEnd, 0);
  for(int j=0; j<b->nRelation; j++){
    const char *zFrom;
    zAt = memberEnd(zAt + 1, zEnd, &zFrom);
    b->aText[(i64)iRow*b->nPart + j] = addText(b, zFrom, zAt - zFrom);
  }
}

static void takeObject(void *pArg, int iRow, const char *z, i64 n){
  OrmTableBatch *b = (OrmTableBatch*)pArg;
  b->aText[(i64)iRow*b->nPart + b->nRelation] = addText(b, z, n);
}

/* The keys of the rows: the first values of each. */
static void batchKeys(OrmTableBatch *b, OrmKeys *pKeys){
  int nKey = b->pCursor->pShape->pModel->nKey;
  int nResult = b->pCursor->pPlan->nResult;
  memset(pKeys, 0, sizeof(*pKeys));
  pKeys->nCol = nKey;
  pKeys->nKey = b->nRow;
  pKeys->aBind = b->row.a;
  if( nResult>nKey ){
    struct OrmBind *a = ormArenaAlloc(&b->arena,
                            (i64)sizeof(*a)*nKey*b->nRow);
    for(int i=0; a && i<b->nRow; i++){
      memcpy(&a[i*nKey], &b->row.a[(i64)i*nResult], sizeof(*a)*(size_t)nKey);
    }
    pKeys->aBind = a;
    if( a==0 ) pKeys->nKey = 0;
  }
}

/* Load the columns for the rows that are there. */
static void batchLoad(OrmTableBatch *b, OrmErr *pErr){
  Orm *pOrm = b->pCursor->pShape->pOrm;
  OrmKeys keys;
  i64 n = (i64)b->nPart*b->nRow;
  if( b->nRow==0 || pErr->rc ) return;
  assert( n>0 );
  b->aText = ormArenaAlloc(&b->arena, (i64)sizeof(i64)*n);
  if( b->aText==0 ) return;
  for(i64 i=0; i<n; i++) b->aText[i] = -1;
  batchKeys(b, &keys);
  if( b->nRelation && pErr->rc==SQLITE_OK ){
    ormLoadEach(pOrm, pErr, b->pRelations, &keys, takeRelations, b);
  }
  if( b->nPart>b->nRelation && pErr->rc==SQLITE_OK ){
    OrmPlan *pObject = ormTableObjectPlan(b->pCursor, pErr);
    if( pObject ) ormLoadEach(pOrm, pErr, pObject, &keys, takeObject, b);
  }
}

static void batchParts(OrmTableBatch*, OrmErr*);

/* Errors of the rows go to pErr while they are read. */
static void batchErr(OrmTableBatch *b, OrmErr *pErr){
  b->arena.pErr = pErr;
  b->text.pErr = pErr;
}

static void batchFill(OrmTableBatch *b, OrmErr *pErr){
  OrmTableCursor *c = b->pCursor;
  int nResult = c->pPlan->nResult;
  ormArenaFree(&b->arena);
  memset(&b->row, 0, sizeof(b->row));
  b->row.pArena = &b->arena;
  ormBufReset(&b->text);
  b->nRow = b->iRow = 0;
  batchErr(b, pErr);
  if( c->bLate ) batchParts(b, pErr);
  while( b->nRow<b->nNext && ormTableStep(c, pErr, b->nRow==0) ){
    for(int i=0; i<nResult; i++){
      ormBindValue(&b->row, sqlite3_column_value(c->pStmt->p, i));
    }
    b->nRow++;
  }
  batchLoad(b, pErr);
  batchErr(b, &c->err);
  if( b->nNext<BATCH_MAX ) b->nNext *= 4;
}

const struct OrmBind *ormTableBatchNext(OrmTableBatch *b, OrmErr *pErr){
  b->iRow++;
  if( b->iRow>=b->nRow ) batchFill(b, pErr);
  if( pErr->rc || b->nRow==0 ) return 0;
  return &b->row.a[(i64)b->iRow*b->pCursor->pPlan->nResult];
}

void ormTableBatchColumn(OrmTableBatch *b, sqlite3_context *pCtx, int iCol){
  int iPart = b->aPartOf[iCol];
  i64 iText;
  if( iPart<0 ){
    ormTableLoadLate(b->pCursor, &b->pCursor->err, pCtx, iCol);
    return;
  }
  iText = b->aText[(i64)b->iRow*b->nPart + iPart];
  if( iText<0 ) return;
  sqlite3_result_text(pCtx, &b->text.z[iText], -1, SQLITE_TRANSIENT);
  sqlite3_result_subtype(pCtx, ORM_JSON_SUBTYPE);
}

/* ------------------------------------------------------------ its life --- */

/* Columns of one kind that are wanted become parts. */
static void addParts(OrmTableBatch *b, int eKind){
  const OrmTableCursor *c = b->pCursor;
  const OrmTableShape *p = c->pShape;
  u64 mUsed = c->pPlan->bUpdate ? 0 : c->pPlan->mUsed;
  for(int i=0; i<p->nCol; i++){
    int bWanted = (i<63 && (mUsed>>i & 1)) || (c->abLate && c->abLate[i]);
    if( !bWanted || p->aCol[i].eKind!=eKind || p->aCol[i].bGone ) continue;
    b->aPartOf[i] = b->nPart;
    b->aPart[b->nPart++] = i;
  }
}

/* What the next rows are loaded with. */
static void batchParts(OrmTableBatch *b, OrmErr *pErr){
  OrmTableCursor *c = b->pCursor;
  c->bLate = 0;
  ormPlanRelease(c->pShape->pOrm, b->pRelations);
  b->pRelations = 0;
  b->nPart = 0;
  for(int i=0; i<c->pShape->nCol; i++) b->aPartOf[i] = -1;
  addParts(b, ORM_TABLE_RELATION);
  b->nRelation = b->nPart;
  addParts(b, ORM_TABLE_OBJECT);
  if( b->nRelation ){
    b->pRelations = relationPlan(c, pErr, b->nRelation, b->aPart);
  }
}

OrmTableBatch *ormTableBatchNew(OrmTableCursor *c, OrmErr *pErr){
  int nCol = c->pShape->nCol;
  OrmTableBatch *b;
  if( pErr->rc ) return 0;
  b = sqlite3_malloc64(sizeof(*b) + 2*sizeof(int)*((u64)nCol + 1));
  if( b==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(b, 0, sizeof(*b));
  b->pCursor = c;
  b->aPart = (int*)&b[1];
  b->aPartOf = &b->aPart[nCol + 1];
  ormArenaInit(&b->arena, &c->err);
  ormBufInit(&b->text, &c->err);
  b->nNext = BATCH_FIRST;
  batchParts(b, pErr);
  return b;
}

void ormTableBatchFree(OrmTableBatch *b){
  if( b==0 ) return;
  ormPlanRelease(b->pCursor->pShape->pOrm, b->pRelations);
  ormArenaFree(&b->arena);
  ormBufFree(&b->text);
  sqlite3_free(b);
}

/* ---------------------------------------------------------------- late --- */

typedef struct Late Late;
struct Late { sqlite3_context *pCtx; int bRelation; };

static void lateResult(void *pArg, int i, const char *z, i64 n){
  Late *p = (Late*)pArg;
  ORM_UNUSED(i);
  if( p->bRelation ){
    const char *zEnd = &z[n], *zAt = memberEnd(z + 1, zEnd, 0);
    n = memberEnd(zAt + 1, zEnd, &z) - z;
  }
  sqlite3_result_text64(p->pCtx, z, (u64)n, SQLITE_TRANSIENT, SQLITE_UTF8);
  sqlite3_result_subtype(p->pCtx, ORM_JSON_SUBTYPE);
}

/* The rows that come are to be loaded with this column, too. */
static void wantLate(OrmTableCursor *c, int iCol){
  int nCol = c->pShape->nCol;
  if( c->abLate==0 ){
    c->abLate = sqlite3_malloc64((u64)nCol);
    if( c->abLate==0 ) return;
    memset(c->abLate, 0, (size_t)nCol);
  }
  c->abLate[iCol] = 1;
  c->bLate = 1;
}

void ormTableLoadLate(
  OrmTableCursor *c, OrmErr *pErr, sqlite3_context *pCtx, int iCol
){
  Late late = { pCtx, c->pShape->aCol[iCol].eKind==ORM_TABLE_RELATION };
  OrmArena arena;
  OrmBinds key = { &arena, 0, 0, 0 };
  OrmKeys keys;
  OrmPlan *pPlan = late.bRelation ? relationPlan(c, pErr, 1, &iCol)
                                  : ormTableObjectPlan(c, pErr);
  ormArenaInit(&arena, pErr);
  ormTableKey(c, &key);
  memset(&keys, 0, sizeof(keys));
  keys.nCol = key.n;
  keys.nKey = 1;
  keys.aBind = key.a;
  if( pPlan && pErr->rc==SQLITE_OK ){
    ormLoadEach(c->pShape->pOrm, pErr, pPlan, &keys, lateResult, &late);
  }
  if( late.bRelation ) ormPlanRelease(c->pShape->pOrm, pPlan);
  ormArenaFree(&arena);
  wantLate(c, iCol);
}
