/*
** orm_aggregate as SQL, and run.
**
** What is found over a to-many path would multiply the rows that other
** aggregates see, so the terms are parted: all that have the same to-many path
** are found by one SELECT, joined along it, those without one by another.
** Each SELECT has the same groups, and gives one row for each; more than one
** are joined by them.  What does not mind rows that come twice (min, max,
** distinct) saves a SELECT of its own.
**
** All joins are LEFT JOINs: an object that has no target stays.
*/
#include "aggregate.h"

typedef struct Join Join;
struct Join {                   /* a table joined in a SELECT                 */
  const OrmRel *pRel;           /* 0: the model itself                        */
  int iParent;
  char zAlias[16], zLink[16];
};
typedef struct Part Part;
struct Part {                   /* a SELECT under construction                */
  OrmSql *pSql;
  Aggregate *pAgg;
  int iPart;
  int nJoin, nAlloc; Join *aJoin;
};

static void sql(OrmSql *p, const char *z){
  ormBufAdd(&p->buf, z, -1);
}

/* --------------------------------------------------------------- parts --- */

static int sameMany(const AggTerm *a, const AggTerm *b){
  if( a->nMany!=b->nMany ) return 0;
  for(int i=0; i<a->nMany; i++) if( a->apHop[i]!=b->apHop[i] ) return 0;
  return 1;
}

/* Does the value change when a row comes twice? */
static int countsRows(const AggTerm *pTerm){
  return pTerm->eFunc!=AGG_GROUP && pTerm->eFunc<=AGG_AVG && !pTerm->bDistinct;
}

/* Is the value at an end of an index? */
static int isEnd(const AggTerm *p){
  return p->eFunc>=AGG_MIN && p->nHop==0 && p->iField>=0
      && ormModelIndexed(p->pModel, 1, &p->iField);
}

/* Is nothing asked that a look at all rows has to answer?  (A plain count is
** made by pages.)  SQLite goes to the end of an index for a min or max that is
** alone in its SELECT. */
static int asksEnds(const Aggregate *pAgg){
  int nEnd = 0, nCount = 0;
  if( pAgg->nGroup || pAgg->pWhere || pAgg->pModel->iSoftDelete>=0 ) return 0;
  for(int i=0; i<pAgg->nTerm; i++){
    const AggTerm *p = &pAgg->aTerm[i];
    if( isEnd(p) ) nEnd++;
    else if( p->eFunc==AGG_COUNT && p->nHop==0 && p->iField<0 ) nCount++;
  }
  return nEnd>0 && nEnd+nCount==pAgg->nTerm && pAgg->nTerm>1;
}

/* A part for each end, and one for the counts. */
static int endParts(Aggregate *pAgg){
  int nPart = 0;
  for(int i=0; i<pAgg->nTerm; i++) if( !isEnd(&pAgg->aTerm[i]) ) nPart = 1;
  for(int i=0; i<pAgg->nTerm; i++){
    if( isEnd(&pAgg->aTerm[i]) ) pAgg->aTerm[i].iPart = nPart++;
  }
  return nPart;
}

/* Give every term its part; how many there are. */
static int assignParts(Aggregate *pAgg){
  AggTerm *a = pAgg->aTerm;
  int nPart = 0, bMany = 0;
  if( asksEnds(pAgg) ) return endParts(pAgg);
  for(int i=0; i<pAgg->nTerm; i++){
    if( a[i].nMany ) bMany = 1;
    else if( countsRows(&a[i]) ) nPart = 1;
  }
  if( !bMany ) nPart = 1;
  for(int i=0; i<pAgg->nTerm; i++){
    int j = 0;
    if( a[i].nMany==0 ) continue;
    while( j<i && (a[j].nMany==0 || !sameMany(&a[i], &a[j])) ) j++;
    a[i].iPart = j<i ? a[j].iPart : nPart++;
  }
  return nPart;
}

/* --------------------------------------------------------------- joins --- */

static int joinNew(Part *p, const OrmRel *pRel, int iParent){
  Join *pNew = ormArenaGrow(p->pSql->binds.pArena, (void**)&p->aJoin, p->nJoin,
                            &p->nAlloc, (int)sizeof(*pNew));
  if( pNew==0 ) return 0;
  memset(pNew, 0, sizeof(*pNew));
  pNew->pRel = pRel;
  pNew->iParent = iParent;
  ormSqlAlias(p->pSql, pNew->zAlias);
  if( pRel && pRel->zSecondary ) ormSqlAlias(p->pSql, pNew->zLink);
  return p->nJoin++;
}

/* The table that a term's path leads to, joined if it is not yet. */
static int joinPath(Part *p, const AggTerm *pTerm){
  int iAt = 0;
  for(int i=0; i<pTerm->nHop; i++){
    int j = 1;
    while( j<p->nJoin && (p->aJoin[j].iParent!=iAt
                       || p->aJoin[j].pRel!=pTerm->apHop[i]) ) j++;
    iAt = j<p->nJoin ? j : joinNew(p, pTerm->apHop[i], iAt);
  }
  return iAt;
}

/* Are all of an index's columns among the link's? */
static int indexInLink(
  Orm *pOrm, OrmErr *pErr, const OrmRel *pRel, const char *zIndex
){
  sqlite3_stmt *p = ormFactOpen(pOrm, pErr, "PRAGMA main.index_info(\"%w\")",
                                zIndex);
  int bAll = 1;
  while( bAll && ormFactStep(pOrm, pErr, p) ){
    const char *z = (const char*)sqlite3_column_text(p, 2);
    bAll = 0;
    for(int i=0; z && i<pRel->nLocal; i++){
      bAll |= sqlite3_stricmp(z, pRel->azSecLocal[i])==0;
    }
    for(int i=0; z && i<pRel->nRemote; i++){
      bAll |= sqlite3_stricmp(z, pRel->azSecRemote[i])==0;
    }
  }
  sqlite3_finalize(p);
  return bAll;
}

/* Is it sure that no pair is linked twice? */
static int linkUnique(OrmSql *pSql, const OrmRel *pRel){
  OrmErr *pErr = pSql->buf.pErr;
  sqlite3_stmt *p = ormFactOpen(pSql->pOrm, pErr,
                                "PRAGMA main.index_list(\"%w\")",
                                pRel->zSecondary);
  int bHit = 0;
  while( !bHit && ormFactStep(pSql->pOrm, pErr, p) ){
    if( !sqlite3_column_int(p, 2) || sqlite3_column_int(p, 4) ) continue;
    bHit = indexInLink(pSql->pOrm, pErr, pRel,
                       (const char*)sqlite3_column_text(p, 1));
  }
  sqlite3_finalize(p);
  return bHit;
}

/* Is it sure that the links of an object and a target are one, if they are no
** two that are the same? */
static int linkPlain(Orm *pOrm, const OrmRel *pRel){
  return !ormLinkSpelled(pOrm, pRel, pRel->pModel, pRel->nLocal, pRel->aLocal,
                         pRel->azSecLocal)
      && !ormLinkSpelled(pOrm, pRel, pRel->pTarget, pRel->nRemote,
                         pRel->aRemote, pRel->azSecRemote);
}

static void equalSql(
  OrmSql *p, const char *zA, const char *zX, const char *zB, const char *zY
){
  ormBufColumn(&p->buf, zA, zX);
  sql(p, "=");
  ormBufColumn(&p->buf, zB, zY);
}

/* " LEFT JOIN link AS .. ON ..", for a table that links no pair twice. */
static void linkSql(OrmSql *p, const Join *pJoin, const char *zParent){
  const OrmRel *pRel = pJoin->pRel;
  sql(p, " LEFT JOIN ");
  ormBufTable(&p->buf, pRel->zSecondary);
  ormBufPrintf(&p->buf, " AS %s ON ", pJoin->zLink);
  for(int i=0; i<pRel->nLocal; i++){
    if( i ) sql(p, " AND ");
    equalSql(p, zParent, pRel->pModel->aField[pRel->aLocal[i]].zName,
             pJoin->zLink, pRel->azSecLocal[i]);
  }
}

static void joinSql(Part *pPart, const Join *pJoin){
  OrmSql *p = pPart->pSql;
  const OrmRel *pRel = pJoin->pRel;
  const char *zParent = pPart->aJoin[pJoin->iParent].zAlias;
  int bLink = pRel->zSecondary && linkPlain(p->pOrm, pRel)
           && linkUnique(p, pRel);
  if( bLink ) linkSql(p, pJoin, zParent);
  sql(p, " LEFT JOIN ");
  ormBufTable(&p->buf, pRel->pTarget->zTable);
  ormBufPrintf(&p->buf, " AS %s ON ", pJoin->zAlias);
  if( !bLink ) ormRelJoinSql(p, pRel, zParent, pJoin->zAlias);
  for(int i=0; bLink && i<pRel->nRemote; i++){
    if( i ) sql(p, " AND ");
    equalSql(p, pJoin->zAlias, pRel->pTarget->aField[pRel->aRemote[i]].zName,
             pJoin->zLink, pRel->azSecRemote[i]);
  }
  ormDeletedSql(p, pRel->pTarget, pPart->pAgg->eDeleted==ORM_DELETED_HIDE
                ? ORM_DELETED_HIDE : ORM_DELETED_ALSO, pJoin->zAlias);
  ormRelFirstSql(p, pRel, zParent, pJoin->zAlias, pPart->pAgg->eDeleted);
}

/* -------------------------------------------------------------- SELECTs --- */

/* The column that tells whether there is an object at a term's end: one that
** the join compares, so that it is not NULL. */
static const OrmField *presentField(const AggTerm *pTerm){
  const OrmRel *pLast = pTerm->apHop[pTerm->nHop-1];
  return &pTerm->pModel->aField[pLast->aRemote[0]];
}

/* Does a condition ask about related objects? */
static int asksRelated(const OrmCond *p){
  for(; p; p=p->pNext){
    if( p->eKind==ORM_COND_REL || p->eKind==ORM_COND_COUNT ) return 1;
    if( asksRelated(p->pFirst) ) return 1;
  }
  return 0;
}

/* May a min or max stand over an IN (SELECT ..)?  (see sql.c) */
static int isOverIn(const Aggregate *pAgg, const AggTerm *pTerm){
  if( ormSqlInIsWell() || pTerm->eFunc<AGG_MIN ) return 0;
  for(int i=0; i<pTerm->nHop; i++){
    if( pTerm->apHop[i]->zSecondary ) return 1;
  }
  return asksRelated(pAgg->pWhere);
}

/* A term's SQL, over the table zAlias, into zSql. */
static void termText(
  OrmSql *p, const Aggregate *pAgg, AggTerm *pTerm, const char *zAlias
){
  static const char *const azFunc[] = { "", "count(", "sum(", "avg(", "min(",
                                        "max(" };
  const OrmField *pField = 0;
  OrmBuf buf;
  ormBufInit(&buf, p->buf.pErr);
  if( pTerm->iField>=0 ) pField = &pTerm->pModel->aField[pTerm->iField];
  else if( pTerm->bDistinct ){
    pField = &pTerm->pModel->aField[pTerm->pModel->aKey[0]];
  }else if( pTerm->nHop ) pField = presentField(pTerm);
  ormBufAdd(&buf, azFunc[pTerm->eFunc], -1);
  if( pTerm->bDistinct ) ormBufAdd(&buf, "DISTINCT ", -1);
  if( pField ) ormBufColumn(&buf, zAlias, pField->zName);
  else ormBufChar(&buf, '*');
  if( pTerm->eFunc!=AGG_GROUP ) ormBufChar(&buf, ')');
  if( isOverIn(pAgg, pTerm) ) ormBufAdd(&buf, " FILTER (WHERE 1)", -1);
  pTerm->zSql = ormArenaText(p->binds.pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
}

static int inPart(const Part *p, int i){
  return i<p->pAgg->nGroup || p->pAgg->aTerm[i].iPart==p->iPart;
}

static void groupBySql(OrmSql *p, const Aggregate *pAgg){
  for(int i=0; i<pAgg->nGroup; i++){
    sql(p, i ? ", " : " GROUP BY ");
    sql(p, pAgg->aTerm[i].zSql);
  }
}

/* "SELECT .. FROM .. WHERE .. GROUP BY ..": the groups, and the terms of one
** part, each "AS c<number>". */
static void partSql(OrmSql *pSql, Aggregate *pAgg, int iPart){
  Part part = { pSql, pAgg, iPart, 0, 0, 0 };
  OrmErr *pErr = pSql->buf.pErr;
  const char *zSep = "SELECT ";
  joinNew(&part, 0, 0);
  for(int i=0; i<pAgg->nTerm && pErr->rc==SQLITE_OK; i++){
    int iJoin;
    if( !inPart(&part, i) ) continue;
    iJoin = joinPath(&part, &pAgg->aTerm[i]);
    termText(pSql, pAgg, &pAgg->aTerm[i], part.aJoin[iJoin].zAlias);
    if( pErr->rc!=SQLITE_OK ) return;
    sql(pSql, zSep);
    sql(pSql, pAgg->aTerm[i].zSql);
    ormBufPrintf(&pSql->buf, " AS c%d", i);
    zSep = ", ";
  }
  if( pErr->rc!=SQLITE_OK ) return;
  sql(pSql, " FROM ");
  ormBufTable(&pSql->buf, pAgg->pModel->zTable);
  ormBufPrintf(&pSql->buf, " AS %s", part.aJoin[0].zAlias);
  for(int i=1; i<part.nJoin; i++) joinSql(&part, &part.aJoin[i]);
  if( pAgg->pWhere || pAgg->pModel->iSoftDelete>=0 ){
    sql(pSql, " WHERE 1");
    pSql->bWhole = 1;
    ormConditionSql(pSql, pAgg->pModel, pAgg->pWhere, pAgg->eDeleted,
                    part.aJoin[0].zAlias);
    pSql->bWhole = 0;
  }
  groupBySql(pSql, pAgg);
}

/* "SELECT .. FROM (..) AS s0 JOIN (..) AS s1 ON <the same group>" */
static void wholeSql(OrmSql *p, Aggregate *pAgg, int nPart){
  for(int i=0; i<pAgg->nTerm; i++){
    int iPart = i<pAgg->nGroup ? 0 : pAgg->aTerm[i].iPart;
    ormBufPrintf(&p->buf, "%ss%d.c%d", i ? ", " : "SELECT ", iPart, i);
  }
  for(int i=0; i<nPart; i++){
    sql(p, i ? " JOIN (" : " FROM (");
    partSql(p, pAgg, i);
    ormBufPrintf(&p->buf, ") AS s%d", i);
    for(int j=0; i && j<pAgg->nGroup; j++){
      ormBufPrintf(&p->buf, "%ss0.c%d IS s%d.c%d", j ? " AND " : " ON ", j, i,
                   j);
    }
  }
  for(int i=0; i<pAgg->nTerm; i++){
    int iPart = i<pAgg->nGroup ? 0 : pAgg->aTerm[i].iPart;
    pAgg->aTerm[i].zSql = ormArenaPrintf(p->binds.pArena, "s%d.c%d", iPart, i);
  }
}

static void orderSql(OrmSql *p, const Aggregate *pAgg){
  for(int i=0; pAgg->nGroup && i<pAgg->nOrder; i++){
    const AggOrder *pOrder = &pAgg->aOrder[i];
    sql(p, i ? ", " : " ORDER BY ");
    ormBufInt(&p->buf, pOrder->iTerm + 1);
    if( pOrder->bDesc ) sql(p, " DESC");
    if( pOrder->bNullsLast!=pOrder->bDesc ){
      sql(p, pOrder->bNullsLast ? " NULLS LAST" : " NULLS FIRST");
    }
  }
}

/* HAVING without GROUP BY is for newer SQLite only: then, and where there is
** more than one part, the SELECT is put into another. */
void ormGroupSql(OrmSql *p, Aggregate *pAgg){
  int nPart = assignParts(pAgg);
  int bWhole = nPart>1 || (pAgg->pHaving && pAgg->nGroup==0);
  if( bWhole ) wholeSql(p, pAgg, nPart);
  else partSql(p, pAgg, 0);
  if( p->buf.pErr->rc!=SQLITE_OK ) return;
  if( pAgg->pHaving ){
    sql(p, bWhole ? " WHERE " : " HAVING ");
    ormCondSql(p, 0, pAgg->pHaving, ORM_DELETED_HIDE, "");
  }
  orderSql(p, pAgg);
  if( pAgg->iLimit<0 && pAgg->iOffset==0 ) return;
  ormSqlLimit(p, pAgg->iLimit, pAgg->iOffset);
}

/* ----------------------------------------------------------------- run --- */

/* The keys of the output's objects, ready: {"a": and ,"b": */
static char **outputKeys(OrmArena *pArena, const Aggregate *pAgg){
  char **az = ormArenaAlloc(pArena, pAgg->nTerm*(i64)sizeof(char*));
  OrmBuf buf;
  ormBufInit(&buf, pArena->pErr);
  for(int i=0; az && i<pAgg->nTerm; i++){
    ormBufReset(&buf);
    ormBufChar(&buf, i ? ',' : '{');
    ormJsonString(&buf, pAgg->aTerm[i].zName,
                  (i64)strlen(pAgg->aTerm[i].zName));
    ormBufChar(&buf, ':');
    az[i] = ormArenaText(pArena, ormBufText(&buf), buf.n);
  }
  ormBufFree(&buf);
  return az;
}

static void aggregateRun(OrmSql *p, const Aggregate *pAgg, OrmBuf *pOut){
  OrmErr *pErr = p->buf.pErr;
  char **azKey = outputKeys(p->binds.pArena, pAgg);
  OrmStmt *pStmt = ormStmtTake(p->pOrm, pErr, ormBufText(&p->buf), p->buf.n);
  ormBindAll(pErr, pStmt, p->iFirst, &p->binds);
  ormBufChar(pOut, '[');
  for(int n=0; ormStmtStep(p->pOrm, pErr, pStmt); n++){
    if( n ) ormBufChar(pOut, ',');
    for(int i=0; i<pAgg->nTerm; i++){
      ormBufAdd(pOut, azKey[i], -1);
      ormJsonValue(pOut, sqlite3_column_value(pStmt->p, i),
                   pAgg->aTerm[i].eType);
    }
    ormBufChar(pOut, '}');
  }
  ormBufChar(pOut, ']');
  ormStmtGive(p->pOrm, pErr, pStmt);
}

void ormAggregate(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel, const char *zQuery,
  i64 nQuery, OrmBuf *pOut
){
  OrmCatalog *pCatalog = ormCatalogPinCall(pOrm, pErr);
  OrmModel *pModel = 0;
  Aggregate *pAgg = 0;
  OrmArena arena;
  OrmParse parse;
  OrmSql text;
  ormArenaInit(&arena, pErr);
  ormSqlInit(&text, pOrm, &arena, 1);
  ormParseInit(&parse, pOrm, &arena, 0);
  if( pCatalog ) pModel = ormModelFind(pOrm, pErr, pCatalog, zModel, nModel);
  if( pModel ) pAgg = ormAggregateParse(&parse, pModel, zQuery, nQuery);
  if( pAgg ) ormGroupSql(&text, pAgg);
  if( pErr->rc==SQLITE_OK ) aggregateRun(&text, pAgg, pOut);
  ormSqlFree(&text);
  ormArenaFree(&arena);
  ormCatalogUnpin(pOrm, pCatalog);
}
