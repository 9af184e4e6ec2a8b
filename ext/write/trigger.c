/*
** The text of the triggers of orm_enforce(), from the same rules as the
** planner's steps.
**
** Two kinds.  Where rows can be reached by one way only, tables form no circle
** and nothing is both deleted and let go, a trigger does its own table's
** edges and leaves the rest to the triggers of the tables below (chain).  Else
** one trigger does all: it sets the guard, collects every row that goes into
** work rows by one recursive query over all tables, and then lets go, refuses
** and deletes table by table (whole).
**
** Rows of orm_state: 2 is the guard; (t<<44) + 16*n + j is the j-th id column
** of the n-th work row of table t, where t counts the closure from 1.
*/
#include "trigger.h"

#define WORK_SHIFT 44
#define CLOSURE_MAX 4000

static void add(Closure *p, const char *z){ ormBufAdd(p->pBuf, z, -1); }

/* ------------------------------------------------------------------------
** Pieces of text
** --------------------------------------------------------------------- */

static void name(Closure *p, const char *z){ ormBufName(p->pBuf, z); }

/* "(a, b)" of columns, with an alias, or the bare column. */
static void columns(
  Closure *p, const OrmNode *pNode, const char *zAlias, int n, const int *aCol
){
  if( n>1 ) add(p, "(");
  for(int i=0; i<n; i++){
    if( i ) add(p, ", ");
    if( zAlias ){ add(p, zAlias); add(p, "."); }
    name(p, pNode->aCol[aCol[i]].zName);
  }
  if( n>1 ) add(p, ")");
}

static void bare(Closure *p, const OrmNode *pNode, const char *zAlias, int n,
                 const int *aCol){
  for(int i=0; i<n; i++){
    if( i ) add(p, ", ");
    columns(p, pNode, zAlias, 1, &aCol[i]);
  }
}

/* "k0, k1" of what tells rows apart. */
static void bareIds(Closure *p, const OrmNode *pNode){
  for(int i=0; i<pNode->nId; i++){
    if( i ) add(p, ", ");
    name(p, pNode->azId[i]);
  }
}

/* "(k0, k1)" of what tells rows apart. */
static void ids(Closure *p, const OrmNode *pNode, const char *zAlias){
  if( pNode->nId>1 ) add(p, "(");
  for(int i=0; i<pNode->nId; i++){
    if( i ) add(p, ", ");
    if( zAlias ){ add(p, zAlias); add(p, "."); }
    name(p, pNode->azId[i]);
  }
  if( pNode->nId>1 ) add(p, ")");
}

/* "(SELECT id, .. )" of the work rows of table i. */
static void work(Closure *p, int i){
  const OrmNode *pNode = p->a[i].p;
  i64 iLow = (i64)(i+1)<<WORK_SHIFT, iHigh = (i64)(i+2)<<WORK_SHIFT;
  add(p, "(SELECT w0.token");
  for(int j=1; j<pNode->nId; j++) ormBufPrintf(p->pBuf, ", w%d.token", j);
  add(p, " FROM orm_state AS w0");
  for(int j=1; j<pNode->nId; j++){
    ormBufPrintf(p->pBuf, " JOIN orm_state AS w%d ON w%d.id = w0.id + %d",
                 j, j, j);
  }
  ormBufPrintf(p->pBuf, " WHERE w0.id >= %lld AND w0.id < %lld", iLow, iHigh);
  if( p->nCol>1 ) add(p, " AND w0.id % 16 = 0");
  add(p, ")");
}

/* "p.id IN (work rows)" */
static void goes(Closure *p, int i, const char *zAlias){
  ids(p, p->a[i].p, zAlias);
  add(p, " IN ");
  work(p, i);
}

/* "id IN (SELECT c.id FROM p, c WHERE p goes AND c.fk = p.key)": rows of an
** edge's end, where IN would not compare as the edge does.  i<0: p is OLD,
** which has no type of its own in a comparison. */
static void refersJoin(Closure *p, const OrmEdge *pEdge, int i){
  const OrmNode *pFrom = pEdge->pFrom;
  ids(p, pEdge->pTo, 0);
  add(p, " IN (SELECT ");
  ormNodeIds(p->pBuf, pEdge->pTo, "c");
  add(p, " FROM ");
  name(p, pFrom->zTable);
  add(p, " AS p CROSS JOIN ");
  name(p, pEdge->pTo->zTable);
  add(p, " AS c WHERE ");
  if( i>=0 ) goes(p, i, "p");
  for(int j=0; i<0 && j<pFrom->nId; j++){
    if( j ) add(p, " AND ");
    ormBufColumn(p->pBuf, "p", pFrom->azId[j]);
    add(p, " = ");
    ormBufColumn(p->pBuf, "OLD", pFrom->azId[j]);
  }
  add(p, " AND ");
  ormEdgeJoin(p->pBuf, pEdge, "p", "c");
  add(p, ")");
}

/* "fk IN (SELECT p.key FROM t AS p WHERE p goes)": rows of an edge's end.
** Where the key is the rowid the work rows are the keys themselves. */
static void refers(Closure *p, const OrmEdge *pEdge){
  int i = ormClosureFind(p, pEdge->pFrom);
  if( !ormEdgePlain(pEdge) ){
    refersJoin(p, pEdge, i);
    return;
  }
  columns(p, pEdge->pTo, 0, pEdge->n, pEdge->aTo);
  add(p, " IN ");
  if( pEdge->n==1 && pEdge->pFrom->iRowid>=0
   && pEdge->aFrom[0]==pEdge->pFrom->iRowid ){
    assert( pEdge->pTo->aCol[pEdge->aTo[0]].cAff>='C' );  /* as it is plain */
    work(p, i);
    return;
  }
  add(p, "(SELECT ");
  bare(p, pEdge->pFrom, "p", pEdge->n, pEdge->aFrom);
  add(p, " FROM ");
  name(p, pEdge->pFrom->zTable);
  add(p, " AS p WHERE ");
  goes(p, i, "p");
  add(p, ")");
}

/* "a = OLD.b AND ..", the side referred to first. */
static void refersOld(Closure *p, const OrmEdge *pEdge){
  if( !ormEdgePlain(pEdge) ){
    refersJoin(p, pEdge, -1);
    return;
  }
  for(int i=0; i<pEdge->n; i++){
    if( i ) add(p, " AND ");
    add(p, "OLD.");
    name(p, pEdge->pFrom->aCol[pEdge->aFrom[i]].zName);
    add(p, " = ");
    name(p, pEdge->pTo->aCol[pEdge->aTo[i]].zName);
  }
}

/* Auto fields that change with the row. */
static void touch(Closure *p, const OrmModel *pModel){
  for(int i=0; pModel && i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( pField->eAuto==ORM_AUTO_VERSION ){
      add(p, ", ");
      name(p, pField->zName);
      add(p, " = ");
      name(p, pField->zName);
      add(p, " + 1");
    }else if( pField->eAuto==ORM_AUTO_UPDATED ){
      add(p, ", ");
      name(p, pField->zName);
      add(p, " = strftime('%Y-%m-%d %H:%M:%S', 'now')");
    }
  }
}

static const char *const azWhy[] = {
  "FOREIGN KEY constraint failed",
  "NOT NULL constraint failed",
  "cannot set a primary key column NULL",
  "SET DEFAULT constraint failed",
};

/* "SELECT RAISE(ABORT, 'orm: User.posts: ..') WHERE " */
static void raise(Closure *p, const OrmEdge *pEdge, int eWhy){
  char *z = sqlite3_mprintf("orm: %s.%s: %s: %s.%s",
      pEdge->pFrom->pModel ? pEdge->pFrom->pModel->zName : pEdge->pFrom->zTable,
      pEdge->zName, azWhy[eWhy], pEdge->pTo->zTable,
      pEdge->pTo->aCol[pEdge->aTo[0]].zName);
  if( z==0 ){ ormErrOom(p->pErr); return; }
  add(p, "  SELECT RAISE(ABORT, ");
  ormBufLiteral(p->pBuf, z);
  add(p, ") WHERE ");
  sqlite3_free(z);
}

/* ------------------------------------------------------------------------
** Chain
** --------------------------------------------------------------------- */

static void chainDelete(Closure *p, const OrmEdge *pEdge){
  add(p, "  DELETE FROM ");
  name(p, pEdge->pTo->zTable);
  add(p, " WHERE ");
  refersOld(p, pEdge);
  add(p, ";\n");
}

/* A row that refers to itself goes with itself. */
static void notOld(Closure *p, const OrmEdge *pEdge){
  if( pEdge->pTo!=pEdge->pFrom ) return;
  add(p, " AND ");
  ids(p, pEdge->pTo, 0);
  add(p, " IS NOT ");
  ids(p, pEdge->pTo, "OLD");
}

static void chainNullify(Closure *p, const OrmEdge *pEdge){
  add(p, "  UPDATE ");
  name(p, pEdge->pTo->zTable);
  for(int i=0; i<pEdge->n; i++){
    add(p, i ? ", " : " SET ");
    name(p, pEdge->pTo->aCol[pEdge->aTo[i]].zName);
    add(p, " = NULL");
  }
  touch(p, pEdge->pTo->pModel);
  add(p, " WHERE ");
  refersOld(p, pEdge);
  notOld(p, pEdge);
  add(p, ";\n");
}

static void chainForbid(Closure *p, const OrmEdge *pEdge){
  raise(p, pEdge, pEdge->eAction==ORM_EDGE_RESTRICT ? 0 : pEdge->eBlock);
  add(p, "EXISTS (SELECT 1 FROM ");
  name(p, pEdge->pTo->zTable);
  add(p, " WHERE ");
  refersOld(p, pEdge);
  notOld(p, pEdge);
  add(p, ");\n");
}

/* Lets go, refuses, deletes, for the one row that goes. */
static void chain(Closure *p){
  const OrmEdge *pFirst = p->a[0].p->pEdge;
  for(const OrmEdge *pEdge=pFirst; pEdge; pEdge=pEdge->pNext){
    if( ormEdgeLetsGo(pEdge) ) chainNullify(p, pEdge);
  }
  for(const OrmEdge *pEdge=pFirst; pEdge; pEdge=pEdge->pNext){
    if( ormEdgeHeeds(pEdge) && ormEdgeForbids(pEdge) ) chainForbid(p, pEdge);
  }
  for(const OrmEdge *pEdge=pFirst; pEdge; pEdge=pEdge->pNext){
    if( ormEdgeHeeds(pEdge) && ormEdgeDeletes(pEdge) ) chainDelete(p, pEdge);
  }
}

/* ------------------------------------------------------------------------
** Whole
** --------------------------------------------------------------------- */

/* One term of the recursion: the rows of an edge's end. */
static void reachTerm(Closure *p, int i, const OrmEdge *pEdge){
  ormBufPrintf(p->pBuf, "\n    UNION SELECT %d, ",
               ormClosureFind(p, pEdge->pTo)+1);
  ormNodeIds(p->pBuf, pEdge->pTo, "c");
  for(int j=pEdge->pTo->nId; j<p->nCol; j++) add(p, ", NULL");
  add(p, " FROM reach CROSS JOIN ");
  name(p, pEdge->pFrom->zTable);
  add(p, " AS p CROSS JOIN ");
  if( pEdge->pVia ){
    name(p, pEdge->pVia->zTable);
    add(p, " AS l CROSS JOIN ");
  }
  name(p, pEdge->pTo->zTable);
  ormBufPrintf(p->pBuf, " AS c WHERE reach.t = %d", i+1);
  for(int j=0; j<pEdge->pFrom->nId; j++){
    add(p, " AND ");
    ormBufColumn(p->pBuf, "p", pEdge->pFrom->azId[j]);
    ormBufPrintf(p->pBuf, " = reach.k%d", j);
  }
  add(p, " AND ");
  ormEdgeJoin(p->pBuf, pEdge, "p", "c");
}

/* All rows that go, leaves left out, into work rows. */
static void wholeReach(Closure *p){
  u32 nMost = (u32)sqlite3_limit(p->pOrm->db, SQLITE_LIMIT_COMPOUND_SELECT, -1)
            - 1;                /* 0 is no limit                              */
  u32 nEdge = 0;
  add(p, "  INSERT INTO orm_state(id, token) WITH RECURSIVE reach(t");
  for(int j=0; j<p->nCol; j++) ormBufPrintf(p->pBuf, ", k%d", j);
  add(p, ") AS (\n    SELECT 1");
  for(int j=0; j<p->nCol; j++){
    add(p, ", ");
    if( j<p->a[0].p->nId ) ormBufColumn(p->pBuf, "OLD", p->a[0].p->azId[j]);
    else add(p, "NULL");
  }
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      if( !ormEdgeHeeds(pEdge) || !ormEdgeDeletes(pEdge) ) continue;
      if( p->a[ormClosureFind(p, pEdge->pTo)].bLeaf ) continue;
      reachTerm(p, i, pEdge);
      nEdge++;
    }
  }
  if( nEdge>nMost ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: orm_enforce: a delete in %s cascades"
           " over %u relationships, more than the %u that"
           " SQLITE_LIMIT_COMPOUND_SELECT allows",
           p->a[0].p->zTable, nEdge, nMost);
  }
  ormBufPrintf(p->pBuf, ")\n    SELECT t * %lld + 16 * ",
               ((i64)1)<<WORK_SHIFT);
  if( p->nCol==1 ){
    add(p, "row_number() OVER (), k0 FROM reach;\n");
    return;
  }
  add(p, "n + j, CASE j");
  for(int j=0; j<p->nCol; j++) ormBufPrintf(p->pBuf, " WHEN %d THEN k%d", j, j);
  add(p, " END\n    FROM (SELECT *, row_number() OVER () AS n FROM reach)"
         " CROSS JOIN (");
  for(int j=0; j<p->nCol; j++){
    ormBufPrintf(p->pBuf, j ? " UNION ALL SELECT %d" : "SELECT %d AS j", j);
  }
  add(p, ")\n    WHERE CASE j");
  for(int j=0; j<p->nCol; j++) ormBufPrintf(p->pBuf, " WHEN %d THEN k%d", j, j);
  add(p, " END IS NOT NULL;\n");
}

/* " AND NOT (the row itself goes)" */
static void stays(Closure *p, const OrmNode *pNode){
  int i = ormClosureFind(p, pNode);
  if( i<0 ) return;
  assert( !p->a[i].bLeaf );     /* its rows only ever go                      */
  add(p, " AND NOT (");
  goes(p, i, 0);
  add(p, ")");
}

/* Is there something for the DEFAULTs to stand for? Refuse if there is not.
** zWhere: which rows get them, where the edge does not say. */
static void wholeDefault(Closure *p, const OrmEdge *pEdge, const char *zWhere){
  const OrmNode *pTo = pEdge->pTo;
  int iFrom = ormClosureFind(p, pEdge->pFrom);
  for(int i=0; i<pEdge->n; i++){
    const char *z = pTo->aCol[pEdge->aTo[i]].zDefault;
    if( z==0 || sqlite3_stricmp(z, "NULL")==0 ) return;
  }
  raise(p, pEdge, ORM_BLOCK_DEFAULT);
  add(p, "EXISTS (SELECT 1 FROM ");
  name(p, pTo->zTable);
  add(p, " WHERE ");
  if( zWhere ) add(p, zWhere); else refers(p, pEdge);
  if( zWhere==0 ) stays(p, pTo);
  add(p, ") AND NOT EXISTS (SELECT 1 FROM ");
  name(p, pEdge->pFrom->zTable);
  add(p, " AS d WHERE ");
  for(int i=0; i<pEdge->n; i++){
    if( i ) add(p, " AND ");
    ormBufColumn(p->pBuf, "d", pEdge->pFrom->aCol[pEdge->aFrom[i]].zName);
    ormBufPrintf(p->pBuf, " = %s", pTo->aCol[pEdge->aTo[i]].zDefault);
  }
  if( iFrom>=0 ){
    add(p, " AND NOT (");
    goes(p, iFrom, "d");
    add(p, ")");
  }
  add(p, ");\n");
}

/* The value a column of pTo gets: NULL or its DEFAULT in the rows of the edges
** that let go by it. */
static void wholeSet(Closure *p, const OrmNode *pTo, int iCol, int nEdge,
                     const OrmEdge **apEdge){
  name(p, pTo->aCol[iCol].zName);
  add(p, " = ");
  if( nEdge>1 ) add(p, "CASE");
  for(int i=0; i<nEdge; i++){
    const OrmEdge *pEdge = apEdge[i];
    const char *z = "NULL";
    int j = 0;
    while( j<pEdge->n && pEdge->aTo[j]!=iCol ) j++;
    if( j==pEdge->n ) continue;
    if( pEdge->eAction==ORM_EDGE_DEFAULT && pTo->aCol[iCol].zDefault ){
      z = pTo->aCol[iCol].zDefault;
    }
    if( nEdge>1 ){
      add(p, " WHEN ");
      refers(p, pEdge);
      add(p, " THEN ");
    }
    add(p, z);
  }
  if( nEdge>1 ){
    add(p, " ELSE ");
    name(p, pTo->aCol[iCol].zName);
    add(p, " END");
  }
}

/* What refers to rows of pNode that let go, by the columns that change: lets go
** before, or refuses.  zWhere: which rows these are. */
static void wholeRipples(Closure *p, OrmNode *pNode, int nEdge,
                         const OrmEdge **apEdge, const char *zWhere, int nHop){
  OrmBuf *pOut = p->pBuf, where;
  const OrmEdge *pEdge = ormNodeRipples(p->pErr, pNode);
  for(; pEdge && nHop<RIPPLE_MAX; pEdge=pEdge->pNext){
    OrmNode *pTo = pEdge->pTo;
    int bMeets = 0;
    for(int i=0; i<nEdge; i++) bMeets |= ormEdgeMeets(apEdge[i], pEdge);
    if( !bMeets ) continue;
    ormBufInit(&where, p->pErr);
    p->pBuf = &where;
    ids(p, pTo, 0);
    add(p, " IN (SELECT ");
    ormNodeIds(p->pBuf, pTo, "c");
    add(p, " FROM ");
    name(p, pNode->zTable);
    add(p, " AS p CROSS JOIN ");
    name(p, pTo->zTable);
    add(p, " AS c WHERE ");
    ids(p, pNode, "p");
    add(p, " IN (SELECT ");
    bareIds(p, pNode);
    add(p, " FROM ");
    name(p, pNode->zTable);
    ormBufPrintf(p->pBuf, " WHERE %s) AND ", zWhere);
    ormEdgeJoin(p->pBuf, pEdge, "p", "c");
    add(p, ")");
    stays(p, pTo);
    p->pBuf = pOut;
    if( ormEdgeForbids(pEdge) ){
      raise(p, pEdge, pEdge->eAction==ORM_EDGE_RESTRICT ? 0 : pEdge->eBlock);
      add(p, "EXISTS (SELECT 1 FROM ");
      name(p, pTo->zTable);
      ormBufPrintf(p->pBuf, " WHERE %s);\n", ormBufText(&where));
    }else{
      if( pEdge->eAction==ORM_EDGE_DEFAULT ){
        wholeDefault(p, pEdge, ormBufText(&where));
      }
      wholeRipples(p, pTo, 1, &pEdge, ormBufText(&where), nHop+1);
      add(p, "  UPDATE ");
      name(p, pTo->zTable);
      for(int i=0; i<pEdge->n; i++){
        add(p, i ? ", " : " SET ");
        wholeSet(p, pTo, pEdge->aTo[i], 1, &pEdge);
      }
      touch(p, pTo->pModel);
      ormBufPrintf(p->pBuf, " WHERE %s;\n", ormBufText(&where));
    }
    ormBufFree(&where);
  }
}

/* One UPDATE of a table for all edges that let its rows go. */
static void wholeNullify(
  Closure *p, OrmNode *pTo, int nEdge, const OrmEdge **apEdge
){
  OrmBuf *pOut = p->pBuf, where;
  int nSet = 0;
  for(int i=0; i<nEdge; i++){
    if( apEdge[i]->eAction==ORM_EDGE_DEFAULT ) wholeDefault(p, apEdge[i], 0);
  }
  ormBufInit(&where, p->pErr);
  p->pBuf = &where;
  add(p, "(");
  for(int i=0; i<nEdge; i++){
    if( i ) add(p, " OR ");
    refers(p, apEdge[i]);
  }
  add(p, ")");
  stays(p, pTo);
  p->pBuf = pOut;
  wholeRipples(p, pTo, nEdge, apEdge, ormBufText(&where), 0);
  add(p, "  UPDATE ");
  name(p, pTo->zTable);
  for(int iCol=0; iCol<pTo->nCol; iCol++){
    int bSet = 0;
    for(int i=0; i<nEdge; i++){
      for(int j=0; j<apEdge[i]->n; j++) bSet |= apEdge[i]->aTo[j]==iCol;
    }
    if( !bSet ) continue;
    add(p, nSet++ ? ", " : " SET ");
    wholeSet(p, pTo, iCol, nEdge, apEdge);
  }
  touch(p, pTo->pModel);
  ormBufPrintf(p->pBuf, " WHERE %s;\n", ormBufText(&where));
  ormBufFree(&where);
}

/* Let go: every table that some edge of the closure touches, once, at its first
** edge. */
static void wholeTouch(Closure *p){
  OrmErr *pErr = p->pErr;
  int nEdge = 0, nAlloc = 0;
  const OrmEdge **apEdge = 0, **apSame;
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      if( !ormEdgeLetsGo(pEdge)
       || !ormArenaGrow(p->pArena, (void**)&apEdge, nEdge, &nAlloc,
                        (int)sizeof(*apEdge)) ) continue;
      apEdge[nEdge++] = pEdge;
    }
  }
  apSame = ormArenaAlloc(p->pArena, (nEdge+1)*(i64)sizeof(*apSame));
  for(int i=0; i<nEdge && pErr->rc==SQLITE_OK; i++){
    OrmNode *pTo = apEdge[i] ? apEdge[i]->pTo : 0;
    int nSame = 0;
    for(int j=i; pTo && j<nEdge; j++){
      if( apEdge[j]==0 || apEdge[j]->pTo!=pTo ) continue;
      apSame[nSame++] = apEdge[j];
      apEdge[j] = 0;
    }
    if( nSame ) wholeNullify(p, pTo, nSame, apSame);
  }
}

/* Refuse: what still refers, and stays. */
static void wholeForbid(Closure *p){
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      if( !ormEdgeHeeds(pEdge) || !ormEdgeForbids(pEdge) ) continue;
      raise(p, pEdge, pEdge->eAction==ORM_EDGE_RESTRICT ? 0 : pEdge->eBlock);
      add(p, "EXISTS (SELECT 1 FROM ");
      name(p, pEdge->pTo->zTable);
      add(p, " WHERE ");
      refers(p, pEdge);
      stays(p, pEdge->pTo);
      add(p, ");\n");
    }
  }
}

/* References among rows that go, where the one that refers does not go first
** and a foreign key would act or forbid at once: let go before. */
static void wholeRelease(Closure *p){
  for(int i=0; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      int iTo = ormClosureFind(p, pEdge->pTo);
      if( iTo<0 || p->a[iTo].bLeaf || pEdge->eOpen==ORM_OPEN_NOT
       || pEdge->eForeign<=1+ORM_FK_NO_ACTION
       || (iTo!=0 && p->a[iTo].iOrder<p->a[i].iOrder) ) continue;
      add(p, "  UPDATE ");
      name(p, pEdge->pTo->zTable);
      ormEdgeOpenSql(p->pBuf, pEdge);
      add(p, " WHERE ");
      goes(p, iTo, 0);
      add(p, ";\n");
    }
  }
}

/* Must the trigger delete its own row too, because a foreign key would act on
** it before SQLite does? */
static int ownFirst(const Closure *p){
  for(int i=1; i<p->n; i++){
    for(const OrmEdge *pEdge=p->a[i].p->pEdge; pEdge; pEdge=pEdge->pNext){
      if( pEdge->pTo==p->a[0].p && ormEdgeFirm(pEdge) ) return 1;
    }
  }
  return 0;
}

static void wholeDelete(Closure *p, int i){
  const OrmNode *pNode = p->a[i].p;
  int bOwn = i==0 && ownFirst(p);
  if( p->a[i].bLeaf ){
    for(int j=0; j<p->n; j++){
      for(const OrmEdge *pEdge=p->a[j].p->pEdge; pEdge; pEdge=pEdge->pNext){
        if( pEdge->pTo!=pNode ) continue;
        add(p, "  DELETE FROM ");
        name(p, pNode->zTable);
        add(p, " WHERE ");
        refers(p, pEdge);
        add(p, ";\n");
      }
    }
    return;
  }
  if( i==0 && !p->a[0].bDelete && !bOwn ) return;
  add(p, "  DELETE FROM ");
  name(p, pNode->zTable);
  add(p, " WHERE ");
  goes(p, i, 0);
  if( i==0 && !bOwn ){
    add(p, " AND ");
    ids(p, pNode, 0);
    add(p, " IS NOT ");
    ids(p, pNode, "OLD");
  }
  add(p, ";\n");
}

static void whole(Closure *p){
  ormClosureOrder(p);
  if( p->pErr->rc ) return;
  add(p, "  INSERT INTO orm_state(id, token) VALUES (2, 0);\n");
  wholeReach(p);
  wholeTouch(p);
  wholeForbid(p);
  wholeRelease(p);
  for(int i=0; i<p->n; i++) wholeDelete(p, p->aOrder[i]);
  add(p, "  DELETE FROM orm_state WHERE id >= 2;\n");
}

static void trigger(Closure *p, OrmNode *pNode){
  char *zName = ormArenaPrintf(p->pArena, "orm_enforce_%s", pNode->zTable);
  ormClosureBuild(p, pNode);
  if( p->n>CLOSURE_MAX ){
    ormErr(p->pErr, SQLITE_ERROR, "orm: orm_enforce: a delete in %s reaches"
           " more than %d tables", pNode->zTable, CLOSURE_MAX);
  }
  if( p->pErr->rc ) return;
  add(p, "CREATE TRIGGER ");
  name(p, zName);
  add(p, " BEFORE DELETE ON ");
  name(p, pNode->zTable);
  add(p, "\nWHEN NOT EXISTS (SELECT 1 FROM orm_state WHERE id = 2)\nBEGIN\n");
  if( ormClosureChains(p) ) chain(p); else whole(p);
  add(p, "END");
}

int ormTriggerSql(Orm *pOrm, OrmErr *pErr, OrmNode *pNode, OrmBuf *pBuf){
  OrmArena arena;
  Closure c;
  int bAny = 0;
  OrmEdge *pEdge = ormNodeEdges(pErr, pNode);
  for(; pEdge; pEdge=pEdge->pNext) bAny |= ormEdgeHeeds(pEdge);
  if( !bAny || pErr->rc ) return 0;
  ormArenaInit(&arena, pErr);
  memset(&c, 0, sizeof(c));
  c.pOrm = pOrm;
  c.pErr = pErr;
  c.pArena = &arena;
  c.pBuf = pBuf;
  trigger(&c, pNode);
  ormArenaFree(&arena);
  return pErr->rc==SQLITE_OK;
}
