/*
** The statements that load a level: their SQL text.
**
** Aliases: c the level's own rows, k the list of keys, p the parent's table,
** l a link table; t<n> are left to conditions and orders.  ?1 is always the
** list of keys; values of the query are ?2 and up.
**
** A level's values stand in this order: what says where the row belongs (its
** position in the list of keys, or the columns that join), the selected
** fields, the counts, the fields that are only kept (OrmLevel.aExtra).
**
** Rows are pushed by orm_emit().  What has an order is sorted in a subquery
** first, so that nothing stands between orm_emit() and the rows; SQLite keeps
** the order of a subquery for aggregates that are not its own.
*/
#include "load.h"

#define FIRST_VALUE 2           /* ?2: the first of a query's values          */
#define INDEX_MOST  3           /* columns that an index often has            */

static void add(OrmSql *pSql, const char *z){
  ormBufAdd(&pSql->buf, z, -1);
}

static void addColumn(OrmSql *pSql, const char *zAlias, const OrmModel *pModel,
                      int iField){
  ormBufColumn(&pSql->buf, zAlias, pModel->aField[iField].zName);
}

static void addTable(OrmSql *pSql, const char *zTable, const char *zAlias){
  ormBufTable(&pSql->buf, zTable);
  ormBufPrintf(&pSql->buf, " AS %s", zAlias);
}

/* The key's value that is compared with the column that refers to it. */
static void addKey(OrmSql *pSql, const OrmLevel *p, int i){
  int bConvert = p->bConvert && (p->mConvert>>i & 1);
  ormBufPrintf(&pSql->buf, bConvert ? "k.n%d" : "k.k%d", i);
}

/* "c.a=k.k0 AND c.b=k.k1", of columns that compare with the keys as they are */
static void addMatch(OrmSql *pSql, const char *zAlias, const OrmModel *pModel,
                     int n, const int *aField){
  for(int i=0; i<n; i++){
    if( i ) add(pSql, " AND ");
    addColumn(pSql, zAlias, pModel, aField[i]);
    ormBufPrintf(&pSql->buf, "=k.k%d", i);
  }
}

/* The same of the level's own columns and the parent's. */
static void addMatchParent(OrmSql *pSql, const OrmLevel *p){
  for(int i=0; i<p->pRel->nRemote; i++){
    if( i ) add(pSql, " AND ");
    addColumn(pSql, "c", p->pModel, p->pRel->aRemote[i]);
    add(pSql, "=");
    addKey(pSql, p, i);
  }
}

/* "l.a=k.k0" */
static void addMatchLink(OrmSql *pSql, const OrmLevel *p, const char *zLink){
  for(int i=0; i<p->pRel->nLocal; i++){
    if( i ) add(pSql, " AND ");
    ormBufColumn(&pSql->buf, zLink, p->pRel->azSecLocal[i]);
    add(pSql, "=");
    addKey(pSql, p, i);
  }
}

/* "c.id IN (SELECT l.tag_id FROM link AS l WHERE l.post_id=k.k0)" */
static void addLinked(OrmSql *pSql, const OrmLevel *p, const char *zChild){
  const OrmRel *pRel = p->pRel;
  char zLink[16];
  ormSqlAlias(pSql, zLink);
  ormSqlLinked(pSql, pRel, zChild);
  add(pSql, " IN (SELECT ");
  for(int i=0; i<pRel->nRemote; i++){
    if( i ) add(pSql, ",");
    ormBufColumn(&pSql->buf, zLink, pRel->azSecRemote[i]);
  }
  add(pSql, " FROM ");
  addTable(pSql, pRel->zSecondary, zLink);
  add(pSql, " WHERE ");
  addMatchLink(pSql, p, zLink);
  add(pSql, ")");
}

/* ------------------------------------------------------------------------
** Columns
*/

/* The values of a row, each with a comma in front. */
static void addValues(OrmSql *pSql, const OrmLevel *p, const char *zAlias){
  const OrmQuery *pQuery = p->pQuery;
  for(int i=-1; i<pQuery->nSelect; i++){
    int iPart = i<0 ? p->iEarly : i;
    if( i==p->iEarly || pQuery->nSelect==0 ) continue;
    add(pSql, ",");
    addColumn(pSql, zAlias, p->pModel, pQuery->aSelect[iPart]);
  }
  for(int i=0; i<pQuery->nCount && !p->bLate; i++){
    add(pSql, ",");
    ormCountSql(pSql, &pQuery->aCount[i], zAlias);
  }
  for(int i=0; i<p->nExtra; i++){
    add(pSql, ",");
    addColumn(pSql, zAlias, p->pModel, p->aExtra[i]);
  }
}

/* No column of the row itself is a value.  But orm_emit() in a subquery needs
** one: with none, SQLite takes it for an aggregate of the query around. */
static int isBare(const OrmLevel *p){
  return p->pQuery->nSelect==0 && p->nExtra==0;
}

/* "SELECT c.a AS a, .." of all fields that addValues() wants. */
static void addInner(OrmSql *pSql, const OrmLevel *p){
  add(pSql, "SELECT ");
  for(int i=0; i<p->nInner; i++){
    const char *zName = p->pModel->aField[p->aInner[i]].zName;
    if( i ) add(pSql, ",");
    ormBufColumn(&pSql->buf, "c", zName);
    add(pSql, " AS ");
    ormBufName(&pSql->buf, zName);
  }
  if( isBare(p) ) add(pSql, p->nInner ? ",1 AS orm_x" : "1 AS orm_x");
}

/* "SELECT orm_emit(k.i,..)", or "SELECT k.i,.." if they are too many. zFirst
** and zLast may be empty. */
static void addEmit(OrmSql *pSql, const OrmLevel *p, const char *zFirst,
                    const char *zLast){
  i64 iStart;
  add(pSql, p->bWide ? "SELECT " : "SELECT orm_emit(");
  iStart = pSql->buf.n;
  add(pSql, zFirst);
  addValues(pSql, p, "c");
  add(pSql, zLast);
  if( zFirst[0]==0 && pSql->buf.n>iStart && pSql->buf.pErr->rc==SQLITE_OK ){
    pSql->buf.z[iStart] = ' ';  /* the comma before the first                 */
  }
  add(pSql, p->bWide ? (pSql->buf.n==iStart ? "1" : "") : ")");
}

/* ------------------------------------------------------------------------
** The statements
*/

/* " LIMIT ?n OFFSET ?m" of an include; to-one: the first only. */
static void addLimit(OrmSql *pSql, const OrmLevel *p){
  const OrmQuery *pQuery = p->pQuery;
  if( !p->pRel->bMany ){
    add(pSql, " LIMIT 1");
  }else if( p->bLimited ){
    ormSqlLimit(pSql, pQuery->iLimit, pQuery->iOffset);
  }
}

/* "c.a=+?2 AND c.b=+?3".  The plan is the same for every key: the + keeps
** SQLite from looking at it, and from planning anew for the next one. */
static void addMatchParams(OrmSql *pSql, const OrmModel *pModel, int n,
                           const int *aField){
  for(int i=0; i<n; i++){
    if( i ) add(pSql, " AND ");
    addColumn(pSql, "c", pModel, aField[i]);
    ormBufPrintf(&pSql->buf, "=+?%d", FIRST_VALUE + i);
  }
}

/* " FROM [parent AS p CROSS JOIN] child AS c WHERE <join with k>" */
static void addFromJoined(OrmSql *pSql, const OrmLevel *p, int bKeys){
  OrmRel *pRel = p->pRel;
  i64 iFrom;
  pSql->bInSeek = 0;
  add(pSql, bKeys ? " FROM orm_keys(?1) AS k CROSS JOIN " : " FROM ");
  if( p->bViaParent ){
    addTable(pSql, pRel->pModel->zTable, "p");
    add(pSql, " CROSS JOIN ");
  }
  addTable(pSql, p->pModel->zTable, "c");
  iFrom = pSql->buf.n;
  add(pSql, " WHERE ");
  if( p->bViaParent ){
    addMatch(pSql, "p", pRel->pModel, pRel->pModel->nKey, pRel->pModel->aKey);
    add(pSql, " AND ");
    ormRelJoinSql(pSql, pRel, "p", "c");
  }else if( pRel->zSecondary ){
    addLinked(pSql, p, "c");
  }else{
    addMatchParent(pSql, p);
  }
  ormWhereSql(pSql, p->pQuery, "c");
  if( !bKeys ) ormSqlInLimited(pSql, iFrom);
}

static void makeRoot(OrmSql *pSql, OrmLevel *p){
  if( p->bNatural && ormRootIsWhole(p) ){
    addEmit(pSql, p, "", "");
    add(pSql, " FROM ");
    addTable(pSql, p->pModel->zTable, "c");
    add(pSql, " NOT INDEXED WHERE 1");
    ormWhereSql(pSql, p->pQuery, "c");
    return;
  }
  if( p->bWide ){
    addEmit(pSql, p, "", "");
    ormSelectSql(pSql, p->pQuery, "c");
    return;
  }
  addEmit(pSql, p, "", "");
  add(pSql, " FROM (");
  addInner(pSql, p);
  ormSelectSql(pSql, p->pQuery, "c");
  add(pSql, ") AS c");
}

/* The order values follow the row's. */
static void addPull(OrmSql *pSql, const OrmLevel *p){
  i64 iStart;
  add(pSql, "SELECT ");
  iStart = pSql->buf.n;
  addValues(pSql, p, "c");
  ormOrderColumns(pSql, p->pQuery, "c");
  if( pSql->buf.pErr->rc==SQLITE_OK ) pSql->buf.z[iStart] = ' ';
}

static void makePull(OrmSql *pSql, OrmLevel *p){
  addPull(pSql, p);
  ormSelectSql(pSql, p->pQuery, "c");
}

static void makeOne(OrmSql *pSql, OrmLevel *p){
  addEmit(pSql, p, "", "");
  add(pSql, " FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  addMatchParams(pSql, p->pModel, p->pModel->nKey, p->pModel->aKey);
  ormWhereSql(pSql, p->pQuery, "c");
}

/* Are the rows of a key read by their rowids, which an index has?  All columns
** of a row come from the row then, where SQLite would have two of them from the
** index, and find its way through the index's entry for each.  It is left to
** SQLite where conditions may use other columns of an index, and where an index
** may have all that is selected. */
static int isByRowid(const OrmLevel *p){
  const OrmQuery *pQuery = p->pQuery;
  return p->iKeySlot>=0 && p->pRel->nRemote==1 && pQuery->pWhere==0
      && p->pModel->iSoftDelete<0 && p->pModel->nField>INDEX_MOST
      && pQuery->nSelect==p->pModel->nField;
}

/* Rows come in any order where we sort them. */
static void makeSingle(OrmSql *pSql, OrmLevel *p){
  const OrmRel *pRel = p->pRel;
  const char *zTable = p->pModel->zTable;
  int bSort = p->iKeySlot<0;
  i64 iFrom;
  addEmit(pSql, p, "", bSort && isBare(p) ? ",c.orm_x" : "");
  if( bSort ){
    add(pSql, " FROM (");
    addInner(pSql, p);
  }
  add(pSql, " FROM ");
  if( isByRowid(p) ){
    addTable(pSql, zTable, "k");
    add(pSql, " CROSS JOIN ");
    addTable(pSql, zTable, "c");
    iFrom = pSql->buf.n;
    add(pSql, " WHERE ");
    addColumn(pSql, "k", p->pModel, pRel->aRemote[0]);
    ormBufPrintf(&pSql->buf, "=+?%d AND ", FIRST_VALUE);
    addColumn(pSql, "c", p->pModel, p->pModel->aKey[0]);
    add(pSql, "=");
    addColumn(pSql, "k", p->pModel, p->pModel->aKey[0]);
  }else{
    addTable(pSql, zTable, "c");
    iFrom = pSql->buf.n;
    add(pSql, " WHERE ");
    addMatchParams(pSql, p->pModel, pRel->nRemote, pRel->aRemote);
  }
  pSql->bInSeek = 0;
  ormWhereSql(pSql, p->pQuery, "c");
  if( bSort ){
    ormSqlInLimited(pSql, iFrom);
    ormOrderSql(pSql, p->pQuery, "c");
    addLimit(pSql, p);
    add(pSql, ") AS c");
  }
}

static void makeLoose(OrmSql *pSql, OrmLevel *p){
  addEmit(pSql, p, "k.i", "");
  add(pSql, " FROM orm_keys(?1) AS k CROSS JOIN ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  addMatchParent(pSql, p);
  ormWhereSql(pSql, p->pQuery, "c");
}

/* The same for a key in any form, whose values are in the binds already. */
void ormFetchKeyed(OrmLevel *p, OrmSql *pSql, const OrmKeyRef *pKey, int bPull){
  if( bPull ) addPull(pSql, p);
  else addEmit(pSql, p, "", "");
  add(pSql, " FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  ormKeySql(pSql, pKey, "c");
  ormWhereSql(pSql, p->pQuery, "c");
}

/* Targets of links come in the order asked for; the list of keys has the
** natural one already. */
static void makeKeys(OrmSql *pSql, OrmLevel *p){
  int bSort = p->pRel && p->pRel->zSecondary && !p->bNatural;
  int bInner = bSort && !p->bWide;
  addEmit(pSql, p, bInner ? "c.orm_i" : "k.i", "");
  if( bInner ){
    add(pSql, " FROM (");
    addInner(pSql, p);
    add(pSql, ",k.i AS orm_i");
  }
  add(pSql, " FROM orm_keys(?1) AS k CROSS JOIN ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  if( p->pRel && p->pRel->zSecondary ){
    addMatch(pSql, "c", p->pModel, p->pRel->nRemote, p->pRel->aRemote);
  }else if( p->pRel ){
    addMatchParent(pSql, p);
  }else{
    addMatch(pSql, "c", p->pModel, p->pModel->nKey, p->pModel->aKey);
  }
  ormWhereSql(pSql, p->pQuery, "c");
  if( bSort ) ormOrderSql(pSql, p->pQuery, "c");
  if( bInner ) add(pSql, ") AS c");
}

/* Position and rowid: an index on the columns that join is enough. */
static void makeRowids(OrmSql *pSql, OrmLevel *p){
  add(pSql, "SELECT orm_emit(k.i,");
  addColumn(pSql, "c", p->pModel, p->pModel->aKey[0]);
  add(pSql, ") FROM orm_keys(?1) AS k CROSS JOIN ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  addMatchParent(pSql, p);
}

static void makeRows(OrmSql *pSql, OrmLevel *p){
  addEmit(pSql, p, "k.i", "");
  add(pSql, " FROM orm_keys(?1) AS k CROSS JOIN ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE ");
  addMatch(pSql, "c", p->pModel, 1, p->pModel->aKey);
  ormWhereSql(pSql, p->pQuery, "c");
}

/* ",l.a,l.b" */
static void addLinkColumns(OrmSql *pSql, int n, const char **az, int bFirst){
  for(int i=0; i<n; i++){
    if( i || !bFirst ) add(pSql, ",");
    ormBufColumn(&pSql->buf, "l", az[i]);
  }
}

static void makeLinks(OrmSql *pSql, OrmLevel *p){
  OrmRel *pRel = p->pRel;
  add(pSql, "SELECT orm_emit(k.i");
  addLinkColumns(pSql, pRel->nRemote, pRel->azSecRemote, 0);
  add(pSql, ") FROM orm_keys(?1) AS k CROSS JOIN ");
  addTable(pSql, pRel->zSecondary, "l");
  add(pSql, " WHERE ");
  addMatchLink(pSql, p, "l");
}

static void makeLinkScan(OrmSql *pSql, OrmLevel *p){
  OrmRel *pRel = p->pRel;
  add(pSql, "SELECT orm_emit(");
  addLinkColumns(pSql, pRel->nLocal, pRel->azSecLocal, 1);
  addLinkColumns(pSql, pRel->nRemote, pRel->azSecRemote, 0);
  add(pSql, ") FROM ");
  addTable(pSql, pRel->zSecondary, "l");
}

/* "(SELECT max(c.id) FROM t AS c)-(SELECT min(c.id) FROM t AS c)": a key that
** is the rowid has no more rows than that and one. */
static void addSpan(OrmSql *pSql, const OrmModel *pModel){
  for(int i=0; i<2; i++){
    add(pSql, i ? "-(SELECT min(" : "(SELECT max(");
    addColumn(pSql, "c", pModel, pModel->aKey[0]);
    add(pSql, ") FROM ");
    addTable(pSql, pModel->zTable, "c");
    add(pSql, ")");
  }
}

/* 1 if a table has more than ?2 rows. */
static void addMore(OrmSql *pSql, const OrmModel *pModel){
  add(pSql, "SELECT ");
  if( pModel->bRowidKey ){
    add(pSql, "CASE WHEN ");
    addSpan(pSql, pModel);
    add(pSql, "<?2 THEN 0 ELSE ");
  }
  add(pSql, "(SELECT 1 FROM ");
  addTable(pSql, pModel->zTable, "c");
  add(pSql, " LIMIT 1 OFFSET ?2) IS NOT NULL");
  if( pModel->bRowidKey ) add(pSql, " END");
}

static void makeMoreParents(OrmSql *pSql, OrmLevel *p){
  addMore(pSql, p->pParent->pModel);
}

static void makeMoreRows(OrmSql *pSql, OrmLevel *p){
  addMore(pSql, p->pModel);
}

static void addCount(OrmSql *pSql, const OrmModel *pModel){
  add(pSql, "(SELECT count(*) FROM ");
  addTable(pSql, pModel->zTable, "p");
  add(pSql, ")");
}

/* 1 if the parent's table has more than ?2 rows and at least twice as many as
** ours, which is read no further. */
static void makeFewTargets(OrmSql *pSql, OrmLevel *p){
  const OrmModel *pParent = p->pParent->pModel;
  add(pSql, "SELECT CASE WHEN ");
  addCount(pSql, pParent);
  add(pSql, "<=?2 THEN 0 ");
  if( p->pModel->bRowidKey ){
    add(pSql, "WHEN ");
    addSpan(pSql, p->pModel);
    add(pSql, "<");
    addCount(pSql, pParent);
    add(pSql, "/2 THEN 1 ");
  }
  add(pSql, "ELSE (SELECT 1 FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " LIMIT 1 OFFSET ");
  addCount(pSql, pParent);
  add(pSql, "/2) IS NULL END");
}

/* "EXISTS(SELECT 1 FROM t AS c WHERE c.x >= '' ..)": has column i of n a text?
** Of several columns it is looked for in the rows that a key has by the others,
** as far as these are sure to be found by it (mSure). */
static void addHasText(OrmSql *pSql, const char *zTable,
                       const char *const *azCol, int n, int i, int mSure){
  add(pSql, mSure ? "EXISTS(SELECT 1 FROM orm_keys(?1) AS k CROSS JOIN "
                  : "EXISTS(SELECT 1 FROM ");
  addTable(pSql, zTable, "c");
  add(pSql, " WHERE ");
  ormBufIsText(&pSql->buf, "c", azCol[i]);
  for(int j=0; j<n; j++){
    if( (mSure>>j & 1)==0 ) continue;
    add(pSql, " AND ");
    ormBufColumn(&pSql->buf, "c", azCol[j]);
    ormBufPrintf(&pSql->buf, "=k.k%d", j);
  }
  add(pSql, ")");
}

/* Is there a text that would have to become a number to find its parent? */
static void makeTexts(OrmSql *pSql, OrmLevel *p){
  const OrmRel *pRel = p->pRel;
  const char *azCol[ORM_MAX_KEY];
  const char *zTable = pRel->zSecondary ? pRel->zSecondary : p->pModel->zTable;
  const char *zSep = "SELECT ";
  int n = pRel->nLocal;
  int mSure = ((1<<n) - 1) & ~(int)p->mConvert;
  for(int i=0; i<n; i++){
    azCol[i] = pRel->zSecondary ? pRel->azSecLocal[i]
             : p->pModel->aField[pRel->aRemote[i]].zName;
  }
  for(int i=0; i<n; i++){
    if( (p->mConvert>>i & 1)==0 ) continue;
    add(pSql, zSep);
    addHasText(pSql, zTable, azCol, n, i, mSure);
    mSure |= 1<<i;
    zSep = " OR ";
  }
}

static void makeLinkTexts(OrmSql *pSql, OrmLevel *p){
  const OrmRel *pRel = p->pRel;
  const char *zSep = "SELECT ";
  for(int i=0; i<pRel->nRemote; i++){
    const OrmField *pField = &p->pModel->aField[pRel->aRemote[i]];
    if( pField->cAff!='A' ) continue;
    add(pSql, zSep);
    addHasText(pSql, p->pModel->zTable, &pField->zName, 1, 0, 0);
    zSep = " OR ";
  }
}

/* For each key a subquery.  bFew: by the first term of the order alone, which
** is handed over too, and one row more. */
static void addEach(OrmSql *pSql, OrmLevel *p, int bFew){
  const OrmOrder *pOrder = p->pQuery->aOrder;
  add(pSql, "SELECT count((");
  addEmit(pSql, p, "k.i", bFew ? ",c.orm_o" : isBare(p) ? ",c.orm_x" : "");
  add(pSql, " FROM (");
  addInner(pSql, p);
  if( bFew ){
    add(pSql, ",");
    addColumn(pSql, "c", p->pModel, pOrder->iField);
    add(pSql, " AS orm_o");
  }
  addFromJoined(pSql, p, 0);
  if( bFew ){
    add(pSql, " ORDER BY ");
    ormOrderTermSql(pSql, pOrder, "c");
    ormOrderWordsSql(pSql, pOrder, 0);
    ormSqlLimit(pSql, p->pQuery->iLimit + 1, 0);
  }else{
    ormOrderSql(pSql, p->pQuery, "c");
    addLimit(pSql, p);
  }
  add(pSql, ") AS c)) FROM orm_keys(?1) AS k");
}

static void makeEach(OrmSql *pSql, OrmLevel *p){
  addEach(pSql, p, 0);
}

static void makeFew(OrmSql *pSql, OrmLevel *p){
  addEach(pSql, p, 1);
}

/* " ORDER BY k.i, <the query's>" */
static void addOrderByKey(OrmSql *pSql, const OrmLevel *p){
  static const char zOrder[] = " ORDER BY ";
  OrmBuf *pBuf = &pSql->buf;
  i64 iStart = pBuf->n;
  i64 nKeep = (i64)sizeof(zOrder) - 1;
  ormOrderSql(pSql, p->pQuery, "c");
  ormBufAdd(pBuf, "     ", 5);
  if( pBuf->pErr->rc ) return;
  assert( memcmp(&pBuf->z[iStart], zOrder, (size_t)nKeep)==0 );
  memmove(&pBuf->z[iStart + nKeep + 5], &pBuf->z[iStart + nKeep],
          (size_t)(pBuf->n - iStart - nKeep - 5));
  memcpy(&pBuf->z[iStart + nKeep], "k.i, ", 5);
}

static void makeJoin(OrmSql *pSql, OrmLevel *p){
  addEmit(pSql, p, p->bWide ? "k.i" : "c.orm_i", "");
  if( !p->bWide ){
    add(pSql, " FROM (");
    addInner(pSql, p);
    add(pSql, ",k.i AS orm_i");
  }
  addFromJoined(pSql, p, 1);
  addOrderByKey(pSql, p);
  if( !p->bWide ) add(pSql, ") AS c");
}

/* The columns that join stand first. */
static void makeScan(OrmSql *pSql, OrmLevel *p){
  OrmRel *pRel = p->pRel;
  OrmBuf first;
  ormBufInit(&first, pSql->buf.pErr);
  for(int i=0; i<pRel->nRemote; i++){
    if( p->aJoin[i]>=p->nLead ) continue;    /* among the object's values     */
    if( first.n>0 ) ormBufChar(&first, ',');
    ormBufColumn(&first, "c", p->pModel->aField[pRel->aRemote[i]].zName);
  }
  addEmit(pSql, p, ormBufText(&first), "");
  ormBufFree(&first);
  if( p->bNatural || p->bWide ){
    add(pSql, " FROM ");
    addTable(pSql, p->pModel->zTable, "c");
    if( p->bNatural ) add(pSql, " NOT INDEXED");
    add(pSql, " WHERE 1");
    ormWhereSql(pSql, p->pQuery, "c");
    if( !p->bNatural ) ormOrderSql(pSql, p->pQuery, "c");
    return;
  }
  add(pSql, " FROM (SELECT ");
  for(int i=0; i<p->pModel->nField; i++){
    if( i ) add(pSql, ",");
    addColumn(pSql, "c", p->pModel, i);
    add(pSql, " AS ");
    ormBufName(&pSql->buf, p->pModel->aField[i].zName);
  }
  add(pSql, " FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, " WHERE 1");
  ormWhereSql(pSql, p->pQuery, "c");
  ormOrderSql(pSql, p->pQuery, "c");
  add(pSql, ") AS c");
}

/* Without a condition SQLite counts by pages, not by rows: no WHERE then. */
static const char zTrue[] = " WHERE 1";
static void dropTrue(OrmSql *pSql){
  i64 n = pSql->buf.n - (i64)strlen(zTrue);
  if( n>0 && memcmp(&pSql->buf.z[n], zTrue, strlen(zTrue))==0 ){
    pSql->buf.n = n;
  }
}

static void makeCount(OrmSql *pSql, OrmLevel *p){
  if( p->bLimited || p->pQuery->pAfter || p->pQuery->pBefore ){
    add(pSql, "SELECT count(*) FROM (SELECT 1");
    ormSelectSql(pSql, p->pQuery, "c");
    add(pSql, ")");
    return;
  }
  add(pSql, "SELECT count(*) FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, zTrue);
  pSql->bWhole = 1;
  ormWhereSql(pSql, p->pQuery, "c");
  dropTrue(pSql);
}

static void makeExists(OrmSql *pSql, OrmLevel *p){
  add(pSql, "SELECT EXISTS(SELECT 1");
  if( p->bLimited || p->pQuery->pAfter || p->pQuery->pBefore ){
    ormSelectSql(pSql, p->pQuery, "c");
  }else{
    add(pSql, " FROM ");
    addTable(pSql, p->pModel->zTable, "c");
    add(pSql, " WHERE 1");
    ormWhereSql(pSql, p->pQuery, "c");
  }
  add(pSql, ")");
}

static void makeTotal(OrmSql *pSql, OrmLevel *p){
  add(pSql, "SELECT count(*) FROM ");
  addTable(pSql, p->pModel->zTable, "c");
  add(pSql, zTrue);
  pSql->bWhole = 1;
  ormConditionSql(pSql, p->pModel, p->pQuery->pWhere, p->pQuery->eDeleted, "c");
  dropTrue(pSql);
}

static void makeRootKeys(OrmSql *pSql, OrmLevel *p){
  add(pSql, "SELECT ");
  for(int i=0; i<p->pModel->nKey; i++){
    if( i ) add(pSql, ",");
    addColumn(pSql, "c", p->pModel, p->pModel->aKey[i]);
  }
  ormSelectSql(pSql, p->pQuery, "c");
}

static void makePullKeys(OrmSql *pSql, OrmLevel *p){
  add(pSql, "SELECT ");
  for(int i=0; i<p->pModel->nKey; i++){
    if( i ) add(pSql, ",");
    addColumn(pSql, "c", p->pModel, p->pModel->aKey[i]);
  }
  ormOrderColumns(pSql, p->pQuery, "c");
  ormSelectSql(pSql, p->pQuery, "c");
}

static void (*const axMake[ORM_FETCH_N])(OrmSql*, OrmLevel*) = {
  [ORM_FETCH_ROOT]      = makeRoot,
  [ORM_FETCH_PULL]      = makePull,
  [ORM_FETCH_PULL_KEYS] = makePullKeys,
  [ORM_FETCH_ONE]       = makeOne,
  [ORM_FETCH_KEYS]      = makeKeys,
  [ORM_FETCH_EACH]      = makeEach,
  [ORM_FETCH_FEW]       = makeFew,
  [ORM_FETCH_SINGLE]    = makeSingle,
  [ORM_FETCH_LOOSE]     = makeLoose,
  [ORM_FETCH_JOIN]      = makeJoin,
  [ORM_FETCH_ROWIDS]    = makeRowids,
  [ORM_FETCH_ROWS]      = makeRows,
  [ORM_FETCH_LINKS]     = makeLinks,
  [ORM_FETCH_LINK_SCAN] = makeLinkScan,
  [ORM_FETCH_MORE_PARENTS] = makeMoreParents,
  [ORM_FETCH_MORE_ROWS]    = makeMoreRows,
  [ORM_FETCH_FEW_TARGETS]  = makeFewTargets,
  [ORM_FETCH_TEXTS]        = makeTexts,
  [ORM_FETCH_LINK_TEXTS]   = makeLinkTexts,
  [ORM_FETCH_SCAN]      = makeScan,
  [ORM_FETCH_COUNT]     = makeCount,
  [ORM_FETCH_EXISTS]    = makeExists,
  [ORM_FETCH_TOTAL]     = makeTotal,
  [ORM_FETCH_ROOT_KEYS] = makeRootKeys,
};

/* ?N of the first value that is the query's own; before it the keys. */
int ormFetchFirst(const OrmLevel *p, int eFetch){
  if( eFetch==ORM_FETCH_ONE ) return FIRST_VALUE + p->pModel->nKey;
  if( eFetch==ORM_FETCH_SINGLE ) return FIRST_VALUE + p->pRel->nRemote;
  return FIRST_VALUE;
}

/* Render a statement, or its stretch from 1. */
static void fetchMake(OrmLevel *p, OrmFetch *pFetch, int eFetch, int iStretch){
  OrmPlan *pPlan = p->pPlan;
  OrmSql sql;
  ormSqlInit(&sql, pPlan->pOrm, &pPlan->arena, ormFetchFirst(p, eFetch));
  sql.iStretch = iStretch;
  axMake[eFetch](&sql, p);
  if( pPlan->err.rc==SQLITE_OK ){
    pFetch->binds = sql.binds;
    pFetch->nSql = sql.buf.n;
    pFetch->iHash = ormStmtHash(sql.buf.z, sql.buf.n);
    pFetch->zSql = ormArenaText(&pPlan->arena, sql.buf.z, sql.buf.n);
  }
  ormSqlFree(&sql);
}

OrmFetch *ormFetchGet(OrmLevel *p, int eFetch){
  OrmFetch *pFirst = &p->aFetch[eFetch], *pFetch;
  OrmPlan *pPlan = p->pPlan;
  int nPart = 0;
  if( p->bConvert ){
    if( p->aConvert==0 ){
      p->aConvert = ormArenaAlloc(&pPlan->arena, (i64)sizeof(p->aFetch));
    }
    pFirst = p->aConvert ? &p->aConvert[eFetch] : 0;
  }
  if( pPlan->err.rc ) return 0;
  pFetch = pFirst;
  if( pFetch->zSql ) return pFetch;
  if( p->pParent==0 && eFetch<=ORM_FETCH_PULL_KEYS ){
    nPart = ormSelectParts(p->pQuery);
  }
  fetchMake(p, pFetch, eFetch, nPart>0);
  for(int i=2; i<=nPart && pPlan->err.rc==SQLITE_OK; i++){
    OrmFetch *pMore = ormArenaAlloc(&pPlan->arena, (i64)sizeof(*pMore));
    if( pMore ) fetchMake(p, pMore, eFetch, i);
    pFetch->pMore = pMore;
    if( pMore ) pFetch = pMore;
  }
  if( pPlan->err.rc==SQLITE_OK ) return pFirst;
  pFirst->zSql = 0;             /* all of it or nothing                       */
  return 0;
}

static OrmStmt *fetchTake(OrmLevel *p, OrmFetch *pFetch, int iFirst){
  OrmErr *pErr = &p->pPlan->err;
  Orm *pOrm = p->pPlan->pOrm;
  OrmStmt *pStmt = ormStmtTakeKept(pOrm, pFetch->zSql, pFetch->nSql,
                                   pFetch->iHash);
  if( pStmt==0 ) pStmt = ormStmtTake(pOrm, pErr, pFetch->zSql, pFetch->nSql);
  ormBindAll(pErr, pStmt, iFirst, &pFetch->binds);
  return pStmt;
}

/* The statement, with the query's values bound; 0 after an error. */
OrmStmt *ormFetchTake(OrmLevel *p, int eFetch){
  OrmFetch *pFetch = ormFetchGet(p, eFetch);
  return pFetch ? fetchTake(p, pFetch, ormFetchFirst(p, eFetch)) : 0;
}

OrmStmt *ormFetchMore(OrmLevel *p, OrmFetch **ppFetch, i64 nRow){
  OrmFetch *pFetch = (*ppFetch)->pMore;
  const OrmQuery *pQuery = p->pQuery;
  i64 nLimit = pQuery->iLimit + pQuery->bMore;
  OrmStmt *pStmt;
  if( pFetch==0 || p->pPlan->err.rc ) return 0;
  if( pQuery->iLimit>=0 && nRow>=nLimit ) return 0;
  *ppFetch = pFetch;
  pStmt = fetchTake(p, pFetch, FIRST_VALUE);
  if( pStmt && pQuery->iLimit>=0 ){
    ormBindIntTo(pStmt, pStmt->nParam, nLimit - nRow);
  }
  return pStmt;
}

void ormFetchGive(OrmLevel *p, OrmStmt *pStmt){
  ormStmtGive(p->pPlan->pOrm, &p->pPlan->err, pStmt);
}
