/*
** order_by: from a document to terms, and from terms to SQL.
**
** A term is a field reached over to-one relationships, or the number of
** objects of a to-many one.  The key ends every order, ascending, so that it is
** total; a term that is there already is not added again.  Where no order is
** asked for, the relationship's holds, then the model's, then the key alone.
**
** NULLs stand first, last with desc, as in SQLite, unless "nulls" says where.
*/
#include "../orm_int.h"

#define MOST_JOINED 16          /* tables of paths in one statement           */

/* ------------------------------------------------------------------------
** Terms
*/
typedef struct OrderParse OrderParse;
struct OrderParse {
  OrmParse *p;
  OrmQuery *pQuery;
  int nAlloc;                   /* of pQuery->aOrder                          */
};

static int sameTerm(const OrmOrder *a, const OrmOrder *b){
  if( a->nHop!=b->nHop || a->iField!=b->iField || a->pCount!=b->pCount ){
    return 0;
  }
  for(int i=0; i<a->nHop; i++) if( a->apHop[i]!=b->apHop[i] ) return 0;
  return 1;
}

/* Add a term, unless it is there: what came first decides. */
static void termAdd(OrderParse *pOrder, const OrmOrder *pTerm){
  OrmQuery *pQuery = pOrder->pQuery;
  OrmOrder *pNew;
  for(int i=0; i<pQuery->nOrder; i++){
    if( sameTerm(&pQuery->aOrder[i], pTerm) ) return;
  }
  pNew = ormArenaGrow(pOrder->p->pArena, (void**)&pQuery->aOrder,
                      pQuery->nOrder, &pOrder->nAlloc, sizeof(*pNew));
  if( pNew==0 ) return;
  *pNew = *pTerm;
  pQuery->nOrder++;
}

/* A field whose values are never NULL. */
static int neverNull(const OrmModel *pModel, int iField){
  const OrmField *p = &pModel->aField[iField];
  return p->bNotNull || (p->iKey && pModel->bRowidKey);
}

static void termHop(OrderParse *pOrder, OrmOrder *pTerm, OrmRel *pRel){
  OrmRel **ap = ormArenaAlloc(pOrder->p->pArena,
                              (i64)sizeof(OrmRel*)*(pTerm->nHop + 1));
  if( ap==0 ) return;
  if( pTerm->nHop ){
    memcpy(ap, pTerm->apHop, sizeof(OrmRel*)*(size_t)pTerm->nHop);
  }
  ap[pTerm->nHop++] = pRel;
  pTerm->apHop = ap;
  pTerm->pModel = pRel->pTarget;
}

/* The rest of a path is a relationship: what could have been meant. */
static void relErrAt(OrderParse *pOrder, const OrmJson *pNode, OrmRel *pRel){
  if( pRel->bMany ){
    ormJsonErr(pOrder->p->pErr, pNode, "%s is to-many: order by its number,"
               " {\"_count\": \"%s\"}", pRel->zName, pRel->zName);
  }else{
    ormJsonErr(pOrder->p->pErr, pNode, "%s is an object: order by one of its"
               " fields, %s.%s", pRel->zName, pRel->zName,
               pRel->pTarget->aField[pRel->pTarget->aKey[0]].zName);
  }
}

/* Follow the to-one relationships of a path as long as it is no name of the
** model that it has reached; what is left goes to *pz, *pn. */
static void followPath(
  OrderParse *pOrder, OrmOrder *pTerm, const OrmJson *pNode, const char **pz,
  i64 *pn
){
  OrmParse *p = pOrder->p;
  while( p->pErr->rc==SQLITE_OK && ormFieldFind(pTerm->pModel, *pz, *pn)<0 ){
    OrmRel *pRel = ormRelFind(p->pOrm, p->pErr, pTerm->pModel, *pz, *pn);
    i64 nStep;
    if( pRel || p->pErr->rc ) return;
    nStep = ormParseStep(p, pTerm->pModel, *pz, *pn);
    if( nStep==*pn ) return;
    pRel = ormParseRel(p, pTerm->pModel, pNode, *pz, nStep);
    if( pRel==0 ) return;
    if( pRel->bMany ){
      relErrAt(pOrder, pNode, pRel);
      return;
    }
    termHop(pOrder, pTerm, pRel);
    ormQueryDepth(pOrder->p, pOrder->pQuery, pTerm->nHop, pNode);
    *pn -= nStep + 1;
    *pz += nStep + 1;
  }
}

/* "at desc", as SQL has it: an error that tells how it is written here. */
static void sqlWords(
  OrmErr *pErr, const OrmModel *pModel, const OrmJson *pNode, const char *z,
  i64 n
){
  const char *zFrom = z;
  int bDesc = n>5 && sqlite3_strnicmp(&z[n-5], " desc", 5)==0;
  if( !bDesc && (n<=4 || sqlite3_strnicmp(&z[n-4], " asc", 4)!=0) ) return;
  n -= bDesc ? 5 : 4;
  if( ormFieldFind(pModel, z, n)<0 ) return;
  assert( z>=pNode->z && z<=pNode->z+pNode->n );
  while( zFrom>pNode->z && strchr(" ,-", zFrom[-1])==0 ) zFrom--;
  ormJsonErr(pErr, pNode, "an order is written \"%s%.*s\"", bDesc ? "-" : "",
             (int)(n + (z - zFrom)), zFrom);
}

/* A path to a field. */
static void termField(
  OrderParse *pOrder, OrmOrder *pTerm, const OrmJson *pNode, const char *z,
  i64 n
){
  OrmParse *p = pOrder->p;
  OrmRel *pRel;
  followPath(pOrder, pTerm, pNode, &z, &n);
  if( p->pErr->rc ) return;
  pRel = ormRelFind(p->pOrm, p->pErr, pTerm->pModel, z, n);
  if( pRel ) relErrAt(pOrder, pNode, pRel);
  if( ormFieldFind(pTerm->pModel, z, n)<0 ){
    sqlWords(p->pErr, pTerm->pModel, pNode, z, n);
  }
  pTerm->iField = ormParseField(p, pTerm->pModel, pNode, z, n);
  if( pTerm->iField<0 ) return;
  pTerm->bNotNull = pTerm->nHop==0 && neverNull(pTerm->pModel, pTerm->iField);
}

/* A path to a to-many relationship, whose objects are counted. */
static void termCount(
  OrderParse *pOrder, OrmOrder *pTerm, const OrmJson *pNode
){
  OrmParse *p = pOrder->p;
  const char *z = pNode->z;
  i64 n = pNode->n;
  if( pNode->eType!=ORM_JSON_STRING ){
    ormJsonErr(p->pErr, pNode, "the name of a relationship is wanted, not %s",
               ormJsonTypeName(pNode));
    return;
  }
  followPath(pOrder, pTerm, pNode, &z, &n);
  pTerm->pCount = ormParseRel(p, pTerm->pModel, pNode, z, n);
  if( pTerm->pCount==0 ) return;
  if( !pTerm->pCount->bMany ){
    ormJsonErr(p->pErr, pNode, "_count is about a to-many relationship, %s is"
               " to-one", pTerm->pCount->zName);
  }
  pTerm->iField = -1;
  pTerm->bNotNull = pTerm->nHop==0;
  ormQueryDepth(pOrder->p, pOrder->pQuery, pTerm->nHop + 1, pNode);
}

/* ------------------------------------------------------------------------
** Documents
*/
static void termInit(OrderParse *pOrder, OrmOrder *pTerm){
  memset(pTerm, 0, sizeof(*pTerm));
  pTerm->pModel = pOrder->pQuery->pModel;
  pTerm->iField = -1;
  pTerm->eDeleted = pOrder->pQuery->eDeleted==ORM_DELETED_HIDE
                  ? ORM_DELETED_HIDE : ORM_DELETED_ALSO;
}

/* "name" or "-name". */
static void orderText(OrderParse *pOrder, const OrmJson *pNode){
  OrmOrder term;
  const char *z = pNode->z;
  i64 n = pNode->n;
  termInit(pOrder, &term);
  if( n>0 && z[0]=='-' && ormFieldFind(term.pModel, z, n)<0 ){
    term.bDesc = term.bNullsLast = 1;
    z++;
    n--;
  }
  termField(pOrder, &term, pNode, z, n);
  if( pOrder->p->pErr->rc==SQLITE_OK ) termAdd(pOrder, &term);
}

static const char *const azOrderPart[] = { "field", "_count", "desc", "nulls",
                                           0 };

/* "desc" and "nulls" into a term; anything else unknown is an error. */
static void orderWords(
  OrderParse *pOrder, OrmOrder *pTerm, const OrmJson *pNode
){
  OrmErr *pErr = pOrder->p->pErr;
  const char *const *azPart = azOrderPart;
  int eNulls = -1;
  for(const OrmJson *p=pNode->pChild; p && pErr->rc==SQLITE_OK; p=p->pNext){
    if( ormJsonIs(p, "field") || ormJsonIs(p, "_count") ) continue;
    if( ormJsonIs(p, "desc") ){
      if( p->eType!=ORM_JSON_TRUE && p->eType!=ORM_JSON_FALSE ){
        ormJsonErr(pErr, p, "true or false is wanted, not %s",
                   ormJsonTypeName(p));
      }
      pTerm->bDesc = p->eType==ORM_JSON_TRUE;
    }else if( ormJsonIs(p, "nulls") ){
      int bText = p->eType==ORM_JSON_STRING;
      if( bText && strcmp(p->z, "first")==0 ) eNulls = 0;
      else if( bText && strcmp(p->z, "last")==0 ) eNulls = 1;
      else ormJsonErr(pErr, p, "\"first\" or \"last\" is wanted");
    }else{
      const char *z = ormNearest(p->zKey, p->nKey, ormNameInArray, azPart);
      ormJsonErr(pErr, p, "no such part of an order%s%s%s",
          z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
    }
  }
  pTerm->bNullsLast = eNulls<0 ? pTerm->bDesc : (u8)eNulls;
}

/* {"field": .., "desc": .., "nulls": ..} or {"_count": .., ..}. */
static void orderObject(OrderParse *pOrder, const OrmJson *pNode){
  OrmErr *pErr = pOrder->p->pErr;
  const OrmJson *pField = ormJsonMember(pNode, "field");
  const OrmJson *pCount = ormJsonMember(pNode, "_count");
  OrmOrder term;
  termInit(pOrder, &term);
  orderWords(pOrder, &term, pNode);
  if( pErr->rc ) return;
  if( (pField!=0)==(pCount!=0) ){
    ormJsonErr(pErr, pNode, "an order has either \"field\" or \"_count\"");
  }else if( pCount ){
    termCount(pOrder, &term, pCount);
  }else if( pField->eType!=ORM_JSON_STRING ){
    ormJsonErr(pErr, pField, "the name of a field is wanted, not %s",
               ormJsonTypeName(pField));
  }else{
    termField(pOrder, &term, pField, pField->z, pField->n);
  }
  if( pErr->rc==SQLITE_OK ) termAdd(pOrder, &term);
}

static void orderOne(
  OrderParse *pOrder, const OrmJson *pNode, const char *zWanted
){
  if( pNode->eType==ORM_JSON_STRING ) orderText(pOrder, pNode);
  else if( pNode->eType==ORM_JSON_OBJECT ) orderObject(pOrder, pNode);
  else ormJsonErr(pOrder->p->pErr, pNode, "%s is wanted, not %s", zWanted,
                  ormJsonTypeName(pNode));
}

static void orderDocument(OrderParse *pOrder, const OrmJson *pNode){
  if( pNode->eType!=ORM_JSON_ARRAY ){
    orderOne(pOrder, pNode, "an array, a string or an object");
    return;
  }
  for(OrmJson *pSub=pNode->pChild; pSub && pOrder->p->pErr->rc==SQLITE_OK;
      pSub=pSub->pNext){
    orderOne(pOrder, pSub, "a string or an object");
  }
}

/* The order that the metadata gives: a JSON array, or one field. */
static void orderCell(OrderParse *pOrder, const char *z, const char *zWhat){
  OrmParse *p = pOrder->p;
  OrmJson *pDoc;
  if( z[0]=='[' || z[0]=='{' ){
    pDoc = ormJsonParse(p->pArena, z, (i64)strlen(z), zWhat);
  }else{
    pDoc = ormJsonPlain(p->pArena, z, -1);
  }
  if( pDoc ) orderDocument(pOrder, pDoc);
  if( p->pErr->rc ) ormErrPrefix(p->pErr, "orm: order_by of %s: ", zWhat);
}

/* A to-one has no order: of several targets the first by its key counts (L9),
** as it does in conditions. */
static void orderDefault(OrderParse *pOrder){
  const OrmQuery *pQuery = pOrder->pQuery;
  const OrmRel *pRel = pQuery->pRel;
  const char *zWhat = pQuery->pModel->zName;
  if( pRel && !pRel->bMany ) return;
  if( pRel && pRel->zOrderBy ){
    zWhat = ormArenaPrintf(pOrder->p->pArena, "%s.%s", pRel->pModel->zName,
                           pRel->zName);
    if( zWhat ) orderCell(pOrder, pRel->zOrderBy, zWhat);
  }else if( pQuery->pModel->zOrderBy ){
    orderCell(pOrder, pQuery->pModel->zOrderBy, zWhat);
  }
}

void ormOrderParse(OrmParse *p, OrmQuery *pQuery, const OrmJson *pNode){
  OrderParse order = { p, pQuery, 0 };
  OrmModel *pModel = pQuery->pModel;
  if( pNode ) orderDocument(&order, pNode);
  else orderDefault(&order);
  pQuery->bOrdered = pQuery->nOrder>0;
  for(int i=0; i<pModel->nKey && p->pErr->rc==SQLITE_OK; i++){
    OrmOrder term;
    termInit(&order, &term);
    term.iField = pModel->aKey[i];
    term.bNotNull = (u8)neverNull(pModel, term.iField);
    termAdd(&order, &term);
  }
  if( pQuery->pParent==0 && p->pErr->rc==SQLITE_OK ){
    pQuery->iOrder = ormCursorOrder(pQuery);
  }
}

/* ------------------------------------------------------------------------
** SQL
*/

/* " FROM a, b .. WHERE <joined>": the to-one relationships of a term from
** zAlias on; the last alias goes to zLast.  bFirst: of several targets of a hop
** the first alone. */
static void hopsSql(
  OrmSql *p, const OrmOrder *pTerm, const char *zAlias, int bFirst,
  char zLast[16]
){
  char zFrom[16], zTo[16];
  int iAlias = p->nAlias;
  for(int i=0; i<pTerm->nHop; i++){
    ormSqlAlias(p, zTo);
    ormBufAdd(&p->buf, i ? ", " : " FROM ", -1);
    ormSqlTable(p, pTerm->apHop[i]->pTarget->zTable, zTo);
  }
  sqlite3_snprintf(16, zFrom, "%s", zAlias);
  for(int i=0; i<pTerm->nHop; i++){
    ormSqlAliasOf(iAlias + i, zTo);
    ormBufAdd(&p->buf, i ? " AND " : " WHERE ", -1);
    ormRelJoinSql(p, pTerm->apHop[i], zFrom, zTo);
    ormDeletedSql(p, pTerm->apHop[i]->pTarget, pTerm->eDeleted, zTo);
    if( bFirst ){
      ormRelFirstSql(p, pTerm->apHop[i], zFrom, zTo, pTerm->eDeleted);
    }
    memcpy(zFrom, zTo, 16);
  }
  memcpy(zLast, zTo, 16);
}

/* A to-one relationship without a UNIQUE key may find several objects: the one
** with the least key counts (L9). */
static void hopFirst(OrmSql *p, const OrmOrder *pTerm, const char *zTo){
  const OrmModel *pModel = pTerm->pModel;
  if( !ormRelSeveral(pTerm->apHop[0]) ) return;
  for(int i=0; i<pModel->nKey; i++){
    ormBufAdd(&p->buf, i ? ", " : " ORDER BY ", -1);
    ormBufColumn(&p->buf, zTo, pModel->aField[pModel->aKey[i]].zName);
  }
  ormBufAdd(&p->buf, " LIMIT 1", 8);
}

/* "(SELECT count(*) ..)" of a relationship, from zAlias. */
static void countSql(OrmSql *p, const OrmOrder *pTerm, const char *zAlias){
  char zChild[16];
  if( ormTallySql(p, pTerm->pCount, zAlias, pTerm->eDeleted) ) return;
  ormSqlAlias(p, zChild);
  ormBufAdd(&p->buf, "(SELECT count(*) FROM ", -1);
  ormSqlTable(p, pTerm->pCount->pTarget->zTable, zChild);
  ormBufAdd(&p->buf, " WHERE ", 7);
  ormRelJoinSql(p, pTerm->pCount, zAlias, zChild);
  ormDeletedSql(p, pTerm->pCount->pTarget, pTerm->eDeleted, zChild);
  ormBufChar(&p->buf, ')');
}

/* The value of a term for a row of zAlias.  A subquery has no collation of its
** own, so the field's is put behind it. */
void ormOrderTermSql(OrmSql *p, const OrmOrder *pTerm, const char *zAlias){
  const OrmField *pField = 0;
  char zLast[16];
  int iAlias, iAfter;
  if( pTerm->iField>=0 ) pField = &pTerm->pModel->aField[pTerm->iField];
  if( pTerm->iJoined ){
    ormSqlAliasOf(pTerm->iJoined - 1, zLast);
    ormBufColumn(&p->buf, zLast, pField->zName);
    return;
  }
  if( pTerm->nHop==0 ){
    if( pField ) ormBufColumn(&p->buf, zAlias, pField->zName);
    else countSql(p, pTerm, zAlias);
    return;
  }
  /* The aliases are known before the text that they stand in. */
  iAlias = p->nAlias;
  ormSqlAliasOf(iAlias + pTerm->nHop - 1, zLast);
  ormBufAdd(&p->buf, "(SELECT ", 8);
  if( pField ){
    ormBufColumn(&p->buf, zLast, pField->zName);
  }else{
    p->nAlias = iAlias + pTerm->nHop;
    countSql(p, pTerm, zLast);
  }
  iAfter = p->nAlias;
  p->nAlias = iAlias;
  hopsSql(p, pTerm, zAlias, pTerm->nHop>1, zLast);
  if( p->nAlias<iAfter ) p->nAlias = iAfter;
  if( pTerm->nHop==1 ) hopFirst(p, pTerm, zLast);
  ormBufChar(&p->buf, ')');
  if( pField && sqlite3_stricmp(pField->zColl, "BINARY")!=0 ){
    ormBufAdd(&p->buf, " COLLATE ", 9);
    ormBufName(&p->buf, pField->zColl);
  }
}

/* Can the path of a term be joined, and give no row twice? */
static int termJoins(const OrmOrder *p){
  if( p->nHop==0 || p->iField<0 ) return 0;
  for(int i=0; i<p->nHop; i++){
    const OrmRel *pRel = p->apHop[i];
    if( pRel->pModel->bView || pRel->pTarget->bView || ormRelSeveral(pRel) ){
      return 0;
    }
  }
  return 1;
}

static int samePath(const OrmOrder *a, const OrmOrder *b){
  if( a->nHop!=b->nHop ) return 0;
  for(int i=0; i<a->nHop; i++) if( a->apHop[i]!=b->apHop[i] ) return 0;
  return 1;
}

/* " LEFT JOIN author AS t0 ON .. LEFT JOIN country AS t1 ON .." */
static void termJoinSql(OrmSql *p, OrmOrder *pTerm, const char *zAlias){
  char zFrom[16], zTo[16];
  sqlite3_snprintf(16, zFrom, "%s", zAlias);
  for(int i=0; i<pTerm->nHop; i++){
    const OrmRel *pRel = pTerm->apHop[i];
    pTerm->iJoined = p->nAlias + 1;
    ormSqlAlias(p, zTo);
    ormBufAdd(&p->buf, " LEFT JOIN ", -1);
    ormSqlTable(p, pRel->pTarget->zTable, zTo);
    ormBufAdd(&p->buf, " ON ", 4);
    ormRelJoinSql(p, pRel, zFrom, zTo);
    ormDeletedSql(p, pRel->pTarget, pTerm->eDeleted, zTo);
    memcpy(zFrom, zTo, 16);
  }
}

/* A subquery in an ORDER BY opens its tables for each row, which costs more
** than to look into them. */
OrmOrder *ormOrderJoinSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias
){
  OrmOrder *a;
  i64 n = (i64)sizeof(*a)*pQuery->nOrder;
  int nHop = 0;
  for(int i=0; i<pQuery->nOrder; i++){
    if( termJoins(&pQuery->aOrder[i]) ) nHop += pQuery->aOrder[i].nHop;
  }
  if( nHop==0 || nHop>MOST_JOINED ) return pQuery->aOrder;
  a = ormArenaAlloc(p->binds.pArena, n);
  if( a==0 ) return pQuery->aOrder;
  memcpy(a, pQuery->aOrder, (size_t)n);
  for(int i=0; i<pQuery->nOrder; i++){
    int j = 0;
    if( !termJoins(&a[i]) ) continue;
    while( j<i && !(a[j].iJoined && samePath(&a[i], &a[j])) ) j++;
    if( j<i ) a[i].iJoined = a[j].iJoined;
    else termJoinSql(p, &a[i], zAlias);
  }
  return a;
}

/* " DESC NULLS FIRST", as far as SQLite would not do it by itself. */
void ormOrderWordsSql(OrmSql *p, const OrmOrder *pTerm, int bReverse){
  int bDesc = pTerm->bDesc ^ bReverse;
  int bLast = pTerm->bNullsLast ^ bReverse;
  if( bDesc ) ormBufAdd(&p->buf, " DESC", 5);
  if( !pTerm->bNotNull && bLast!=bDesc ){
    ormBufAdd(&p->buf, bLast ? " NULLS LAST" : " NULLS FIRST", -1);
  }
}

static void orderSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int bReverse
){
  for(int i=0; i<pQuery->nOrder; i++){
    ormBufAdd(&p->buf, i ? ", " : " ORDER BY ", -1);
    ormOrderTermSql(p, &pQuery->aOrder[i], zAlias);
    ormOrderWordsSql(p, &pQuery->aOrder[i], bReverse);
  }
}

/* " ORDER BY ..": as the query asks, and the other way round. */
void ormOrderSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  orderSql(p, pQuery, zAlias, 0);
}

void ormOrderBackSql(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  orderSql(p, pQuery, zAlias, 1);
}

void ormOrderRestSql(
  OrmSql *p, const OrmQuery *pQuery, const char *zAlias, int iFrom, int bNull
){
  for(int i=iFrom; i<pQuery->nOrder; i++){
    OrmOrder term = pQuery->aOrder[i];
    if( i==iFrom && !bNull ) term.bNotNull = 1;
    ormBufAdd(&p->buf, i>iFrom ? ", " : " ORDER BY ", -1);
    ormOrderTermSql(p, &term, zAlias);
    ormOrderWordsSql(p, &term, 0);
  }
}

void ormOrderColumns(OrmSql *p, const OrmQuery *pQuery, const char *zAlias){
  for(int i=0; i<pQuery->nOrder; i++){
    ormBufAdd(&p->buf, ", ", 2);
    ormOrderTermSql(p, &pQuery->aOrder[i], zAlias);
  }
}
