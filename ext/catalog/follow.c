/*
** What of the metadata follows a rename, as SQL that goes with the step: cells
** that name a column, plain or in an array; the link tables of relationships;
** and orders, whose paths lead over relationships to columns of other tables.
**
** (The names of models and relationships in other rows follow by triggers: see
** state.c.)
*/
#include "diff.h"

/* ------------------------------------------------------------------------
** Cells
*/

/* A name as JSON has it, among the elements of an array. */
static const char *asJson(OrmDiff *p, const char *zName){
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, p->pErr);
  ormJsonString(&buf, zName, (i64)strlen(zName));
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* A cell of the rows for which zWhere %Q holds. */
static void cellFollows(
  OrmDiff *p, OrmBuf *pBuf, const char *zMeta, const char *zCell,
  const char *zWhere, const char *zOf, const char *zOld, const char *zNew
){
  char *zRows = ormArenaPrintf(p->pArena, zWhere, zOf);
  if( zRows==0 ) return;
  ormBufPrintf(pBuf, "UPDATE main.%s SET %s=%Q WHERE %s AND %s=%Q;\n", zMeta,
               zCell, zNew, zRows, zCell, zOld);
  ormBufPrintf(pBuf, "UPDATE main.%s SET %s=replace(%s, %Q, %Q) WHERE %s AND"
      " %s LIKE '[%%';\n", zMeta, zCell, zCell, asJson(p, zOld),
      asJson(p, zNew), zRows, zCell);
}

const char *ormFollowColumn(
  OrmDiff *p, const OrmDocModel *pModel, const char *zOld, const char *zNew
){
  static const struct { const char *zMeta, *zCell, *zWhere; u8 bTable; } a[] = {
    { "orm_model", "primary_key", "name=%Q", 0 },
    { "orm_model", "natural_key", "name=%Q", 0 },
    { "orm_model", "soft_delete", "name=%Q", 0 },
    { "orm_relationship", "local_columns", "model=%Q", 0 },
    { "orm_relationship", "remote_columns", "target=%Q", 0 },
    { "orm_relationship", "secondary_local", "secondary=%Q COLLATE NOCASE", 1 },
    { "orm_relationship", "secondary_remote", "secondary=%Q COLLATE NOCASE", 1 }
  };
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<ORM_COUNT(a); i++){
    cellFollows(p, &buf, a[i].zMeta, a[i].zCell, a[i].zWhere,
        a[i].bTable ? pModel->zTable : pModel->zName, zOld, zNew);
  }
  ormBufPrintf(&buf, "UPDATE main.orm_field SET name=%Q WHERE model=%Q AND"
      " name=%Q;\n", zNew, pModel->zName, zOld);
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* ------------------------------------------------------------------------
** Orders
*/
typedef struct Order Order;
struct Order {
  OrmDiff *p;
  const OrmRename *pRename;
  OrmErr err;                   /* of what cannot be followed                 */
  OrmModel *pModel;             /* whose fields the order is about            */
  OrmBuf out;                   /* the order as it will be, up to what was    */
  const char *zAt;              /* zAt in the old one                         */
};

static const char *modelIs(OrmDiff *p, const char *zWas){
  for(int i=0; i<p->pDoc->nModel; i++){
    const OrmDocModel *q = &p->pDoc->aModel[i];
    if( q->zWas && strcmp(q->zWas, zWas)==0 ) return q->zName;
  }
  return zWas;
}

/* The name that a column of a model's table will have. */
static const char *fieldIs(const Order *o, const OrmModel *pModel,
                           const char *zField){
  for(const OrmRename *q=o->pRename; q; q=q->pNext){
    if( q->zOldColumn && sqlite3_stricmp(q->zOld, pModel->zTable)==0
     && strcmp(q->zOldColumn, zField)==0 ) return q->zNewColumn;
  }
  return zField;
}

static const char *relIs(const Order *o, const OrmRel *pRel){
  const char *zModel = modelIs(o->p, pRel->pModel->zName);
  for(const OrmDocRename *q=o->p->pDoc->pRename; q; q=q->pNext){
    if( q->zModel && strcmp(q->zModel, zModel)==0
     && strcmp(q->zOld, pRel->zName)==0 ) return q->zNew;
  }
  return pRel->zName;
}

/* The relationship that a path begins with, the longest name before a dot, and
** how many bytes that is; 0: none does. */
static OrmRel *firstRel(Order *o, OrmModel *pModel, const char *z, i64 *pn){
  Orm *pOrm = o->p->pOrm;
  for(i64 i=(i64)strlen(z); i>0; i--){
    OrmRel *pRel = z[i]==0 || z[i]=='.'
        ? ormRelFind(pOrm, &o->err, pModel, z, i) : 0;
    *pn = i;
    if( pRel ) return pRel;
  }
  return 0;
}

/* A path with its names as they will be, added to the buffer. */
static void addPath(Order *o, OrmBuf *pBuf, const char *z){
  OrmModel *pModel = o->pModel;
  while( *z ){
    i64 n = (i64)strlen(z);
    int iField = ormFieldFind(pModel, z, n);
    OrmRel *pRel = iField<0 ? firstRel(o, pModel, z, &n) : 0;
    if( iField>=0 ) z = fieldIs(o, pModel, z);
    if( pRel==0 ){
      ormBufAdd(pBuf, z, -1);
      return;
    }
    ormBufAdd(pBuf, relIs(o, pRel), -1);
    z += n;
    if( *z ) ormBufChar(pBuf, *z++);
    pModel = pRel->pTarget;
  }
}

/* A term's text, "path" or "-path" (bSigned). */
static void renameTerm(Order *o, const OrmJson *pNode, int bSigned){
  const char *z = pNode->z;
  OrmBuf buf;
  if( pNode->eType!=ORM_JSON_STRING ) return;
  ormBufInit(&buf, o->p->pErr);
  if( bSigned && *z=='-' && ormFieldFind(o->pModel, z, pNode->n)<0 ){
    ormBufChar(&buf, *z++);
  }
  addPath(o, &buf, z);
  if( strcmp(ormBufText(&buf), pNode->z)!=0 ){
    if( pNode->zRaw ) ormBufAdd(&o->out, o->zAt, pNode->zRaw - o->zAt);
    if( pNode->zRaw ) ormJsonString(&o->out, buf.z, buf.n);
    else ormBufAdd(&o->out, buf.z, buf.n);           /* the cell is plain   */
    o->zAt = pNode->zRaw ? pNode->zRaw + pNode->nRaw : o->zAt + pNode->n;
  }
  ormBufFree(&buf);
}

static void renameOne(Order *o, const OrmJson *pNode){
  renameTerm(o, pNode, 1);
  if( pNode->eType!=ORM_JSON_OBJECT ) return;
  for(const OrmJson *q=pNode->pChild; q; q=q->pNext){
    if( ormJsonIs(q, "field") || ormJsonIs(q, "_count") ) renameTerm(o, q, 0);
  }
}

/* An order as it will be, in the arena; 0: it stays, or cannot be read. */
static const char *orderIs(Order *o, const char *zOrder){
  OrmDiff *p = o->p;
  i64 n = (i64)strlen(zOrder);
  int bJson = zOrder[0]=='[' || zOrder[0]=='{';
  const OrmJson *pDoc = 0;
  const char *zNew = 0;
  if( !bJson ) pDoc = ormJsonPlain(p->pArena, zOrder, n);
  else if( ormJsonValid(zOrder, n) ){
    pDoc = ormJsonParse(p->pArena, zOrder, n, "order_by");
  }
  if( pDoc==0 ) return 0;
  ormBufInit(&o->out, p->pErr);
  o->zAt = zOrder;
  renameOne(o, pDoc);
  if( pDoc->eType==ORM_JSON_ARRAY ){
    for(const OrmJson *q=pDoc->pChild; q; q=q->pNext) renameOne(o, q);
  }
  if( o->zAt>zOrder && p->pErr->rc==SQLITE_OK ){
    ormBufAdd(&o->out, o->zAt, -1);
    zNew = ormArenaText(p->pArena, ormBufText(&o->out), o->out.n);
  }
  ormBufFree(&o->out);
  if( zNew ) ormDocRename(p->pDoc, 0, zOrder, zNew);
  return zNew;
}

static void modelOrder(Order *o, OrmBuf *pSql, OrmModel *pModel){
  const char *z;
  o->pModel = pModel;
  z = pModel->zOrderBy ? orderIs(o, pModel->zOrderBy) : 0;
  if( z==0 ) return;
  ormBufPrintf(pSql, "UPDATE main.orm_model SET order_by=%Q WHERE name=%Q;\n",
               z, modelIs(o->p, pModel->zName));
}

static void relOrder(Order *o, OrmBuf *pSql, const OrmRel *pRel){
  const char *z;
  o->pModel = pRel->pTarget;
  z = pRel->zOrderBy ? orderIs(o, pRel->zOrderBy) : 0;
  if( z==0 ) return;
  ormBufPrintf(pSql, "UPDATE main.orm_relationship SET order_by=%Q WHERE"
      " model=%Q AND name=%Q;\n", z, modelIs(o->p, pRel->pModel->zName),
      relIs(o, pRel));
}

/* All orders that change.  What does not work can lead nowhere: it is left. */
static void allOrders(Order *o, OrmBuf *pSql, OrmCatalog *pCatalog){
  OrmDiff *p = o->p;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT name, NULL FROM main.orm_model WHERE order_by IS NOT NULL"
      " UNION ALL SELECT model, name FROM main.orm_relationship"
      " WHERE order_by IS NOT NULL");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zModel = ormFactText(p->pArena, pStmt, 0);
    const char *zRel = ormFactText(p->pArena, pStmt, 1);
    OrmModel *pModel = zModel
        ? ormModelFind(p->pOrm, &o->err, pCatalog, zModel, -1) : 0;
    OrmRel *pRel = pModel && zRel
        ? ormRelFind(p->pOrm, &o->err, pModel, zRel, -1) : 0;
    if( pRel ) relOrder(o, pSql, pRel);
    else if( pModel && zRel==0 ) modelOrder(o, pSql, pModel);
    ormErrForgive(&o->err, p->pErr);
  }
  sqlite3_finalize(pStmt);
}

void ormFollowOrders(OrmDiff *p, const OrmRename *pRename){
  Order order;
  OrmStep *pLast = p->pFirst;
  OrmCatalog *pCatalog;
  OrmBuf sql;
  if( pLast==0 || p->pErr->rc ) return;
  memset(&order, 0, sizeof(order));
  order.p = p;
  order.pRename = pRename;
  while( pLast->pNext ) pLast = pLast->pNext;
  pCatalog = ormCatalogPin(p->pOrm, &order.err);
  ormErrForgive(&order.err, p->pErr);
  ormBufInit(&sql, p->pErr);
  if( pCatalog ) allOrders(&order, &sql, pCatalog);
  if( sql.n ){
    pLast->zSql = ormArenaPrintf(p->pArena, "%s%s", pLast->zSql,
                                 ormBufText(&sql));
  }
  ormBufFree(&sql);
  ormCatalogUnpin(p->pOrm, pCatalog);
}
